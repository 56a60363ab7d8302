"""Dynamic supervisors: OTP rules 10, 79-84."""

import sys
from typing import Any

import pytest

from naive_daemon.otp import (
    BRUTAL_KILL,
    DEFERRED,
    IGNORE,
    INFINITY,
    KILLED,
    SHUTDOWN,
    Actor,
    Call,
    ChildCounts,
    ChildIgnored,
    ChildSpec,
    ChildStarted,
    ChildType,
    CountChildren,
    DeleteChild,
    Done,
    DynamicSupervisor,
    Restart,
    RestartChild,
    StartChild,
    Supervisor,
    SupervisorError,
    TerminateChild,
    WhichChildren,
)
from tests.otp.laboratory import BoomError, Laboratory, Stubborn, Worker, recorder

MANY = 1_000


def test_rule_10_it_starts_empty(lab: Laboratory) -> None:
    assert lab.ask(lab.dynamic(), CountChildren()) == ChildCounts(0, 0, 0, 0)


def test_rule_79_the_same_id_twice_is_fine(lab: Laboratory) -> None:
    supervisor = lab.dynamic(*(lab.spec("same", name=None) for _ in range(3)))
    infos = lab.ask(supervisor, WhichChildren())
    assert len({info.ref for info in infos}) == 3
    assert {info.id for info in infos} == {"same"}


def test_rule_80_answers(lab: Laboratory) -> None:
    lab.plan("ignored", IGNORE)
    error = BoomError("no")
    lab.plan("failed", error)
    supervisor = lab.dynamic(max_children=1)
    assert lab.ask(supervisor, StartChild(lab.spec("ignored"))) == ChildIgnored()
    assert lab.ask(supervisor, StartChild(lab.spec("failed"))).detail.detail is error
    assert lab.ask(supervisor, StartChild(lab.spec("a"))) == ChildStarted(lab.find("a"))
    assert lab.ask(supervisor, StartChild(lab.spec("b"))) == SupervisorError("max_children")
    assert lab.ask(supervisor, TerminateChild(lab.find("a"))) == Done()
    assert isinstance(lab.ask(supervisor, StartChild(lab.spec("b"))), ChildStarted)


def test_rule_80_0_allows_none(lab: Laboratory) -> None:
    assert lab.ask(lab.dynamic(max_children=0), StartChild(lab.spec("a"))) == SupervisorError("max_children")


def test_rule_80_a_restarting_child_counts(lab: Laboratory) -> None:
    supervisor = lab.dynamic(lab.spec("a"), max_children=1)
    lab.plan("a", DEFERRED)
    lab.crash("a")
    assert lab.ask(supervisor, StartChild(lab.spec("b"))) == SupervisorError("max_children")


def test_rule_82_terminate_by_ref(lab: Laboratory) -> None:
    supervisor = lab.dynamic(lab.spec("a"), lab.spec("b"))
    child = lab.find("a")
    assert lab.ask(supervisor, TerminateChild(child)) == Done()
    assert lab.ask(supervisor, TerminateChild(child)) == SupervisorError("not_found")
    assert lab.ask(supervisor, TerminateChild("b")) == SupervisorError("not_found")
    assert list(lab.refs(supervisor)) == ["b"]


def test_rule_82_a_second_terminate_while_the_first_waits(simulated: Laboratory) -> None:
    lab = simulated
    supervisor = lab.dynamic(lab.spec("s", Stubborn))
    child, client = lab.find("s"), lab.worker("client")
    for name in ("first", "second"):
        lab.tell(client, lambda actor, n=name: actor.request(supervisor, TerminateChild(child), recorder(lab, n), 60))
    assert lab.states(supervisor) == {"s": "stopping"}
    lab.advance(5)
    assert lab.seen("answer") == [("answer", "second", SupervisorError("not_found")), ("answer", "first", Done())]


def test_rule_82_a_restarting_child_is_found_by_its_old_ref(lab: Laboratory) -> None:
    supervisor = lab.dynamic(lab.spec("a"))
    old = lab.find("a")
    lab.plan("a", DEFERRED)
    lab.crash("a")
    new = lab.find("a")
    assert lab.states(supervisor) == {"a": "starting"}
    assert lab.ask(supervisor, TerminateChild(old)) == Done()
    assert not new.is_alive()
    assert lab.refs(supervisor) == {}


def test_after_a_restart_the_new_ref_counts_and_the_old_does_not(lab: Laboratory) -> None:
    supervisor = lab.dynamic(lab.spec("a"))
    old = lab.find("a")
    lab.crash("a")
    assert lab.ask(supervisor, TerminateChild(old)) == SupervisorError("not_found")
    assert lab.ask(supervisor, TerminateChild(lab.find("a"))) == Done()


def test_rule_83_counts(lab: Laboratory) -> None:
    nested = ChildSpec(id="n", start=lambda: Supervisor([]), type=ChildType.SUPERVISOR)
    supervisor = lab.dynamic(lab.spec("a"), nested)
    assert lab.ask(supervisor, CountChildren()) == ChildCounts(specs=2, active=2, supervisors=1, workers=1)


def test_rule_83_children_stop_in_parallel_each_with_its_own_grace(simulated: Laboratory) -> None:
    lab = simulated
    graces = {"brutal": BRUTAL_KILL, "none": 0, "short": 1, "short too": 1, "long": 3, "ever": INFINITY}
    supervisor = lab.dynamic(*(lab.spec(name, Stubborn, shutdown_s=grace) for name, grace in graces.items()))
    refs = {name: lab.find(name) for name in graces}

    def alive() -> set[str]:
        return {name for name, ref in refs.items() if ref.is_alive()}

    assert lab.end(supervisor) is None
    assert alive() == {"short", "short too", "long", "ever"}
    lab.advance(1)
    assert alive() == {"long", "ever"}
    lab.advance(2)
    assert alive() == {"ever"}
    lab.advance(1_000)
    assert supervisor.is_alive()
    lab.kill("ever")
    assert lab.reason_of(supervisor) == SHUTDOWN
    assert {lab.reason_of(ref) for ref in refs.values()} == {KILLED}


def test_rule_84_a_thousand_children_start_and_stop(lab: Laboratory) -> None:
    supervisor = lab.start(DynamicSupervisor())
    client = lab.worker("client")
    spec = ChildSpec(id="t", start=lambda: Worker("t", lab.events), restart=Restart.TEMPORARY)
    started: list[Any] = []

    def start_all(actor: Worker) -> None:
        for _ in range(MANY):
            actor.request(supervisor, StartChild(spec), started.append)

    lab.tell(client, start_all)
    assert len({answer.ref for answer in started}) == MANY
    assert lab.end(supervisor) == SHUTDOWN
    assert len(lab.seen("end")) == MANY
    assert not any(answer.ref.is_alive() for answer in started)


@pytest.mark.parametrize("by_request", [True, False], ids=["each by request", "all at once"])
def test_rule_84_the_work_grows_with_the_number_of_children(simulated: Laboratory, by_request: bool) -> None:
    """Counted in calls of functions, so that it is the same on every machine."""
    few, more, many = (_work_of(simulated, count, by_request=by_request) for count in (20, 200, 2_000))
    assert more < 12 * few  # the rule allows fifty, and a thousand
    assert many < 120 * few


def _work_of(lab: Laboratory, count: int, *, by_request: bool) -> int:
    """Count the calls that it takes to start and stop so many temporary children."""
    calls = [0]

    def count_call(_frame: Any, event: str, _argument: Any) -> None:
        calls[0] += event in ("call", "c_call")

    spec = ChildSpec(id="t", start=Actor, restart=Restart.TEMPORARY)
    started: list[Any] = []
    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        supervisor = lab.start(DynamicSupervisor())
        for _ in range(count):
            supervisor.tell(Call(StartChild(spec), started.append, started.append))
        lab.settle()
        for answer in tuple(started) if by_request else ():
            supervisor.tell(Call(TerminateChild(answer.ref), started.append, started.append))
        lab.settle()
        assert lab.end(supervisor) == SHUTDOWN
    finally:
        sys.setprofile(before)
    assert len({answer.ref for answer in started if isinstance(answer, ChildStarted)}) == count
    return calls[0]


def test_a_slow_start_holds_up_nobody(lab: Laboratory) -> None:
    supervisor = lab.dynamic()
    lab.plan("slow", DEFERRED)
    client = lab.worker("client")
    request = StartChild(lab.spec("slow"))
    lab.tell(client, lambda actor: actor.request(supervisor, request, recorder(lab, "slow")))
    assert isinstance(lab.ask(supervisor, StartChild(lab.spec("quick"))), ChildStarted)
    assert lab.states(supervisor) == {"slow": "starting", "quick": "running"}
    lab.tell("slow", lambda actor: actor.acknowledge_start())
    assert lab.seen("answer") == [("answer", "slow", ChildStarted(lab.find("slow")))]


@pytest.mark.parametrize("stops_at_once", [True, False])
def test_stop_takes_those_that_start_along(lab: Laboratory, stops_at_once: bool) -> None:
    supervisor = lab.dynamic(lab.spec("a"))
    lab.plan("slow", DEFERRED)
    client = lab.worker("client")
    request = StartChild(lab.spec("slow"))
    lab.tell(client, lambda actor: actor.request(supervisor, request, recorder(lab, "slow")))
    slow = lab.find("slow")
    if stops_at_once:
        lab.kill(supervisor)
    else:
        assert lab.end(supervisor) == SHUTDOWN
    lab.settle()
    assert not slow.is_alive()
    assert [event[2].reason for event in lab.seen("answer")] == [KILLED if stops_at_once else SHUTDOWN]


def test_rule_81_extra_arguments_come_first_on_start_and_on_restart(lab: Laboratory) -> None:
    seen: list[tuple[str, ...]] = []

    def make(*arguments: str) -> Worker:
        seen.append(arguments)
        return lab.make("a")

    supervisor = lab.dynamic(extra_arguments=("x", "y"))
    spec = ChildSpec(id="a", start=make, arguments=("own",), name="a")
    assert lab.ask(supervisor, StartChild(spec)) == ChildStarted(lab.find("a"))
    lab.crash("a")
    assert seen == [("x", "y", "own")] * 2
    assert lab.ask(lab.dynamic(), StartChild(ChildSpec(id="b", start=make, arguments=("alone",)))).ref.is_alive()
    assert seen[-1] == ("alone",)


def test_rule_81_extra_arguments_are_a_tuple() -> None:
    arguments: Any = ["x"]
    with pytest.raises(TypeError, match=r"extra_arguments=\['x'\] is not a tuple"):
        DynamicSupervisor(extra_arguments=arguments)


@pytest.mark.parametrize("flag", ["strategy", "auto_shutdown"])
def test_rule_79_flags_of_a_list_are_refused_by_name(flag: str) -> None:
    flags: dict[str, Any] = {flag: "one_for_one"}
    with pytest.raises(TypeError, match=flag):
        DynamicSupervisor(**flags)


def test_rule_79_significant_is_refused(lab: Laboratory) -> None:
    spec = lab.spec("s", significant=True, restart=Restart.TRANSIENT)
    answer = lab.ask(lab.dynamic(), StartChild(spec))
    assert answer.kind == "invalid"
    assert "significant=True" in answer.detail


def test_requests_about_a_list_are_refused(lab: Laboratory) -> None:
    supervisor = lab.dynamic(lab.spec("a"))
    for request in (RestartChild("a"), DeleteChild("a")):
        assert lab.ask(supervisor, request).kind == "invalid"
    assert lab.states(supervisor) == {"a": "running"}
