"""What a supervisor is asked: OTP rules 58-62."""

from typing import Any

import msgspec
import pytest

from naive_daemon.otp import (
    DEFERRED,
    INFINITY,
    NORMAL,
    ActorDiedError,
    AutoShutdown,
    ChildCounts,
    ChildSpec,
    ChildStarted,
    ChildType,
    CountChildren,
    DeleteChild,
    Done,
    GetChildSpec,
    Restart,
    RestartChild,
    StartChild,
    Supervisor,
    SupervisorError,
    TerminateChild,
    WhichChildren,
)
from tests.otp.laboratory import BoomError, Laboratory, recorder


def test_rule_58_an_id_that_is_there(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a")
    assert lab.ask(supervisor, StartChild(lab.spec("a"))) == SupervisorError("already_started", lab.find("a"))
    lab.ask(supervisor, TerminateChild("a"))
    assert lab.ask(supervisor, StartChild(lab.spec("a"))) == SupervisorError("already_present")


def test_rule_59_a_start_that_fails_keeps_no_spec(lab: Laboratory) -> None:
    error = BoomError("no")
    lab.plan("a", error)
    supervisor = lab.supervisor()
    answer = lab.ask(supervisor, StartChild(lab.spec("a")))
    assert (answer.kind, answer.detail.detail) == ("failed", error)
    assert lab.states(supervisor) == {}
    assert isinstance(lab.ask(supervisor, StartChild(lab.spec("a"))), ChildStarted)


def test_rule_60_terminate(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a")
    assert lab.ask(supervisor, TerminateChild("a")) == Done()
    assert lab.ask(supervisor, TerminateChild("a")) == Done()
    assert lab.ask(supervisor, TerminateChild("x")) == SupervisorError("not_found")


@pytest.mark.parametrize("request_of", [RestartChild, DeleteChild])
def test_rule_60_restart_and_delete_need_a_stopped_child(lab: Laboratory, request_of: Any) -> None:
    supervisor = lab.supervisor("a")
    assert lab.ask(supervisor, request_of("x")) == SupervisorError("not_found")
    assert lab.ask(supervisor, request_of("a")) == SupervisorError("running", lab.find("a"))


def test_rule_60_delete_forgets(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a")
    lab.ask(supervisor, TerminateChild("a"))
    assert lab.ask(supervisor, DeleteChild("a")) == Done()
    assert lab.ask(supervisor, RestartChild("a")) == SupervisorError("not_found")


def test_rule_60_a_failed_restart_by_hand_leaves_it_stopped(lab: Laboratory) -> None:
    lab.plan("a", None, BoomError("no"))
    supervisor = lab.supervisor("a", max_restarts=0)
    lab.ask(supervisor, TerminateChild("a"))
    assert lab.ask(supervisor, RestartChild("a")).kind == "failed"
    assert lab.states(supervisor) == {"a": "stopped"}
    assert isinstance(lab.ask(supervisor, RestartChild("a")), ChildStarted)


def test_rule_61_counts(lab: Laboratory) -> None:
    nested = ChildSpec(id="n", start=lambda: Supervisor([]), type=ChildType.SUPERVISOR)
    supervisor = lab.supervisor("a", lab.spec("ended", restart=Restart.TRANSIENT), nested)
    lab.leave("ended", NORMAL)
    assert lab.ask(supervisor, CountChildren()) == ChildCounts(specs=3, active=2, supervisors=1, workers=2)
    infos = lab.ask(supervisor, WhichChildren())
    assert [(info.id, info.ref is None, info.type) for info in infos] == [
        ("a", False, "worker"),
        ("ended", True, "worker"),
        ("n", False, "supervisor"),
    ]


@pytest.mark.parametrize("type_", list(ChildType))
def test_rule_61_a_spec_is_given_with_its_defaults_filled_in(lab: Laboratory, type_: ChildType) -> None:
    spec = lab.spec("a", type=type_)
    static, dynamic = lab.supervisor(spec), lab.dynamic(lab.spec("b", type=type_))
    grace_s = 5.0 if type_ is ChildType.WORKER else INFINITY
    assert lab.ask(static, GetChildSpec("a")) == msgspec.structs.replace(spec, shutdown_s=grace_s)
    assert lab.ask(dynamic, GetChildSpec(lab.find("b"))).shutdown_s == grace_s
    lab.ask(static, TerminateChild("a"))
    assert lab.ask(static, GetChildSpec("a")).id == "a"
    for supervisor, key in ((static, "x"), (dynamic, "b"), (dynamic, static)):
        assert lab.ask(supervisor, GetChildSpec(key)) == SupervisorError("not_found")


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rule_27_a_request_that_is_only_told_is_logged_and_ignored(
    lab: Laboratory, logs: list[Any], is_dynamic: bool
) -> None:
    supervisor = lab.dynamic(lab.spec("a")) if is_dynamic else lab.supervisor("a")
    for request in (StartChild(lab.spec("b")), TerminateChild("a"), RestartChild("a"), DeleteChild("a")):
        lab.tell(supervisor, request)
    assert [entry["event"] for entry in logs] == ["unexpected message"] * 4
    assert lab.states(supervisor) == {"a": "running"}


@pytest.mark.parametrize("key", ["x", ["no key"], {}, None])
def test_rule_60_what_is_no_id_is_not_found(lab: Laboratory, key: Any) -> None:
    for supervisor in (lab.supervisor("a"), lab.dynamic(lab.spec("b"))):
        for request_of in (TerminateChild, GetChildSpec):
            assert lab.ask(supervisor, request_of(key)) == SupervisorError("not_found")
        assert supervisor.is_alive()


def test_rule_62_a_dead_supervisor_is_noproc(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a")
    lab.end(supervisor)
    with pytest.raises(ActorDiedError, match="noproc"):
        lab.ask(supervisor, CountChildren())


def test_a_spec_that_does_not_fit_is_an_answer_and_not_a_crash(lab: Laboratory) -> None:
    significant = lab.spec("s", significant=True, restart=Restart.TRANSIENT)
    permanent = lab.spec("p", significant=True)
    for supervisor, spec in (
        (lab.supervisor("a"), significant),
        (lab.supervisor("b", auto_shutdown=AutoShutdown.ANY_SIGNIFICANT), permanent),
        (lab.dynamic(), significant),
    ):
        assert lab.ask(supervisor, StartChild(spec)).kind == "invalid"
        assert supervisor.is_alive()


def test_rules_4_79_a_spec_that_does_not_fit_is_refused_before_anything_else_is_looked_at(lab: Laboratory) -> None:
    significant = lab.spec("a", significant=True, restart=Restart.TRANSIENT)
    for supervisor in (lab.supervisor("a"), lab.dynamic(max_children=0)):
        assert lab.ask(supervisor, StartChild(significant)).kind == "invalid"


def test_lists_and_counts_are_served_while_a_start_waits_and_the_rest_waits_in_order(lab: Laboratory) -> None:
    """Where we differ: no waiting."""
    lab.plan("slow", DEFERRED)
    supervisor = lab.supervisor("a")
    client = lab.worker("client")
    for name, request in (
        ("start", StartChild(lab.spec("slow"))),
        ("stop", TerminateChild("a")),
        ("restart", RestartChild("a")),
    ):
        lab.tell(client, lambda actor, n=name, r=request: actor.request(supervisor, r, recorder(lab, n)))
    assert lab.states(supervisor) == {"a": "running", "slow": "starting"}
    assert lab.seen("answer") == []
    lab.tell("slow", lambda actor: actor.acknowledge_start())
    assert [event[1] for event in lab.seen("answer")] == ["start", "stop", "restart"]
