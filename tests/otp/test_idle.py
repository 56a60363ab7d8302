"""Idle time-outs: OTP rule 75."""

from collections.abc import Callable
from typing import Any

import pytest

from naive_daemon.otp import NORMAL, Ref
from tests.otp.laboratory import BoomError, Laboratory, Trapper, Worker, later, recorder, throw


class Idler(Trapper):
    """Writes down when it was idle."""

    def on_idle(self) -> None:
        self.events.append(("idle", self.called, self.system.clock.monotonic_s()))


def _times(lab: Laboratory) -> list[float]:
    return [event[2] for event in lab.seen("idle")]


def test_rule_75_idle_is_told_once_after_the_time(simulated: Laboratory) -> None:
    simulated.tell(simulated.worker("w", Idler), lambda actor: actor.idle_after(2.0))
    simulated.advance(1.999)
    assert _times(simulated) == []
    simulated.advance(100.0)
    assert _times(simulated) == [2.0]


def test_rule_75_idle_on_every_system(lab: Laboratory) -> None:
    class Replying(Idler):
        def on_idle(self) -> None:
            self.kept.reply("idle")  # type: ignore[attr-defined] # set by `later`

    def wait_idly(actor: Worker) -> Any:
        actor.idle_after(0.001)
        return later(actor)

    assert lab.ask(lab.worker("w", Replying), wait_idly, within_s=0.001) == "idle"


def _tell(lab: Laboratory, idler: Ref) -> None:
    lab.tell(idler, "word")


def _ask(lab: Laboratory, idler: Ref) -> None:
    lab.ask(idler, "question")


def _let_who_is_watched_die(lab: Laboratory, idler: Ref) -> None:
    del idler
    lab.kill("watched")


def _let_who_is_linked_die(lab: Laboratory, idler: Ref) -> None:
    del idler
    lab.kill("linked")


def _answer(lab: Laboratory, idler: Ref) -> None:
    del idler
    lab.tell("server", lambda actor: actor.kept.reply("answer"))


def _time_out(lab: Laboratory, idler: Ref) -> None:
    del idler
    lab.advance(0.5)  # the request's


@pytest.mark.parametrize("message", [_tell, _ask, _let_who_is_watched_die, _let_who_is_linked_die, _answer, _time_out])
def test_rule_75_any_message_cancels_it(simulated: Laboratory, message: Callable[[Laboratory, Ref], None]) -> None:
    lab = simulated
    watched, linked, server = lab.worker("watched"), lab.worker("linked"), lab.worker("server")
    idler = lab.worker("idler", Idler)

    def begin(actor: Worker) -> None:
        actor.monitor(watched)
        actor.link(linked)
        actor.request(server, later, recorder(lab, "r"), timeout_s=1.5)
        actor.idle_after(2.0)

    lab.tell(idler, begin)
    lab.advance(1.0)
    message(lab, idler)
    lab.advance(0.4 if message is not _time_out else 100.0)
    lab.kill(server)  # so that no time-out of the request comes, which would be one more message
    lab.advance(100.0)
    assert _times(lab) == []


def test_rule_75_what_is_no_message_does_not_cancel_it(simulated: Laboratory) -> None:
    idler = simulated.worker("w", Idler)
    simulated.tell(idler, lambda actor: actor.idle_after(2.0))
    simulated.advance(1.0)
    assert simulated.system.inspect(idler, lambda actor: actor.handled, 1.0) == 1
    simulated.advance(1.0)
    assert _times(simulated) == [2.0]


def test_rule_75_asked_for_again_the_time_begins_again(simulated: Laboratory) -> None:
    idler = simulated.worker("w", Idler)
    simulated.tell(idler, lambda actor: (actor.idle_after(2.0), actor.idle_after(5.0)))
    simulated.advance(100.0)
    assert _times(simulated) == [5.0]
    simulated.tell(idler, lambda actor: actor.idle_after(1.0))
    simulated.advance(0.5)
    simulated.tell(idler, lambda actor: actor.idle_after(1.0))
    simulated.advance(100.0)
    assert _times(simulated) == [101.5]


def test_rule_75_an_old_one_that_waits_to_be_read_does_not_cancel_a_new_one(simulated: Laboratory) -> None:
    idler = simulated.worker("w", Idler)

    def be_slow(actor: Worker) -> None:
        actor.idle_after(2.0)
        actor.ref.tell(lambda again: again.idle_after(5.0))
        actor.system.timers.advance_to(2_000_000_000)  # type: ignore[attr-defined] # the first falls due meanwhile

    simulated.tell(idler, be_slow)
    simulated.advance(100.0)
    assert _times(simulated) == [7.0]


def test_rule_75_it_may_be_asked_for_in_init_and_in_a_batch(simulated: Laboratory) -> None:
    class Batching(Idler):
        batches = True

        def init(self) -> None:
            self.idle_after(1.0)

        def on_batch(self, messages: list[Any]) -> None:
            del messages
            self.idle_after(3.0)

    batching = simulated.worker("b", Batching)
    simulated.advance(10.0)
    simulated.tell(batching, "word")
    simulated.advance(100.0)
    assert _times(simulated) == [1.0, 13.0]


def test_rule_75_who_is_idle_may_end_or_crash(simulated: Laboratory) -> None:
    class Ending(Worker):
        def on_idle(self) -> None:
            self.exit(NORMAL) if self.called == "ending" else throw(BoomError("idle"))

    refs = [simulated.worker(name, Ending) for name in ("ending", "crashing")]
    for ref in refs:
        simulated.tell(ref, lambda actor: actor.idle_after(1.0))
    simulated.advance(1.0)
    assert [str(simulated.reason_of(ref)) for ref in refs] == ["normal", "BoomError: idle"]


def test_the_dead_leave_no_idle_time_out(simulated: Laboratory) -> None:
    for end in (simulated.kill, simulated.crash):
        idler = simulated.worker("w", Idler)
        simulated.tell(idler, lambda actor: actor.idle_after(3600.0))
        actor: Any = idler._actor
        timer = actor._idle
        end(idler)
        assert not timer.is_pending
