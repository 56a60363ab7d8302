"""How a supervisor starts: OTP rules 5, 6, 8, 11-17, and the stop in the middle of a start."""

import traceback
from typing import Any

import pytest
import structlog

from naive_daemon.otp import (
    DEFERRED,
    IGNORE,
    KILL,
    NORMAL,
    SHUTDOWN,
    ActorExit,
    ChildIgnored,
    ChildSpec,
    ChildStarted,
    ChildType,
    Continue,
    ExitReason,
    FailedToStartChild,
    Ignore,
    Restart,
    RestartChild,
    StartChild,
    StartFailedError,
    Supervisor,
    SupervisorError,
    TerminateChild,
    crash,
    send_exit,
    shutdown,
)
from tests.otp.laboratory import BoomError, Laboratory, Outcome, Worker, throw


def _no_actor() -> Any:
    return 42


def test_rule_12_children_start_in_order(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", "c")
    assert lab.starts() == ["a", "b", "c"]
    assert lab.states(supervisor) == {"a": "running", "b": "running", "c": "running"}


def test_rule_12_a_start_waits_for_the_one_before(lab: Laboratory) -> None:
    lab.plan("a", DEFERRED)
    supervisor = Supervisor([lab.spec("a"), lab.spec("b")])
    supervisor.attach(lab.system, "sup", None)
    supervisor.begin(lambda started: lab.events.append(("acknowledged", started.ref)))
    lab.settle()
    assert lab.seen() == [("start", "a")]
    lab.tell("a", lambda actor: actor.acknowledge_start())
    assert lab.seen() == [("start", "b"), ("acknowledged", supervisor.ref)]
    assert lab.end(supervisor.ref) == SHUTDOWN


@pytest.mark.parametrize("failure", [BoomError("no"), SystemExit(1), KeyboardInterrupt(), NORMAL, ExitReason("why")])
def test_rule_13_a_failed_start_stops_the_others_in_reverse(lab: Laboratory, failure: Outcome) -> None:
    lab.plan("c", failure)
    with pytest.raises(StartFailedError, match="failed_to_start_child c") as caught:
        lab.supervisor("a", "b", "c", "d")
    assert caught.value.reason.kind == "shutdown"
    events = lab.seen("start", "end")
    assert [event[1] for event in events if event[0] == "start"] == ["a", "b", "c"]
    assert [event[1] for event in events if event[0] == "end"][-2:] == ["b", "a"]
    assert lab.system.whereis("a") is None


@pytest.mark.parametrize(
    "start",
    [_no_actor, lambda: None, lambda: throw(BoomError("no")), lambda: throw(SystemExit(1)), lambda: Worker],
    ids=["number", "none", "raises", "exits", "class"],
)
def test_rule_5_a_start_that_raises_or_returns_nonsense_is_a_failed_start(lab: Laboratory, start: Any) -> None:
    with pytest.raises(StartFailedError, match="failed_to_start_child bad"):
        lab.supervisor("a", ChildSpec(id="bad", start=start))
    assert ("end", "a", "shutdown") in lab.seen()


def test_rule_5_a_start_may_say_ignore_or_why_not(lab: Laboratory) -> None:
    odd = ExitReason("odd", "today")
    static, dynamic = lab.supervisor(ChildSpec(id="i", start=lambda: IGNORE)), lab.dynamic()
    assert lab.states(static) == {"i": "stopped"}
    for supervisor in (static, dynamic):
        assert lab.ask(supervisor, StartChild(ChildSpec(id="j", start=lambda: IGNORE))) == ChildIgnored()
        for start in (lambda: odd, lambda: throw(ActorExit(odd))):
            assert lab.ask(supervisor, StartChild(ChildSpec(id="k", start=start))) == SupervisorError("failed", odd)


def test_rule_5_a_start_may_say_ignore_as_a_reason_too(lab: Laboratory) -> None:
    spec = ChildSpec(id="i", start=lambda: ExitReason("ignore"))
    static, dynamic = lab.supervisor(spec), lab.dynamic()
    assert lab.states(static) == {"i": "stopped"}
    assert lab.ask(dynamic, StartChild(spec)) == ChildIgnored()
    why = ExitReason("ignore", "but with a detail")
    answer = lab.ask(dynamic, StartChild(ChildSpec(id="j", start=lambda: why)))
    assert answer == SupervisorError("failed", why)


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rule_5_what_a_start_function_raises_when_asked_for_is_logged_with_its_traceback(
    lab: Laboratory, is_dynamic: bool
) -> None:
    told: list[str] = []

    def keep_text(_logger: Any, _method: str, event: Any) -> Any:
        told.extend(traceback.format_exception(event["exc_info"]))
        raise structlog.DropEvent

    supervisor = lab.dynamic() if is_dynamic else lab.supervisor()
    structlog.configure(processors=[keep_text])
    error = BoomError("made")
    answer = lab.ask(supervisor, StartChild(ChildSpec(id="a", start=lambda: throw(error))))
    assert answer == SupervisorError("failed", crash(error))
    assert "in throw" in "".join(told)
    assert error.__traceback__ is None


@pytest.mark.parametrize(
    "start",
    [_no_actor, lambda: Worker, lambda: throw(SystemExit(1)), int],
    ids=["number", "class", "exits", "zero"],
)
@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rules_5_42_what_a_start_gives_at_a_restart_is_checked_too(
    lab: Laboratory, start: Any, is_dynamic: bool
) -> None:
    starts = iter([lambda: lab.make("a"), start, lambda: lab.make("a")])

    def make() -> Any:
        return next(starts)()

    spec = ChildSpec(id="a", start=make, name="a")
    supervisor = lab.dynamic(spec) if is_dynamic else lab.supervisor(spec, max_restarts=2)
    lab.crash("a")
    assert lab.states(supervisor) == {"a": "running"}


def test_rule_13_the_reason_names_the_child_and_why(lab: Laboratory) -> None:
    error = BoomError("no")
    lab.plan("b", error)
    with pytest.raises(StartFailedError) as caught:
        lab.supervisor("a", "b")
    assert caught.value.reason == shutdown(FailedToStartChild("b", crash(error)))


def test_rule_5_a_start_that_gives_the_same_actor_again_is_an_error_and_leaves_it_alone(lab: Laboratory) -> None:
    only = lab.make("only")
    supervisor = lab.dynamic()
    spec = ChildSpec(id="only", start=lambda: only)
    assert isinstance(lab.ask(supervisor, StartChild(spec)), ChildStarted)
    answer = lab.ask(supervisor, StartChild(spec))
    assert answer.kind == "failed"
    assert "was started before" in str(answer.detail)
    assert lab.ask(only.ref, "ping") == "ping"


def test_rule_6_info_is_handed_back(lab: Laboratory) -> None:
    class Informed(Worker):
        def init(self) -> None:
            self.acknowledge_start("info")

    supervisor = lab.supervisor()
    started = lab.ask(supervisor, StartChild(lab.spec("i", Informed)))
    assert started == ChildStarted(lab.find("i"), "info")
    lab.ask(supervisor, TerminateChild("i"))
    assert lab.ask(supervisor, RestartChild("i")).info == "info"


def test_rule_11_a_supervisors_init_may_be_ignored(lab: Laboratory) -> None:
    class Ignored(Supervisor):
        def init(self) -> Ignore:
            return IGNORE

    nobody = Ignored([lab.spec("a")])
    supervisor = lab.supervisor(ChildSpec(id="s", start=lambda: nobody, type=ChildType.SUPERVISOR))
    assert lab.refs(supervisor) == {"s": None}
    assert nobody.reason == NORMAL
    assert lab.starts() == []


def test_rule_14_no_retry_while_starting(lab: Laboratory) -> None:
    lab.plan("a", BoomError("once"))
    with pytest.raises(StartFailedError):
        lab.supervisor("a", max_restarts=10)
    assert lab.starts() == ["a"]


def test_rule_15_an_ignored_child_keeps_its_spec_unless_it_is_temporary(lab: Laboratory) -> None:
    lab.plan("kept", IGNORE)
    lab.plan("gone", IGNORE)
    supervisor = lab.supervisor("kept", lab.spec("gone", restart=Restart.TEMPORARY), "after")
    assert lab.states(supervisor) == {"kept": "stopped", "after": "running"}
    assert isinstance(lab.ask(supervisor, RestartChild("kept")), ChildStarted)


def test_rule_16_a_child_that_dies_while_others_start_is_restarted_after_init(lab: Laboratory) -> None:
    lab.plan("b", DEFERRED)
    supervisor = Supervisor([lab.spec("a"), lab.spec("b")])
    supervisor.attach(lab.system, "sup", None)
    supervisor.begin(None)
    lab.settle()
    lab.kill("a")
    assert lab.starts() == ["a", "b"]
    lab.tell("b", lambda actor: actor.acknowledge_start())
    assert lab.starts() == ["a"]
    assert lab.end(supervisor.ref) == SHUTDOWN


def test_rule_17_a_nested_failure_fails_the_parent(lab: Laboratory) -> None:
    lab.plan("inner", BoomError("no"))
    nested = ChildSpec(id="nested", start=lambda: Supervisor([lab.spec("inner")]), type=ChildType.SUPERVISOR)
    with pytest.raises(StartFailedError, match=r"failed_to_start_child nested: .*failed_to_start_child inner"):
        lab.supervisor("a", nested)


def test_rule_13_a_failed_start_is_logged(lab: Laboratory, logs: list[Any]) -> None:
    lab.plan("a", BoomError("no"))
    with pytest.raises(StartFailedError):
        lab.supervisor("a")
    assert [entry["offender"]["id"] for entry in logs if entry.get("context") == "start_error"] == ["a"]


def test_stop_in_the_middle_of_a_start_stops_what_runs_and_what_starts(lab: Laboratory) -> None:
    lab.plan("b", DEFERRED)
    supervisor = Supervisor([lab.spec("a"), lab.spec("b"), lab.spec("c")])
    supervisor.attach(lab.system, "sup", None)
    supervisor.begin(None)
    lab.settle()
    assert lab.end(supervisor.ref) == SHUTDOWN
    assert lab.seen("start", "end") == [
        ("start", "a"),
        ("start", "b"),
        ("end", "b", "shutdown"),
        ("end", "a", "shutdown"),
    ]


@pytest.mark.parametrize("moment", range(12))
def test_kill_at_any_moment_of_a_start_leaves_nobody(simulated: Laboratory, moment: int) -> None:
    lab = simulated
    lab.plan("c", DEFERRED)
    supervisor = Supervisor([lab.spec("a"), lab.spec("b"), lab.spec("c")])
    supervisor.attach(lab.system, "sup", None)
    supervisor.begin(None)
    for _ in range(moment):
        lab.system._simulated.step()  # type: ignore[attr-defined] # the simulated system's
    send_exit(supervisor.ref, KILL)
    lab.settle()
    assert lab.system.registry.names() == []


def test_a_start_that_succeeds_during_the_stop_does_not_hold_it_up(simulated: Laboratory) -> None:
    class Late(Worker):
        def _on_parent_exit(self, _reason: ExitReason) -> None:
            self.acknowledge_start()  # succeeds when it is told to end, and does not end

    lab = simulated
    lab.plan("late", DEFERRED)
    supervisor = Supervisor([lab.spec("late", Late, shutdown_s=2)])
    supervisor.attach(lab.system, "sup", None)
    supervisor.begin(None)
    lab.settle()
    assert lab.end(supervisor.ref, within_s=2) == SHUTDOWN
    assert lab.system.whereis("late") is None


def test_kill_of_a_starting_child_is_a_failed_start(lab: Laboratory) -> None:
    lab.plan("a", DEFERRED)
    supervisor = lab.supervisor()
    answers: list[Any] = []
    client = lab.worker("client")
    lab.tell(client, lambda actor: actor.request(supervisor, StartChild(lab.spec("a")), answers.append))
    lab.kill("a")
    assert [answer.kind for answer in answers] == ["failed"]
    assert lab.states(supervisor) == {}


def test_rule_70_a_continuation_runs_before_any_message_and_its_crash_is_no_failed_start(lab: Laboratory) -> None:
    lab.plan("a", Continue(lambda _: throw(BoomError("later"))))
    supervisor = lab.supervisor("a")
    lab.settle()
    assert lab.starts() == ["a", "a"]
    assert lab.states(supervisor) == {"a": "running"}


def test_what_is_sent_to_a_name_before_init_waits_for_init(lab: Laboratory) -> None:
    actor = lab.make("early")
    ref = actor.attach(lab.system, "early", None)
    ref.tell("hello")
    send_exit(ref, ExitReason("later"))
    lab.settle()
    assert lab.seen() == []
    actor.begin(None)
    lab.settle()
    assert lab.seen()[0] == ("start", "early")


def test_rule_78_a_name_that_is_taken_fails_the_start(lab: Laboratory) -> None:
    holder = lab.worker("name")
    with pytest.raises(StartFailedError, match="already_started") as caught:
        lab.system.start(lab.make("other"), "name")
    assert caught.value.reason.detail is holder
    supervisor = lab.supervisor()
    answer = lab.ask(supervisor, StartChild(lab.spec("x", name="name")))
    assert answer == SupervisorError("failed", ExitReason("already_started", holder))
    assert isinstance(lab.ask(supervisor, StartChild(lab.spec("x", name="free"))), ChildStarted)


def test_rule_59_an_ignored_start_keeps_the_spec_unless_temporary(lab: Laboratory) -> None:
    supervisor = lab.supervisor()
    lab.plan("kept", IGNORE)
    lab.plan("gone", IGNORE)
    assert lab.ask(supervisor, StartChild(lab.spec("kept"))) == ChildIgnored()
    assert lab.ask(supervisor, StartChild(lab.spec("gone", restart=Restart.TEMPORARY))) == ChildIgnored()
    assert lab.states(supervisor) == {"kept": "stopped"}
