"""How a supervisor stops its children: OTP rules 18-27."""

import threading
from typing import Any

import pytest

from naive_daemon.otp import (
    BRUTAL_KILL,
    INFINITY,
    KILL,
    KILLED,
    NORMAL,
    SHUTDOWN,
    ChildSpec,
    ChildType,
    Done,
    ExitReason,
    Restart,
    StartChild,
    Supervisor,
    TerminateChild,
    send_exit,
    shutdown,
)
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, Stubborn, ThreadWorker, Worker, recorder, throw

GRACE_S = 0.02


class Rude(Worker):
    """Ends with a reason of its own when it is told to stop."""

    own_reason = ExitReason("rude")

    def _on_parent_exit(self, _reason: ExitReason) -> None:
        self.exit(self.own_reason)


def test_rule_18_children_stop_in_reverse_order(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", "c")
    lab.ask(supervisor, StartChild(lab.spec("d")))
    lab.seen()
    assert lab.end(supervisor) == SHUTDOWN
    assert [event[1] for event in lab.seen("end")] == ["d", "c", "b", "a"]


def test_rule_18_a_tree_stops_depth_first(lab: Laboratory) -> None:
    nested = ChildSpec(
        id="n", start=lambda: Supervisor([lab.spec("x"), lab.spec("y")]), type=ChildType.SUPERVISOR, shutdown_s=INFINITY
    )
    supervisor = lab.supervisor("a", nested, "b")
    lab.seen()
    lab.end(supervisor)
    assert [event[1] for event in lab.seen("end")] == ["b", "y", "x", "a"]


def test_rule_19_a_child_that_does_not_end_is_killed_after_its_grace(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", lab.spec("s", Stubborn, shutdown_s=GRACE_S))
    stubborn = lab.find("s")
    assert lab.end(supervisor, within_s=GRACE_S) == SHUTDOWN
    assert lab.reason_of(stubborn) == ExitReason("killed")
    assert lab.seen("asked", "end") == [("asked", "s", "shutdown"), ("end", "a", "shutdown")]


def test_rule_19_the_kill_comes_at_the_grace_and_not_before(simulated: Laboratory) -> None:
    supervisor = simulated.supervisor(simulated.spec("s", Stubborn))
    stubborn = simulated.find("s")
    assert simulated.end(supervisor, within_s=4.999) is None
    assert stubborn.is_alive()
    simulated.advance(0.001)
    assert simulated.reason_of(stubborn) == ExitReason("killed")
    assert simulated.reason_of(supervisor) == SHUTDOWN


@pytest.mark.parametrize("shutdown_s", [0, GRACE_S, BRUTAL_KILL])
@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rules_19_20_a_handler_that_never_returns_holds_up_no_stop(
    live: Laboratory, shutdown_s: float, is_dynamic: bool
) -> None:
    entered, released = threading.Event(), threading.Event()

    def stay(_: Worker) -> None:
        entered.set()
        assert released.wait(PATIENCE_S)

    spec = live.spec("s", shutdown_s=shutdown_s)
    supervisor = live.dynamic(spec) if is_dynamic else live.supervisor("a", spec)
    stuck = live.find("s")
    stuck.tell(stay)
    assert entered.wait(PATIENCE_S)
    assert live.ask(supervisor, TerminateChild(stuck if is_dynamic else "s")) == Done()
    assert live.reason_of(stuck) == KILLED
    assert live.end(supervisor) == SHUTDOWN
    released.set()


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rule_19_a_supervisor_ends_though_a_handler_never_returns(live: Laboratory, is_dynamic: bool) -> None:
    entered, released = threading.Event(), threading.Event()

    def stay(_: Worker) -> None:
        entered.set()
        assert released.wait(PATIENCE_S)

    spec = live.spec("s", shutdown_s=GRACE_S)
    supervisor = live.dynamic(spec) if is_dynamic else live.supervisor("a", spec)
    live.find("s").tell(stay)
    assert entered.wait(PATIENCE_S)
    assert live.end(supervisor) == SHUTDOWN
    released.set()


def test_rule_20_brutal_kill_does_not_ask(lab: Laboratory, logs: list[Any]) -> None:
    supervisor = lab.supervisor(lab.spec("b", Stubborn, shutdown_s=BRUTAL_KILL))
    child = lab.find("b")
    assert lab.ask(supervisor, TerminateChild("b")) == Done()
    assert lab.reason_of(child) == ExitReason("killed")
    assert lab.seen("asked", "end") == []
    assert logs == []


def test_rule_20_shutdown_0_asks_and_kills_at_once(lab: Laboratory) -> None:
    supervisor = lab.supervisor(lab.spec("z", Stubborn, shutdown_s=0))
    child = lab.find("z")
    assert lab.ask(supervisor, TerminateChild("z")) == Done()
    assert lab.reason_of(child) == ExitReason("killed")


def test_rule_21_infinity_waits_for_ever(simulated: Laboratory) -> None:
    supervisor = simulated.supervisor(simulated.spec("s", Stubborn, shutdown_s=INFINITY))
    assert simulated.end(supervisor, within_s=1_000_000) is None
    simulated.leave("s", NORMAL)
    assert simulated.reason_of(supervisor) == SHUTDOWN


def test_rule_22_a_child_that_unlinks_itself_is_awaited_all_the_same(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a")
    lab.tell("a", lambda actor: actor.unlink(supervisor))
    assert lab.ask(supervisor, TerminateChild("a")) == Done()
    assert lab.system.whereis("a") is None


def test_rule_23_a_deliberate_stop_restarts_nothing(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", max_restarts=0)
    lab.seen()
    assert lab.ask(supervisor, TerminateChild("a")) == Done()
    lab.settle()
    assert lab.starts() == []
    assert lab.states(supervisor) == {"a": "stopped", "b": "running"}


@pytest.mark.parametrize(
    ("reason", "restart", "is_logged"),
    [
        (SHUTDOWN, Restart.PERMANENT, False),
        (NORMAL, Restart.PERMANENT, True),
        (NORMAL, Restart.TRANSIENT, False),
        (shutdown("detail"), Restart.PERMANENT, True),
        (shutdown("detail"), Restart.TEMPORARY, False),
        (ExitReason("odd"), Restart.TEMPORARY, True),
    ],
)
def test_rule_24_which_stops_are_logged(
    lab: Laboratory, logs: list[Any], reason: ExitReason, restart: Restart, is_logged: bool
) -> None:
    class Child(Rude):
        own_reason = reason

    static = lab.supervisor(lab.spec("a", Child, restart=restart))
    dynamic = lab.dynamic()
    started = lab.ask(dynamic, StartChild(lab.spec("b", Child, restart=restart)))
    for supervisor, child in ((static, "a"), (dynamic, started.ref)):
        logs.clear()
        assert lab.ask(supervisor, TerminateChild(child)) == Done()
        assert any(entry.get("context") == "shutdown_error" for entry in logs) is is_logged


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, ExitReason("crash", "parent")])
def test_rule_25_the_children_get_shutdown_and_the_supervisor_ends_with_the_parents_reason(
    lab: Laboratory, reason: ExitReason
) -> None:
    supervisor = lab.supervisor("a")
    lab.seen()
    assert lab.end(supervisor, reason) == reason
    assert lab.seen("end") == [("end", "a", "shutdown")]


def test_rule_26_shutdown_from_another_is_ignored(lab: Laboratory) -> None:
    nested = ChildSpec(id="n", start=lambda: Supervisor([lab.spec("x")]), name="n", type=ChildType.SUPERVISOR)
    lab.supervisor(nested)
    stranger = lab.worker("stranger")
    for source in (stranger, None):
        send_exit(lab.find("n"), SHUTDOWN, source)
    lab.settle()
    assert lab.find("x").is_alive()


def test_rule_26_shutdown_from_an_actor_does_not_stop_the_top(lab: Laboratory) -> None:
    for top, sender in ((lab.supervisor("a"), "a"), (lab.dynamic(lab.spec("b")), "b")):
        lab.tell(sender, lambda _, to=top: send_exit(to, SHUTDOWN))
        lab.tell(top, lambda _, to=top: send_exit(to, SHUTDOWN))
        assert lab.find(sender).is_alive()
        assert lab.end(top) == SHUTDOWN


def test_rule_27_a_message_that_can_not_be_shown_is_logged_and_ignored_without_its_secrets(
    lab: Laboratory, logs: list[Any]
) -> None:
    class Unspeakable:
        def __repr__(self) -> str:
            raise ValueError("no text")

    for supervisor in (lab.supervisor("a"), lab.dynamic()):
        logs.clear()
        lab.tell(supervisor, Unspeakable())
        lab.tell(supervisor, {"password": "hunter2", "text": "x" * 1_000})
        assert [entry["event"] for entry in logs] == ["unexpected message"] * 2
        assert "hunter2" not in str(logs)
        assert len(logs[1]["message"]) <= 200
        assert supervisor.is_alive()


def test_rule_27_unexpected_messages_are_logged_and_ignored(lab: Laboratory, logs: list[Any]) -> None:
    for supervisor in (lab.supervisor("a"), lab.dynamic()):
        logs.clear()
        lab.tell(supervisor, "what?")
        assert [entry["event"] for entry in logs] == ["unexpected message"]
        assert supervisor.is_alive()


def test_rule_27_the_exit_of_what_is_no_child_any_more_is_ignored(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b")
    former = lab.find("a")
    lab.ask(supervisor, TerminateChild("a"))
    send_exit(supervisor, ExitReason("late"), former)
    lab.settle()
    assert lab.states(supervisor) == {"a": "stopped", "b": "running"}


def test_rule_74_terminate_runs_on_stop_crash_and_exit_and_never_on_kill(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", max_restarts=3)
    lab.seen()
    lab.crash("a")
    lab.leave("a", NORMAL)
    lab.kill("a")
    lab.ask(supervisor, TerminateChild("a"))
    assert [event[2] for event in lab.seen("end")] == ["crash", "normal", "shutdown"]


def test_requests_that_come_during_the_stop_are_not_served(simulated: Laboratory) -> None:
    lab = simulated
    for supervisor in (lab.supervisor(lab.spec("s", Stubborn)), lab.dynamic(lab.spec("d", Stubborn))):
        lab.seen()
        send_exit(supervisor, SHUTDOWN)
        client = lab.worker(("client", supervisor))
        request = StartChild(lab.spec("new"))
        lab.tell(client, lambda actor, to=supervisor, what=request: actor.request(to, what, recorder(lab, "r"), 60))
        lab.advance(5)
        assert [(event[1], event[2].reason) for event in lab.seen("answer")] == [("r", SHUTDOWN)]
        assert lab.system.whereis("new") is None


def test_a_failing_clean_up_is_logged_and_the_end_goes_on(lab: Laboratory, logs: list[Any]) -> None:
    class Failing(Worker):
        def on_terminate(self, _reason: ExitReason) -> None:
            throw(KeyboardInterrupt("in clean-up"))

    class FailingOnThread(Failing, ThreadWorker):
        """The same on a thread of its own."""

    for kind in (Failing, FailingOnThread):
        logs.clear()
        supervisor = lab.supervisor(lab.spec("f", kind), "after")
        assert lab.end(supervisor) == SHUTDOWN
        assert [entry["reason"] for entry in logs if entry["event"] == "actor crashed"] == [
            "KeyboardInterrupt: in clean-up"
        ]
    assert lab.ask(lab.worker("still"), "works") == "works"


def test_a_kill_while_asked_to_stop_ends_the_wait(simulated: Laboratory) -> None:
    supervisor = simulated.supervisor(simulated.spec("s", Stubborn, shutdown_s=INFINITY))
    simulated.end(supervisor)
    simulated.kill("s")
    assert simulated.reason_of(supervisor) == SHUTDOWN


def test_kill_of_a_supervisor_takes_its_tree_along(lab: Laboratory) -> None:
    nested = ChildSpec(id="n", start=lambda: Supervisor([lab.spec("x")]), type=ChildType.SUPERVISOR)
    supervisor = lab.supervisor("a", nested)
    refs = [lab.find("a"), lab.find("x"), supervisor]
    send_exit(supervisor, KILL)
    lab.settle()
    assert not any(ref.is_alive() for ref in refs)


def test_a_supervisors_crash_takes_its_tree_along(lab: Laboratory) -> None:
    class Breakable(Supervisor):
        def on_receive(self, message: Any) -> Any:
            return throw(BoomError("bug")) if message == "break" else super().on_receive(message)

    supervisor = lab.start(Breakable([lab.spec("a"), lab.spec("b")]))
    refs = [lab.find("a"), lab.find("b")]
    lab.tell(supervisor, "break")
    assert not any(ref.is_alive() for ref in refs)
    assert lab.system.registry.names() == []
