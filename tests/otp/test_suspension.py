"""An actor that is looked at, held and let go from outside; none of it can hang the system or harm the actor."""

from typing import Any

import pytest

from naive_daemon.otp import NORMAL, SHUTDOWN, ActorDiedError, ExitReason, Supervisor, send_exit
from naive_daemon.otp.messages import Inspect
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, ThreadWorker, Trapper, Worker, later, throw
from tests.otp.test_pool import Gate

KINDS = pytest.mark.parametrize("kind", [Worker, ThreadWorker], ids=["pool", "thread"])


def _got(lab: Laboratory) -> list[Any]:
    return [event[2] for event in lab.seen("got")]


@KINDS
def test_an_inspection_sees_the_actor_between_two_messages(lab: Laboratory, kind: type[Worker]) -> None:
    worker = lab.worker("w", kind)
    for number in range(10):
        worker.tell(number)
    lab.settle()
    assert lab.system.inspect(worker, lambda actor: (actor.label, actor.handled), PATIENCE_S) == ("w", 10)
    assert worker._actor.handled == 10


def test_an_inspection_overtakes_messages(live: Laboratory) -> None:
    worker, gate = live.worker(), Gate()
    gate.hold(worker)
    for number in range(100):
        worker.tell(number)

    handled: list[int] = []
    worker.actor_inbox.put_signal(Inspect(lambda actor: handled.append(actor.handled)))
    gate.go_on.set()
    live.settle()
    assert handled == [1]


def test_what_an_inspection_raises_comes_to_the_caller_and_leaves_the_actor_unharmed(lab: Laboratory) -> None:
    worker = lab.worker()
    for error in (BoomError("look"), SystemExit(1)):
        with pytest.raises(type(error), match=str(error)):
            lab.system.inspect(worker, lambda _, raised=error: throw(raised), PATIENCE_S)  # type: ignore[misc] # a lambda's default
    assert lab.ask(worker, "ping") == "ping"


def test_an_inspection_of_a_busy_actor_gives_up(live: Laboratory) -> None:
    worker, gate = live.worker(), Gate()
    gate.hold(worker)
    with pytest.raises(TimeoutError, match="w to be looked at"):
        live.system.inspect(worker, lambda actor: actor.handled, 0.0)
    gate.go_on.set()
    live.settle()
    assert live.monitors_of(worker) == 0


def test_an_inspection_of_the_dead_says_so(lab: Laboratory) -> None:
    worker = lab.worker()
    lab.kill(worker)
    with pytest.raises(ActorDiedError, match="noproc"):
        lab.system.inspect(worker, lambda actor: actor.handled, PATIENCE_S)


def test_an_inspection_waits_so_it_is_refused_inside_an_actor(lab: Laboratory) -> None:
    worker, other = lab.worker(), lab.worker("other")
    lab.tell(worker, lambda actor: actor.system.inspect(other, lambda seen: seen.handled, 1.0))
    assert "inspect waits, so it is refused inside the actor w" in str(lab.reason_of(worker))


@KINDS
def test_a_suspended_actor_reads_nothing_until_it_is_resumed(lab: Laboratory, kind: type[Worker]) -> None:
    worker = lab.worker("w", kind)
    lab.system.suspend(worker, PATIENCE_S)
    lab.settle()
    for number in range(3):
        lab.tell(worker, number)
    assert _got(lab) == []
    assert lab.system.inspect(worker, lambda actor: (actor.phase, actor.handled), PATIENCE_S) == ("suspended", 0)
    lab.system.resume(worker)
    lab.settle()
    assert _got(lab) == [0, 1, 2]
    assert worker._actor.phase == "running"


def test_a_suspended_actor_wakes_by_itself(simulated: Laboratory) -> None:
    worker = simulated.worker()
    simulated.system.suspend(worker, 10.0)
    simulated.tell(worker, "word")
    simulated.advance(9.999)
    assert _got(simulated) == []
    simulated.advance(0.001)
    assert _got(simulated) == ["word"]


def test_the_end_of_an_earlier_suspension_does_not_end_a_later_one(simulated: Laboratory) -> None:
    worker = simulated.worker()
    simulated.system.suspend(worker, 10.0)
    simulated.advance(5.0)
    simulated.system.suspend(worker, 10.0)
    simulated.tell(worker, "word")
    simulated.advance(9.0)
    assert _got(simulated) == []
    simulated.advance(1.0)
    assert _got(simulated) == ["word"]


@pytest.mark.parametrize("reason", [SHUTDOWN, ExitReason("crash", "odd")])
def test_an_exit_signal_ends_a_suspended_actor(lab: Laboratory, reason: ExitReason) -> None:
    worker, stranger = lab.worker(), lab.worker("stranger")
    lab.system.suspend(worker, PATIENCE_S)
    lab.settle()
    send_exit(worker, reason, stranger)
    lab.settle()
    assert lab.reason_of(worker) == reason


def test_an_exit_signal_wakes_a_suspended_actor_that_traps(lab: Laboratory) -> None:
    trapper, stranger = lab.worker("t", Trapper), lab.worker("stranger")
    lab.system.suspend(trapper, PATIENCE_S)
    lab.tell(trapper, "word")
    send_exit(trapper, NORMAL, stranger)
    lab.settle()
    assert _got(lab)[1:] == ["word"]
    assert trapper.is_alive()


def test_a_suspended_child_does_not_hold_up_its_supervisors_stop(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b")
    lab.system.suspend(lab.find("a"), PATIENCE_S)
    lab.settle()
    assert lab.end(supervisor) == SHUTDOWN
    assert [event[1:] for event in lab.seen("end")] == [("b", "shutdown"), ("a", "shutdown")]


def test_who_asks_a_suspended_actor_gets_its_answer_later(lab: Laboratory) -> None:
    worker = lab.worker()

    def ask(actor: Worker) -> Any:
        deferred, call = later(actor), actor.caller()
        actor.request(worker, "ping", call.reply, PATIENCE_S)
        lab.system.suspend(worker, 0.001)
        return deferred

    assert lab.ask(lab.worker("client"), ask, within_s=0.001) == "ping"


@KINDS
def test_a_suspension_and_its_end_are_logged_with_the_actors_context(
    lab: Laboratory, logs: list[Any], kind: type[Worker]
) -> None:
    class Told(kind):  # type: ignore[valid-type, misc] # a class that pytest chooses
        traps_exit = True

        def log_context(self) -> dict[str, object]:
            return {"symbol": "BTCUSDT"}

    told, stranger = lab.worker("w", Told), lab.worker("stranger")
    about = {"actor": "w", "symbol": "BTCUSDT", "log_level": "warning"}
    suspended = about | {"event": "actor suspended", "for_s": 60.0}
    lab.system.suspend(told, 60.0)
    lab.settle()
    assert logs == [suspended]
    lab.system.resume(told)
    lab.system.resume(told)  # from what it does no more: says nothing
    lab.settle()
    assert logs[1:] == [about | {"event": "actor resumed", "how": "asked"}]
    lab.system.suspend(told, 60.0)
    lab.settle()
    send_exit(told, ExitReason("odd"), stranger)
    lab.settle()
    assert logs[2:] == [suspended, about | {"event": "actor resumed", "how": "exit"}]


def test_a_suspension_that_ends_by_itself_says_so(simulated: Laboratory, logs: list[Any]) -> None:
    worker = simulated.worker()
    simulated.system.suspend(worker, 10.0)
    simulated.advance(5.0)
    simulated.system.suspend(worker, 10.0)
    simulated.advance(9.0)
    assert [entry["event"] for entry in logs] == ["actor suspended", "actor suspended"]
    simulated.advance(1.0)
    assert [(entry["event"], entry["how"]) for entry in logs[2:]] == [("actor resumed", "time over")]


def test_a_suspension_that_no_timer_would_end_ends_at_once(
    lab: Laboratory, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = lab.worker()
    monkeypatch.setattr(lab.system.timers, "after", lambda *_: throw(BoomError("no timer")))
    with pytest.raises(BoomError):
        lab.system.suspend(worker, 1.0)
    lab.settle()
    assert logs[-1]["how"] == "no timer"
    assert lab.ask(worker, "ping") == "ping"


def test_suspending_the_dead_is_silent(lab: Laboratory) -> None:
    worker = lab.worker()
    lab.kill(worker)
    lab.system.suspend(worker, 0.001)
    lab.system.resume(worker)
    lab.settle()


def test_the_top_actors_are_listed_in_order_of_start(lab: Laboratory) -> None:
    first, supervisor, last = lab.worker("first"), lab.supervisor("child"), lab.worker("last")
    assert lab.system.roots() == [first, supervisor, last]
    assert [ref.number for ref in lab.system.roots()] == [1, 2, 4]
    lab.kill(first)
    assert lab.system.roots() == [supervisor, last]


def test_a_start_that_fails_leaves_no_top_actor(lab: Laboratory) -> None:
    lab.worker("taken")
    with pytest.raises(Exception, match="already_started"):
        lab.system.start(lab.make("other"), "taken")
    with pytest.raises(Exception, match="boom"):
        lab.system.start(Worker("w", lab.events, BoomError("boom")), "w")
    assert [ref.label for ref in lab.system.roots()] == ["taken"]


def test_a_tracer_sees_what_is_received_and_sent(lab: Laboratory) -> None:
    worker, other = lab.worker(), lab.worker("other")
    seen: list[tuple[str, Any]] = []
    lab.system.inspect(worker, lambda actor: actor.trace(lambda what, about: seen.append((what, about))), PATIENCE_S)
    lab.tell(worker, "word")

    def send(_: Worker) -> None:
        other.tell("sent")

    lab.tell(worker, send)
    lab.system.inspect(worker, lambda actor: actor.trace(None), PATIENCE_S)
    lab.tell(worker, "unseen")
    assert seen == [
        ("receive", "word"),
        ("handled", "word"),
        ("receive", send),
        ("send", (other, "sent")),
        ("handled", send),
    ]


def test_what_a_supervisor_is_traced_with_does_not_change_it(lab: Laboratory) -> None:
    supervisor = lab.start(Supervisor([lab.spec("a")], max_restarts=3))
    seen: list[str] = []
    lab.system.inspect(supervisor, lambda actor: actor.trace(lambda what, _: seen.append(what)), PATIENCE_S)
    lab.kill("a")
    assert lab.states(supervisor) == {"a": "running"}
    assert seen
