"""What a supervisor logs about its children: one event for each start, end or stop that went wrong."""

import threading
from typing import Any

import pytest
import structlog

from naive_daemon.otp import (
    BRUTAL_KILL,
    INFINITY,
    ChildSpec,
    ChildType,
    ExitReason,
    Restart,
    StartChild,
    StartFailedError,
    Supervisor,
    TerminateChild,
)
from tests.otp.laboratory import BoomError, Laboratory, Worker, throw

BOTH = pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])


def reports(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if entry["event"] == "supervisor report"]


@BOTH
def test_a_crash_is_reported_with_who_it_was_and_what_is_left(
    lab: Laboratory, logs: list[Any], is_dynamic: bool
) -> None:
    error = BoomError("boom")
    spec = lab.spec("a", name=("desk", "a"), shutdown_s=7, restart=Restart.TRANSIENT)
    if is_dynamic:
        lab.dynamic(spec, max_restarts=3)
    else:
        lab.supervisor(spec, max_restarts=3)
    for left in (3, 2):
        logs.clear()
        incarnation = lab.find(("desk", "a")).number
        lab.crash(("desk", "a"), error)
        [report] = reports(logs)
        assert (report["context"], report["reason"]) == ("child_terminated", "BoomError: boom")
        assert (report["exc_info"], report["restarts_left"], report["log_level"]) == (error, left, "error")
        assert report["offender"] == {
            "id": "a",
            "label": "desk:a",
            "incarnation": incarnation,
            "restart": "transient",
            "shutdown": 7,
            "type": "worker",
        }


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"shutdown_s": BRUTAL_KILL}, "brutal_kill"),
        ({"shutdown_s": INFINITY}, "infinity"),
        ({}, 5.0),
        ({"type": ChildType.SUPERVISOR}, "infinity"),
    ],
)
def test_a_shutdown_is_shown_as_otp_calls_it(
    lab: Laboratory, logs: list[Any], fields: dict[str, Any], shown: object
) -> None:
    lab.supervisor(lab.spec("a", **fields))
    lab.leave("a", ExitReason("odd"))
    [report] = reports(logs)
    assert (report["offender"]["shutdown"], report["exc_info"]) == (shown, None)


def test_rules_13_41_49_each_failed_start_and_the_giving_up_are_reported(lab: Laboratory, logs: list[Any]) -> None:
    lab.plan("a", None, BoomError("one"), BoomError("two"))
    lab.supervisor("a", max_restarts=2)
    lab.kill("a")
    assert [(report["context"], report["reason"], report["restarts_left"]) for report in reports(logs)] == [
        ("child_terminated", "killed", 2),
        ("start_error", "BoomError: one", 1),
        ("start_error", "BoomError: two", 0),
        ("shutdown", "reached_max_restart_intensity", 0),
    ]


def test_a_child_that_was_never_made_is_incarnation_0(lab: Laboratory, logs: list[Any]) -> None:
    with pytest.raises(StartFailedError):
        lab.supervisor(ChildSpec(id=("a", 1), start=lambda: throw(BoomError("no"))))
    [report] = reports(logs)
    assert (report["context"], report["offender"]["id"], report["offender"]["incarnation"]) == ("start_error", "a:1", 0)


@BOTH
def test_rule_24_a_child_that_had_to_be_killed_is_reported(
    simulated: Laboratory, logs: list[Any], is_dynamic: bool
) -> None:
    lab = simulated

    class Deaf(Worker):
        def _on_parent_exit(self, _reason: ExitReason) -> None:
            """Go on."""

    spec = lab.spec("d", Deaf, shutdown_s=1)
    supervisor = lab.dynamic(spec) if is_dynamic else lab.supervisor(spec)
    lab.ask(supervisor, TerminateChild(lab.find("d") if is_dynamic else "d"), within_s=1)
    assert [(report["context"], report["reason"]) for report in reports(logs)] == [("shutdown_error", "killed")]


@BOTH
def test_a_report_that_can_not_be_written_does_not_fail_the_tree(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch, is_dynamic: bool
) -> None:
    uncaught: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", uncaught.append)

    def refuse(*_: Any) -> Any:
        raise OSError("no space left")

    spec = lab.spec("a")
    supervisor = lab.dynamic(spec) if is_dynamic else lab.supervisor(spec)
    working = structlog.get_config()
    structlog.configure(processors=[refuse])
    lab.crash("a")
    structlog.configure(**working)
    assert lab.states(supervisor) == {"a": "running"}
    assert [hooked.exc_type for hooked in uncaught] == [OSError, OSError]  # the child's report and its supervisor's


@BOTH
def test_restarts_are_counted_for_each_child(lab: Laboratory, is_dynamic: bool) -> None:
    supervisor = lab.dynamic(lab.spec("a"), lab.spec("b")) if is_dynamic else lab.supervisor("a", "b", max_restarts=3)

    def restarts() -> dict[Any, int]:
        return {child_id: info.restarts for child_id, info in lab.children(supervisor).items()}

    assert restarts() == {"a": 0, "b": 0}
    lab.crash("a")
    lab.kill("a")
    assert restarts() == {"a": 2, "b": 0}
    lab.ask(supervisor, StartChild(lab.spec("c")))
    assert restarts() == {"a": 2, "b": 0, "c": 0}


def test_a_tree_in_which_a_supervisor_gave_up_names_the_supervisor(lab: Laboratory, logs: list[Any]) -> None:
    nested = ChildSpec(
        id="n", start=lambda: Supervisor([lab.spec("x")], max_restarts=0), name="n", type=ChildType.SUPERVISOR
    )
    lab.supervisor(nested)
    lab.crash("x")
    assert [(report["actor"], report["context"], report["offender"]["id"]) for report in reports(logs)] == [
        ("n", "child_terminated", "x"),
        ("n", "shutdown", "x"),
        ("Supervisor", "child_terminated", "n"),
    ]
