"""Bounded mailboxes: who sends too much is told, or only the newest is kept; and a last limit that nothing passes."""

import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.otp import DEFERRED, KILL, ActorSystem, Ref, send_exit
from naive_daemon.otp.mailbox_policy import KeepNewest, MailboxPolicy, NewestQueue, SlowDown
from tests.otp.laboratory import PATIENCE_S, Laboratory, Worker

LIMIT = 10


class Sender(Worker):
    """Writes down when it is told to slow down and to go on."""

    def on_congested(self, ref: Ref) -> None:
        self.events.append(("congested", self.called, ref.label))

    def on_relieved(self, ref: Ref) -> None:
        self.events.append(("relieved", self.called, ref.label))


class Slow(Worker):
    """Reads a mailbox with a small bound, whose fullness it writes down."""

    mailbox: ClassVar[MailboxPolicy] = SlowDown(limit=LIMIT, last_limit=10 * LIMIT)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, int):
            self.events.append(("read", message, len(self.actor_inbox.messages)))
            return None
        return super().on_receive(message)


class Newest(Slow):
    """Keeps the newest of each symbol; what is no pair of (symbol, price) is never dropped."""

    mailbox: ClassVar[MailboxPolicy] = KeepNewest(
        lambda message: message[0] if isinstance(message, tuple) else None,
        limit=LIMIT,
        last_limit=10 * LIMIT,
        what="prices",
    )


def flood(to: Ref, count: int) -> Callable[[Worker], None]:
    """Give a handler that sends so many numbers in one go."""

    def send(_: Worker) -> None:
        for number in range(count):
            to.tell(number)

    return send


def test_a_bound_for_drops_is_not_above_the_limit() -> None:
    assert (KeepNewest(hash, 10).bound, KeepNewest(hash, 10, drop_over=3).bound) == (10, 3)
    for wrong, said in ((0, "drop_over=0 is not a whole number >= 1"), (11, "limit=10 is below drop_over=11")):
        with pytest.raises(ValueError, match=said):
            KeepNewest(hash, 10, drop_over=wrong)


@pytest.mark.parametrize("policy", [SlowDown, lambda **limits: KeepNewest(hash, **limits)])
@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"limit": 0}, "limit=0 is not a whole number >= 1"),
        ({"limit": 1.5}, "limit=1.5 is not a whole number >= 1"),
        ({"limit": True}, "limit=True is not a whole number >= 1"),
        ({"last_limit": "9"}, "last_limit='9' is not a whole number >= 1"),
        ({"limit": 10, "last_limit": 9}, "last_limit=9 is below limit=10"),
    ],
)
def test_bad_limits_are_named(policy: Callable[..., Any], limits: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        policy(**limits)


def test_slow_down_loses_nothing_keeps_the_order_and_tells_the_sender_once(simulated: Laboratory) -> None:
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", Sender)
    simulated.tell(sender, flood(slow, 5 * LIMIT))
    events = simulated.seen("read", "congested", "relieved")
    assert [event[1] for event in events if event[0] == "read"] == list(range(5 * LIMIT))
    assert [event[0] for event in events if event[0] != "read"] == ["congested", "relieved"]
    at_relief = events[events.index(("relieved", "sender", "slow")) - 1]
    assert at_relief[2] <= LIMIT // 2


def test_who_sends_no_more_than_the_limit_is_not_told(simulated: Laboratory) -> None:
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", Sender)
    simulated.tell(sender, flood(slow, LIMIT))
    assert simulated.seen("congested", "relieved") == []


def test_each_sender_over_the_limit_is_told(simulated: Laboratory) -> None:
    slow = simulated.worker("slow", Slow)
    senders = [simulated.worker(name, Sender) for name in "abc"]
    for sender in senders:
        sender.tell(flood(slow, 2 * LIMIT))
    simulated.settle()
    events = simulated.seen("congested", "relieved")
    assert sorted(events) == sorted((kind, name, "slow") for kind in ("congested", "relieved") for name in "abc")


def test_congestion_is_logged_once_a_time(simulated: Laboratory, logs: list[Any]) -> None:
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", Sender)
    simulated.tell(sender, flood(slow, 5 * LIMIT))
    found = [(entry["event"], entry["actor"], entry["sender"]) for entry in logs]
    assert found == [("mailbox congested", "slow", "sender")]


@pytest.mark.real_threads
def test_a_sender_over_the_limit_lets_the_reader_run_before_its_next_message() -> None:
    lab = Laboratory(ActorSystem.live(WallClock(), threads=1))
    slow, sender = lab.worker("slow", Slow), lab.worker("sender", Sender)
    sender.tell(lambda actor: [actor.ref.tell(flood(slow, LIMIT + 1)) for _ in range(3)])
    lab.settle()
    assert max(event[2] for event in lab.seen("read")) == LIMIT  # what waited behind the first of the numbers
    lab.close()


def test_nothing_is_lost_on_any_system(lab: Laboratory) -> None:
    slow = lab.worker("slow", Slow)
    senders = [lab.worker(name, Sender) for name in "abc"]
    for sender in senders:
        for _ in range(3):
            sender.tell(flood(slow, LIMIT))
    lab.settle()
    events = lab.seen("read", "congested", "relieved")
    assert len([event for event in events if event[0] == "read"]) == 9 * LIMIT
    told = [event[1] for event in events if event[0] == "congested"]
    assert sorted(told) == sorted(event[1] for event in events if event[0] == "relieved")


def test_who_is_slowed_down_is_relieved_by_the_readers_end(simulated: Laboratory) -> None:
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", Sender)

    def flood_and_kill(actor: Worker) -> None:
        flood(slow, 2 * LIMIT)(actor)
        send_exit(slow, KILL)

    simulated.tell(sender, flood_and_kill)
    assert [event[0] for event in simulated.seen("congested", "relieved")] == ["congested", "relieved"]


def test_a_suspended_reader_slows_its_senders_down(simulated: Laboratory) -> None:
    slow, sender = simulated.worker("slow", Slow), simulated.worker("sender", Sender)
    simulated.system.suspend(slow, 60.0)
    for number in range(3 * LIMIT):
        simulated.tell(sender, lambda _, word=number: slow.tell(word))
    assert simulated.seen("read", "congested", "relieved") == [("congested", "sender", "slow")]
    simulated.system.resume(slow)
    simulated.settle()
    assert simulated.seen("relieved") == [("relieved", "sender", "slow")]


def test_a_sender_from_outside_can_wait_for_room(live: Laboratory) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hang(_: Worker) -> None:
        entered.set()
        assert go_on.wait(PATIENCE_S)

    slow = live.worker("slow", Slow)
    slow.tell(hang)
    assert entered.wait(PATIENCE_S)
    assert slow.wait_for_room(PATIENCE_S)
    for number in range(LIMIT + 1):
        slow.tell(number)
    assert slow.is_congested
    assert not slow.wait_for_room(0.0)
    go_on.set()
    assert slow.wait_for_room(PATIENCE_S)
    assert not slow.is_congested


def test_an_actor_of_the_pool_must_not_wait_for_room(in_order: Laboratory) -> None:
    slow, sender = in_order.worker("slow", Slow), in_order.worker("sender", Sender)
    in_order.tell(sender, lambda _: slow.wait_for_room(1.0))
    assert "shares its thread, so it must not wait" in str(in_order.reason_of(sender))


def test_keep_newest_drops_what_is_old_and_nothing_else(simulated: Laboratory) -> None:
    newest, sender = simulated.worker("newest", Newest), simulated.worker("sender", Sender)

    def send(_: Worker) -> None:
        newest.tell("order 1")
        for price in range(50):
            newest.tell(("BTCUSDT" if price % 2 else "ETHUSDT", price))
        newest.tell("order 2")

    simulated.tell(sender, send)
    got = [event[2] for event in simulated.seen("got")]
    assert [message for message in got if isinstance(message, str)] == ["order 1", "order 2"]
    prices = [message for message in got if isinstance(message, tuple)]
    assert prices[-2:] == [("ETHUSDT", 48), ("BTCUSDT", 49)]
    assert len(prices) <= LIMIT
    assert [price for _, price in prices] == sorted(price for _, price in prices)


def test_what_is_dropped_is_logged_once_until_all_has_been_read_and_counted(
    simulated: Laboratory, logs: list[Any]
) -> None:
    newest = simulated.worker("newest", Newest)
    sender = simulated.worker("sender", Sender)

    def send(_: Worker) -> None:
        for price in range(5 * LIMIT):
            newest.tell(("BTCUSDT", price))

    for _ in range(2):
        simulated.tell(sender, send)
    found = [(entry["event"], entry["actor"], entry["count"]) for entry in logs]
    assert found == [("prices dropped", "newest", LIMIT)] * 2
    prices = [event[2] for event in simulated.seen("got")]
    assert newest.actor_inbox.dropped == 10 * LIMIT - len(prices)
    assert simulated.worker("other").actor_inbox.dropped == 0


def test_a_queue_that_drops_holds_its_reader_no_longer_than_it_lives(simulated: Laboratory) -> None:
    newest = simulated.worker("newest", Newest)
    queue = newest.actor_inbox.messages
    send_exit(newest, KILL)
    assert isinstance(queue, NewestQueue)
    assert queue._owner is None


def test_who_sees_that_a_mailbox_is_full_can_have_itself_told_when_it_is_not(simulated: Laboratory) -> None:
    slow, other = simulated.worker("slow", Slow), simulated.worker("other", Sender)
    seen: list[bool] = []
    simulated.system.suspend(slow, 60.0)
    simulated.tell(other, lambda actor: seen.append(actor.await_room(slow)))
    for number in range(LIMIT + 1):
        slow.tell(number)
    for _ in range(2):
        simulated.tell(other, lambda actor: seen.append(actor.await_room(slow)))
    assert seen == [True, False, False]
    simulated.system.resume(slow)
    simulated.settle()
    assert simulated.seen("congested", "relieved") == [("relieved", "other", "slow")]


def test_keep_newest_drops_no_request(simulated: Laboratory) -> None:
    newest, client = simulated.worker("newest", Newest), simulated.worker("client")
    answers: list[Any] = []

    def ask_much(actor: Worker) -> None:
        for number in range(3 * LIMIT):
            actor.request(newest, ("BTCUSDT", number), answers.append)

    simulated.tell(client, ask_much)
    assert answers == [("BTCUSDT", number) for number in range(3 * LIMIT)]


def test_keep_newest_tells_who_sends_too_much_of_what_it_may_not_drop(simulated: Laboratory) -> None:
    newest, sender = simulated.worker("newest", Newest), simulated.worker("sender", Sender)
    simulated.tell(sender, flood(newest, 3 * LIMIT))
    assert [event[1] for event in simulated.seen("read")] == list(range(3 * LIMIT))


@pytest.mark.parametrize("kind", [Slow, Newest])
def test_the_last_limit_crashes_the_reader_and_its_supervisor_starts_it_afresh(
    lab: Laboratory, logs: list[Any], kind: type[Worker]
) -> None:
    supervisor = lab.supervisor(lab.spec("reader", kind))
    reader, sender = lab.find("reader"), lab.worker("sender", Sender)
    lab.system.suspend(reader, 60.0)
    lab.settle()
    lab.tell(sender, flood(reader, 10 * LIMIT + 1))
    reason = str(lab.reason_of(reader))
    assert reason == f"mailbox overflow: {10 * LIMIT + 1} messages wait, the limit is {10 * LIMIT}"
    assert [entry["reason"] for entry in logs if entry["event"] == "actor crashed"] == [reason]
    assert lab.states(supervisor) == {"reader": "running"}
    assert lab.find("reader") is not reader
    assert sender.is_alive()


def test_the_last_limit_fails_the_requests_that_wait(simulated: Laboratory) -> None:
    class Silent(Slow):
        def on_receive(self, message: Any) -> Any:
            return DEFERRED

    silent, client = simulated.worker("silent", Silent), simulated.worker("client", Sender)
    answers: list[Any] = []

    def ask_and_flood(actor: Worker) -> None:
        actor.request(silent, "question", answers.append)
        flood(silent, 10 * LIMIT + 1)(actor)

    simulated.tell(client, ask_and_flood)
    assert [str(answer.reason)[:16] for answer in answers] == ["mailbox overflow"]
