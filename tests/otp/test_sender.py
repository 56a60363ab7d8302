"""Who fills a mailbox: told to slow down and to go on, in turn, never that there is room where there is none."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from naive_daemon.otp import NORMAL, SHUTDOWN, Ref, send_exit
from naive_daemon.otp.mailbox_policy import MailboxPolicy, SlowDown
from naive_daemon.otp.waiting_senders import SWEEP_MIN, WaitingSenders
from tests.otp.laboratory import PATIENCE_S, Laboratory, Trapper, Worker
from tests.otp.test_mailbox_policy import LIMIT, Sender, Slow, flood
from tests.otp.test_pool import Gate


class ThreadSender(Sender):
    """Has a thread of its own, where there are threads."""

    runs_on = "thread"


class TrappingSender(Sender, Trapper):
    """The same, and an exit wakes it."""


class Small(Worker):
    """Has hardly any room, and does not crash for it."""

    mailbox: ClassVar[MailboxPolicy] = SlowDown(limit=1, last_limit=100_000)


def told(lab: Laboratory) -> list[str]:
    return [event[0] for event in lab.seen("congested", "relieved")]


def test_what_comes_from_outside_does_not_hide_an_actor_that_sends_too_much(in_order: Laboratory) -> None:
    slow, sender = in_order.worker("slow", Slow), in_order.worker("sender", Sender)
    for number in range(8 * LIMIT):
        slow.tell(number)
    in_order.tell(sender, flood(slow, 1))
    assert told(in_order) == ["congested", "relieved"]


def filled_again(live: Laboratory, fill: Callable[[Worker, Ref], object]) -> tuple[Ref, Gate]:
    """Let a sender fill a mailbox, and again in the same handler, when it has been read; gives its reader, held again.

    So the first relief waits to be read by the sender while there is no room.
    """
    slow, sender = live.worker("slow", Slow), live.worker("sender", ThreadSender)
    first, second, relieved, done = Gate(), Gate(), threading.Event(), threading.Event()

    def fill_twice(actor: Worker) -> None:
        fill(actor, slow)
        first.go_on.set()
        assert relieved.wait(PATIENCE_S)
        second.hold(slow)
        fill(actor, slow)

    first.hold(slow)
    for number in range(LIMIT):
        slow.tell(number)
    slow.actor_inbox.tell_when_relieved(relieved, relieved.set)  # who came first is told last: the sender has been
    sender.tell(fill_twice)
    sender.tell(lambda _: done.set())  # by then it has read its signals
    assert done.wait(PATIENCE_S)
    assert slow.is_congested
    return slow, second


def test_a_relief_that_comes_too_late_is_none(live: Laboratory) -> None:
    slow, gate = filled_again(live, lambda actor, slow: flood(slow, 2 * LIMIT)(actor))
    assert told(live) == ["congested"]
    gate.go_on.set()
    live.settle()
    assert told(live) == ["relieved"]
    assert not slow.is_congested


def test_a_relief_that_comes_too_late_for_one_who_waits_for_room_is_none(live: Laboratory) -> None:
    has_room: list[bool] = []

    def wait_for_room(actor: Sender, slow: Ref) -> None:
        for number in range(2 * LIMIT):
            slow.actor_inbox.messages.append(number)  # as somebody else does
        has_room.append(actor.await_room(slow))

    _, gate = filled_again(live, wait_for_room)  # type: ignore[arg-type] # it is a Sender
    assert has_room == [False, False]
    assert told(live) == []
    gate.go_on.set()
    live.settle()
    assert told(live) == ["relieved"]


@pytest.mark.parametrize(
    ("kind", "wake"),
    [
        (Sender, lambda lab, sender, _: lab.system.resume(sender)),
        (TrappingSender, lambda _, sender, stranger: send_exit(sender, NORMAL, stranger)),
    ],
    ids=["resumed", "woken by an exit"],
)
def test_a_suspended_sender_is_told_when_it_goes_on(
    simulated: Laboratory, kind: type[Worker], wake: Callable[[Laboratory, Ref, Ref], None]
) -> None:
    slow, sender, stranger = simulated.worker("slow", Slow), simulated.worker("sender", kind), simulated.worker()

    def fill_and_be_held(actor: Worker) -> None:
        simulated.system.suspend(sender, 60.0)  # its signal is read before those of what follows
        flood(slow, 2 * LIMIT)(actor)

    simulated.tell(sender, fill_and_be_held)
    assert slow.actor_inbox.empty()
    assert told(simulated) == []
    wake(simulated, sender, stranger)
    simulated.settle()
    assert told(simulated) == ["congested", "relieved"]


def test_a_suspended_sender_that_ends_is_told_nothing(simulated: Laboratory) -> None:
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", Sender)

    def fill_and_be_held(actor: Worker) -> None:
        simulated.system.suspend(sender, 60.0)
        flood(slow, 2 * LIMIT)(actor)

    simulated.tell(sender, fill_and_be_held)
    assert simulated.end(sender) == SHUTDOWN
    assert told(simulated) == []


def test_a_full_mailbox_keeps_nothing_of_senders_that_have_died(simulated: Laboratory) -> None:
    small = simulated.worker("small", Small)
    simulated.system.suspend(small, 60.0)
    for _ in range(3):
        small.tell("word")
    seen: list[weakref.ref[Worker]] = []
    for _ in range(5):
        actor = simulated.make("sender")
        seen.append(weakref.ref(actor))
        ref = simulated.system.start(actor)
        del actor
        ref.tell(lambda me: (small.tell("word"), me.exit()))
        simulated.settle()
        assert not ref.is_alive()
    gc.collect()
    assert [dead() for dead in seen] == [None] * 5


def test_those_that_have_died_are_swept_out_and_the_others_are_told(simulated: Laboratory) -> None:
    waiting, relieved = WaitingSenders(), list[Any]()
    living = simulated.worker("living")
    waiting.add(living, lambda: relieved.append(living))
    for _ in range(3 * SWEEP_MIN):
        ref = simulated.system.start(simulated.make("dying"))
        simulated.kill(ref)
        waiting.add(ref, lambda dead=ref: relieved.append(dead))  # type: ignore[misc] # a lambda's default
        assert len(waiting) <= SWEEP_MIN
    assert living in waiting
    waiting.relieve()
    assert relieved.count(living) == 1
    assert len(waiting) == 0


def test_who_is_forgotten_is_not_told() -> None:
    waiting, relieved = WaitingSenders(), list[str]()
    assert waiting.add("first", lambda: relieved.append("first"))
    assert not waiting.add("second", lambda: relieved.append("second"))
    waiting.forget("first")
    waiting.forget("nobody")
    waiting.relieve()
    assert relieved == ["second"]


def test_nobody_waits_for_room_in_a_simulation(simulated: Laboratory) -> None:
    """Its only thread would wait, and who shall read cannot."""
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", ThreadSender)
    assert slow.wait_for_room(0.0)
    for number in range(LIMIT + 1):
        slow.tell(number)
    with pytest.raises(RuntimeError, match="slow is simulated, so it reads nothing while one waits"):
        slow.wait_for_room(0.0)
    simulated.settle()

    def wait(actor: Worker) -> None:
        flood(slow, 2 * LIMIT)(actor)
        slow.wait_for_room(0.0)

    simulated.tell(sender, wait)
    assert "slow is simulated" in str(simulated.reason_of(sender))
    assert slow.is_alive()
