"""Requests and their answers: OTP rules 71-73; and what waits for an answer is refused inside an actor."""

from typing import Any

import pytest

from naive_daemon.otp import (
    KILL,
    NOPROC,
    NORMAL,
    ActorDiedError,
    Call,
    Deferred,
    ExitReason,
    Ref,
    RequestFailed,
    send_exit,
)
from tests.otp.laboratory import (
    BoomError,
    Laboratory,
    ThreadWorker,
    Worker,
    later,
    recorder,
    throw,
)

KINDS = pytest.mark.parametrize("kind", [Worker, ThreadWorker], ids=["pool", "thread"])
TIMEOUT = ExitReason("timeout")


def _request(lab: Laboratory, target: Ref | None, message: Any, timeout_s: float = 5.0) -> Ref:
    client = lab.worker(("client", len(lab.events)))
    lab.tell(client, lambda actor: actor.request(target, message, recorder(lab, "r"), timeout_s))
    return client


def _answers(lab: Laboratory) -> list[Any]:
    return [event[2] for event in lab.seen("answer")]


@KINDS
def test_rule_71_a_request_is_answered_by_a_message(lab: Laboratory, kind: type[Worker]) -> None:
    _request(lab, lab.worker("server", kind), "ping")
    assert _answers(lab) == ["ping"]


def test_rule_71_a_dead_or_absent_target_is_noproc_at_once(lab: Laboratory) -> None:
    dead = lab.worker("dead")
    lab.kill(dead)
    for target in (dead, None):
        _request(lab, target, "ping")
        assert _answers(lab) == [RequestFailed(NOPROC)]


def test_rule_71_to_ask_oneself_is_an_error(lab: Laboratory) -> None:
    worker = lab.worker()
    lab.tell(worker, lambda actor: actor.request(actor.ref, "ping", recorder(lab, "r")))
    reason = lab.reason_of(worker)
    assert reason is not None
    assert str(reason) == "RuntimeError: w asks itself"


def test_rule_71_the_time_out_is_5_s(simulated: Laboratory) -> None:
    _request(simulated, simulated.worker("server"), later)
    simulated.advance(4.999)
    assert _answers(simulated) == []
    simulated.advance(0.001)
    assert _answers(simulated) == [RequestFailed(TIMEOUT)]


def test_rule_71_a_time_out_on_threads(live: Laboratory) -> None:
    server = live.worker("server")

    def ask_the_silent(actor: Worker) -> Any:
        deferred = later(actor)
        call = actor.caller()
        actor.request(server, later, call.reply, 0.01)
        return deferred

    assert live.ask(live.worker("client"), ask_the_silent) == RequestFailed(TIMEOUT)


def test_rule_72_the_server_still_does_the_work_and_the_late_reply_is_dropped(simulated: Laboratory) -> None:
    server = simulated.worker("server")
    _request(simulated, server, later, 1.0)
    simulated.advance(1.0)
    assert _answers(simulated) == [RequestFailed(TIMEOUT)]
    simulated.tell(server, lambda actor: actor.kept.reply("late"))
    simulated.advance(10.0)
    assert _answers(simulated) == []
    assert server.is_alive()


def test_an_answer_in_time_leaves_no_time_out_and_no_monitor(simulated: Laboratory) -> None:
    server = simulated.worker("server")
    client = _request(simulated, server, "ping", 1.0)
    simulated.advance(10.0)
    simulated.kill(server)
    assert _answers(simulated) == ["ping"]
    actor: Any = client._actor
    assert (actor._pending, actor._monitored) == ({}, {})
    assert simulated.monitors_of(server) == 0


@KINDS
@pytest.mark.parametrize("error", [BoomError("bug"), SystemExit(1)])
def test_rule_73_an_exception_crashes_the_server_and_tells_the_caller(
    lab: Laboratory, kind: type[Worker], error: BaseException
) -> None:
    server = lab.worker("server", kind)
    client = _request(lab, server, lambda _: throw(error))
    assert [answer.reason.detail for answer in _answers(lab)] == [error]
    assert not server.is_alive()
    assert client.is_alive()


def test_rule_73_from_outside(lab: Laboratory) -> None:
    server = lab.worker("server")
    with pytest.raises(ActorDiedError, match="BoomError: bug"):
        lab.ask(server, lambda _: throw(BoomError("bug")))
    assert not server.is_alive()


def test_a_server_that_ends_in_a_request_tells_its_reason(lab: Laboratory) -> None:
    server = lab.worker("server")
    _request(lab, server, lambda actor: actor.exit(NORMAL))
    assert _answers(lab) == [RequestFailed(NORMAL)]


@pytest.mark.parametrize("message", ["queued", later], ids=["queued", "deferred"])
def test_a_server_that_dies_before_it_answers_fails_what_waits(lab: Laboratory, message: Any) -> None:
    server = lab.worker("server")
    client = lab.worker("client")

    def ask_and_break(actor: Worker) -> None:
        actor.request(server, message, recorder(lab, "r"))
        server.tell(lambda _: throw(BoomError("before")))

    server.tell(lambda _: client.tell(ask_and_break))
    lab.settle()
    answers = _answers(lab)
    assert len(answers) == 1
    assert answers == ["queued"] or isinstance(answers[0], RequestFailed)


def test_a_request_in_a_killed_servers_mailbox_fails_with_killed(simulated: Laboratory) -> None:
    server, client = simulated.worker("server"), simulated.worker("client")

    def ask_and_kill(actor: Worker) -> None:
        actor.request(server, "never read", recorder(simulated, "r"))
        send_exit(server, KILL)

    simulated.tell(client, ask_and_kill)
    assert _answers(simulated) == [RequestFailed(ExitReason("killed"))]


def test_a_deferred_answer_comes_later_and_once(lab: Laboratory) -> None:
    server = lab.worker("server")
    _request(lab, server, later)
    assert _answers(lab) == []
    lab.tell(server, lambda actor: (actor.kept.reply(1), actor.kept.reply(2), actor.kept.fail(NORMAL)))
    assert _answers(lab) == [1]


def test_a_value_of_the_class_defers_as_the_constant_does(lab: Laboratory) -> None:
    server = lab.worker("server")
    _request(lab, server, lambda actor: (later(actor), Deferred())[1])
    assert _answers(lab) == []
    lab.tell(server, lambda actor: actor.kept.reply(1))
    assert _answers(lab) == [1]


class Counting(dict[int, Any]):
    """Counts how often its entries are gone through."""

    looks = 0

    def items(self) -> Any:
        self.looks += len(self)
        return super().items()

    def values(self) -> Any:
        self.looks += len(self)
        return super().values()


def test_a_server_with_a_thousand_requests_ends_and_each_is_found_at_once(lab: Laboratory) -> None:
    server, client = lab.worker("server"), lab.worker("client")
    pending = Counting()

    def ask_much(actor: Worker) -> None:
        actor._pending = pending
        for _ in range(1_000):
            actor.request(server, later, recorder(lab, "r"))

    lab.tell(client, ask_much)
    lab.kill(server)
    assert _answers(lab) == [RequestFailed(ExitReason("killed"))] * 1_000
    assert (len(pending), pending.looks) == (0, 0)


def test_who_dies_tells_each_of_those_that_wait_though_telling_one_of_them_fails(
    lab: Laboratory, logs: list[Any]
) -> None:
    server, target, told = lab.worker("server"), lab.worker("target"), list[ExitReason]()

    def fill(actor: Worker) -> None:
        actor.request(target, later, print)
        for fail in (lambda _: throw(BoomError("deaf")), told.append):
            actor.ref.tell(Call("never read", told.append, fail))
        actor.exit(ExitReason("odd"))

    lab.tell(server, fill)
    assert told == [ExitReason("odd")]
    assert lab.monitors_of(target) == 0
    assert [(entry["event"], entry["reason"]) for entry in logs if "deaf" in entry["reason"]] == [
        ("watcher failed", "BoomError: deaf")
    ]


def test_caller_outside_of_a_request_is_an_error(lab: Laboratory) -> None:
    worker = lab.worker()
    lab.tell(worker, later)
    assert "not handling a request" in str(lab.reason_of(worker))


@pytest.mark.parametrize("call", ["ask", "start", "terminate", "stop"])
def test_what_waits_is_refused_inside_an_actor(lab: Laboratory, call: str) -> None:
    calls: dict[str, Any] = {
        "ask": lambda: lab.system.ask("other", "x"),
        "start": lambda: lab.system.start(lab.make("new")),
        "terminate": lambda: lab.system.terminate(lab.find("other"), 1.0),
        "stop": lab.system.stop,
    }
    lab.worker("other")
    worker = lab.worker()
    lab.tell(worker, lambda _: calls[call]())
    assert "refused inside the actor w" in str(lab.reason_of(worker))
    assert lab.find("other").is_alive()


@pytest.mark.parametrize("call", ["ask", "stop", "proxy"])
def test_pykkas_own_ways_to_wait_are_refused(lab: Laboratory, call: str) -> None:
    ref: Any = lab.worker()
    with pytest.raises(TypeError, match=f"pykka's {call} of w"):
        ref.ask("x") if call == "ask" else getattr(ref, call)()
