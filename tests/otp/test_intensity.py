"""Restart intensity: OTP rules 47-52."""

from typing import Any

import pytest

from naive_daemon.otp import (
    SHUTDOWN,
    ChildSpec,
    ChildType,
    Restart,
    RestartChild,
    StartChild,
    Supervisor,
    TerminateChild,
)
from naive_daemon.otp.intensity import Intensity
from tests.otp.laboratory import Laboratory


@pytest.mark.parametrize(
    ("max_restarts", "times_s", "exceeded"),
    [
        (0, [0], [True]),
        (1, [0, 5], [False, True]),
        (1, [0, 5.001], [False, False]),
        (2, [0, 1, 5, 5.5], [False, False, True, True]),
        (2, [0, 1, 5.5, 6.5], [False, False, False, False]),
        (3, [0, 0, 0, 0], [False, False, False, True]),
        (1, [0, 4, 8, 12], [False, True, True, True]),
    ],
)
def test_rule_47_the_window_slides_and_is_inclusive(
    max_restarts: int, times_s: list[float], exceeded: list[bool]
) -> None:
    intensity = Intensity(max_restarts, 5)
    assert [intensity.exceeded_by_restart_at(now_s) for now_s in times_s] == exceeded


def test_rule_47_one_counter_for_all_children_that_ages(simulated: Laboratory) -> None:
    supervisor = simulated.supervisor("a", "b", max_restarts=2, period_s=1.5)
    simulated.crash("a")
    simulated.crash("b")
    simulated.advance(1.501)
    simulated.crash("a")
    simulated.crash("b")
    assert supervisor.is_alive()
    simulated.advance(1.5)
    simulated.crash("a")
    assert simulated.reason_of(supervisor) == SHUTDOWN


def test_rule_48_intensity_0_makes_the_first_restart_fatal(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", max_restarts=0)
    lab.seen()
    lab.crash("a")
    assert lab.starts() == []
    assert lab.reason_of(supervisor) == SHUTDOWN


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rule_49_what_exceeding_does(lab: Laboratory, logs: list[Any], is_dynamic: bool) -> None:
    specs = [lab.spec(name) for name in "abc"]
    supervisor = lab.dynamic(*specs, max_restarts=0) if is_dynamic else lab.supervisor(*specs, max_restarts=0)
    lab.seen()
    lab.crash("b")
    ends = lab.seen("start", "end")
    assert ends[0] == ("end", "b", "crash")
    assert sorted(ends[1:]) == [("end", "a", "shutdown"), ("end", "c", "shutdown")]
    if not is_dynamic:
        assert [event[1] for event in ends] == ["b", "c", "a"]
    assert lab.reason_of(supervisor) == SHUTDOWN
    reports = [(entry["context"], entry["reason"]) for entry in logs if entry["event"] == "supervisor report"]
    assert reports == [("child_terminated", "BoomError: boom"), ("shutdown", "reached_max_restart_intensity")]


@pytest.mark.parametrize(
    ("restart", "state"), [(Restart.PERMANENT, "running"), (Restart.TRANSIENT, "stopped"), (Restart.TEMPORARY, None)]
)
def test_rule_50_what_the_parent_makes_of_it(lab: Laboratory, restart: Restart, state: str | None) -> None:
    nested = ChildSpec(
        id="n", start=lambda: Supervisor([lab.spec("x")], max_restarts=0), restart=restart, type=ChildType.SUPERVISOR
    )
    parent = lab.supervisor(nested, max_restarts=1)
    lab.seen()
    lab.crash("x")
    assert lab.states(parent).get("n") == state
    assert lab.starts() == (["x"] if state == "running" else [])
    if state == "running":
        lab.crash("x")
        assert lab.reason_of(parent) == SHUTDOWN


def test_rule_51_a_restarted_supervisor_begins_anew(lab: Laboratory) -> None:
    nested = ChildSpec(
        id="n", start=lambda: Supervisor([lab.spec("x")]), name="n", type=ChildType.SUPERVISOR
    )  # one restart is allowed
    lab.supervisor(nested, max_restarts=1)
    lab.ask("n", StartChild(lab.spec("extra")))
    first = lab.find("n")
    lab.crash("x")
    lab.crash("x")
    assert lab.find("n") is not first
    assert list(lab.refs(lab.find("n"))) == ["x"]
    second = lab.find("n")
    lab.crash("x")
    assert lab.find("n") is second


def test_rule_52_starts_by_hand_are_not_charged(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", max_restarts=0)
    for _ in range(3):
        lab.ask(supervisor, TerminateChild("a"))
        lab.ask(supervisor, RestartChild("a"))
    lab.ask(supervisor, StartChild(lab.spec("b")))
    assert lab.states(supervisor) == {"a": "running", "b": "running"}
