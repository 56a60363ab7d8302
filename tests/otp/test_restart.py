"""Which children are restarted, and in what order: OTP rules 7, 28-40."""

import pytest

from naive_daemon.otp import (
    NORMAL,
    SHUTDOWN,
    ChildStarted,
    DeleteChild,
    ExitReason,
    Restart,
    RestartChild,
    StartChild,
    Strategy,
    TerminateChild,
    shutdown,
)
from tests.otp.laboratory import BoomError, Laboratory

CRASH = ExitReason("crash", "odd")


@pytest.mark.parametrize(
    ("restart", "reason", "is_restarted"),
    [
        (Restart.PERMANENT, NORMAL, True),
        (Restart.PERMANENT, SHUTDOWN, True),
        (Restart.PERMANENT, CRASH, True),
        (Restart.TRANSIENT, NORMAL, False),
        (Restart.TRANSIENT, SHUTDOWN, False),
        (Restart.TRANSIENT, shutdown("detail"), False),
        (Restart.TRANSIENT, CRASH, True),
        (Restart.TEMPORARY, NORMAL, False),
        (Restart.TEMPORARY, CRASH, False),
    ],
)
@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rules_28_to_30_who_is_restarted(
    lab: Laboratory, restart: Restart, reason: ExitReason, is_restarted: bool, is_dynamic: bool
) -> None:
    spec = lab.spec("a", restart=restart)
    supervisor = lab.dynamic(spec) if is_dynamic else lab.supervisor(spec)
    lab.seen()
    lab.leave("a", reason)
    assert lab.starts() == (["a"] if is_restarted else [])
    assert supervisor.is_alive()


def test_rule_29_killed_is_abnormal(lab: Laboratory) -> None:
    lab.supervisor(lab.spec("a", restart=Restart.TRANSIENT))
    lab.seen()
    lab.kill("a")
    assert lab.starts() == ["a"]


def test_rule_31_a_transient_child_that_ended_well_can_be_started_by_hand(lab: Laboratory) -> None:
    supervisor = lab.supervisor(lab.spec("a", restart=Restart.TRANSIENT))
    lab.leave("a", NORMAL)
    assert lab.states(supervisor) == {"a": "stopped"}
    assert lab.ask(supervisor, RestartChild("a")) == ChildStarted(lab.find("a"))


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
@pytest.mark.parametrize("strategy", list(Strategy))
def test_rule_32_a_normal_end_moves_no_sibling(lab: Laboratory, restart: Restart, strategy: Strategy) -> None:
    supervisor = lab.supervisor("a", lab.spec("b", restart=restart), "c", strategy=strategy)
    before = lab.refs(supervisor)
    lab.seen()
    lab.leave("b", NORMAL)
    after = lab.refs(supervisor)
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert lab.starts() == []


def test_rule_33_one_for_one_leaves_the_siblings(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", "c")
    before = lab.refs(supervisor)
    lab.crash("b")
    after = lab.refs(supervisor)
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert after["b"] is lab.find("b") is not before["b"]


def test_rule_34_one_for_all_stops_in_reverse_and_starts_in_order(lab: Laboratory) -> None:
    lab.supervisor("a", "b", "c", strategy=Strategy.ONE_FOR_ALL)
    lab.seen()
    lab.crash("b")
    assert lab.seen("start", "end") == [
        ("end", "b", "crash"),
        ("end", "c", "shutdown"),
        ("end", "a", "shutdown"),
        ("start", "a"),
        ("start", "b"),
        ("start", "c"),
    ]


def test_rule_35_rest_for_one_moves_the_later_ones(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", "c", "d", strategy=Strategy.REST_FOR_ONE)
    first = lab.find("a")
    lab.seen()
    lab.crash("b")
    assert lab.seen("start", "end") == [
        ("end", "b", "crash"),
        ("end", "d", "shutdown"),
        ("end", "c", "shutdown"),
        ("start", "b"),
        ("start", "c"),
        ("start", "d"),
    ]
    assert lab.refs(supervisor)["a"] is first


def test_rule_36_a_group_restart_starts_what_was_stopped_before(lab: Laboratory) -> None:
    supervisor = lab.supervisor(
        "a", lab.spec("ended", restart=Restart.TRANSIENT), "stopped", strategy=Strategy.ONE_FOR_ALL
    )
    lab.leave("ended", NORMAL)
    lab.ask(supervisor, TerminateChild("stopped"))
    lab.seen()
    lab.crash("a")
    assert lab.starts() == ["a", "ended", "stopped"]


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_rules_7_and_37_temporary_siblings_are_stopped_and_forgotten(lab: Laboratory, strategy: Strategy) -> None:
    supervisor = lab.supervisor("a", lab.spec("t", restart=Restart.TEMPORARY), "b", strategy=strategy)
    temporary = lab.find("t")
    lab.seen()
    lab.crash("a")
    assert lab.starts() == ["a", "b"]
    assert not temporary.is_alive()
    assert list(lab.refs(supervisor)) == ["a", "b"]


def test_rule_7_a_temporary_childs_spec_goes_with_it(lab: Laboratory) -> None:
    def specs() -> list[str]:
        return [str(child_id) for child_id in lab.refs(supervisor)]

    supervisor = lab.supervisor(*(lab.spec(name, restart=Restart.TEMPORARY) for name in "abc"))
    lab.leave("a", NORMAL)
    assert specs() == ["b", "c"]
    lab.crash("b")
    assert specs() == ["c"]
    lab.ask(supervisor, TerminateChild("c"))
    assert specs() == []


def test_rule_38_a_group_restart_counts_once(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", "c", strategy=Strategy.ONE_FOR_ALL, max_restarts=1)
    lab.crash("a")
    assert supervisor.is_alive()
    lab.crash("b")
    assert not supervisor.is_alive()


@pytest.mark.parametrize(
    ("strategy", "max_restarts", "survives"),
    [
        (Strategy.ONE_FOR_ONE, 3, True),
        (Strategy.ONE_FOR_ONE, 2, False),
        (Strategy.ONE_FOR_ALL, 1, True),
        (Strategy.ONE_FOR_ALL, 0, False),
    ],
)
def test_rule_39_three_at_the_same_moment(
    simulated: Laboratory, strategy: Strategy, max_restarts: int, survives: bool
) -> None:
    supervisor = simulated.supervisor("a", "b", "c", strategy=strategy, max_restarts=max_restarts)
    simulated.kill("a", "b", "c")
    assert supervisor.is_alive() is survives
    if survives:
        assert set(simulated.states(supervisor).values()) == {"running"}


def test_rule_39_three_at_the_same_moment_on_threads(live: Laboratory) -> None:
    supervisor = live.supervisor("a", "b", "c", strategy=Strategy.ONE_FOR_ALL, max_restarts=3)
    live.kill("a", "b", "c")
    assert set(live.states(supervisor).values()) == {"running"}


def test_rule_40_a_new_child_comes_last_and_a_restart_keeps_the_place(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", max_restarts=5)
    lab.ask(supervisor, StartChild(lab.spec("c")))
    lab.crash("a")
    assert list(lab.refs(supervisor)) == ["a", "b", "c"]
    lab.ask(supervisor, TerminateChild("a"))
    lab.ask(supervisor, DeleteChild("a"))
    lab.ask(supervisor, StartChild(lab.spec("a")))
    assert list(lab.refs(supervisor)) == ["b", "c", "a"]


def test_a_child_that_dies_during_a_siblings_group_restart_is_restarted_with_it(lab: Laboratory) -> None:
    lab.plan("a", None, BoomError("once"))
    supervisor = lab.supervisor("a", "b", strategy=Strategy.ONE_FOR_ALL, max_restarts=3)
    lab.seen()
    lab.crash("b")
    assert lab.starts() == ["a", "a", "b"]
    assert set(lab.states(supervisor).values()) == {"running"}
