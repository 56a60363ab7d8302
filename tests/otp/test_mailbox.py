"""The two lanes of a mailbox, what comes in the midst of something else, and an end before the beginning."""

import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, SupportsIndex

import pytest

from naive_daemon.otp import KILL, Actor, ExitReason, Ref, StartFailedError, send_exit
from naive_daemon.otp.dispatcher import Activity
from naive_daemon.otp.mailbox import BURST, Mailbox
from naive_daemon.otp.mailbox_policy import KeepNewest, NewestQueue, SlowDown
from naive_daemon.otp.system import ActorSystem
from tests.otp.laboratory import PATIENCE_S, Laboratory, ThreadWorker, Worker


def doomed(times: int, kind: type[Worker] = Worker) -> type[Worker]:
    """Give a worker that somebody kills by its name before it begins, the first so many times."""
    left = [times]

    class Doomed(kind):  # type: ignore[valid-type, misc] # a class is made of whichever was given
        def attach(self, system: ActorSystem, name: Hashable | None, parent: Ref | None) -> Ref:
            ref = super().attach(system, name, parent)
            if left[0] > 0:
                left[0] -= 1
                send_exit(ref, KILL)
            return ref

    return Doomed


@pytest.mark.parametrize("kind", [Worker, ThreadWorker])
def test_who_is_killed_by_its_name_before_it_begins_has_failed_to_start(lab: Laboratory, kind: type[Worker]) -> None:
    with pytest.raises(StartFailedError):
        lab.system.start(lab.make("a", doomed(1, kind)), "a", PATIENCE_S)
    assert lab.system.whereis("a") is None
    assert lab.system.roots() == []
    assert lab.seen() == []
    lab.settle()


@pytest.mark.parametrize("kind", [Worker, ThreadWorker])
def test_a_child_that_is_killed_before_it_begins_is_started_again(lab: Laboratory, kind: type[Worker]) -> None:
    kinds = iter([kind, doomed(1, kind), kind])
    spec = lab.spec("a", kind)
    again = type(spec)(id="a", start=lambda: lab.make("a", next(kinds)), name="a")
    supervisor = lab.supervisor(again, max_restarts=5)
    lab.kill("a")
    assert supervisor.is_alive()
    assert lab.states(supervisor) == {"a": "running"}
    assert lab.ask("a", "ping") == "ping"


# The lane of signals ------------------------------------------------------------------------------------------------


class Counted(list[Any]):
    """Counts how many of its items are moved by what is taken from its front."""

    moved = 0

    def pop(self, index: SupportsIndex = -1) -> Any:
        if index == 0:
            self.moved += len(self)
        return super().pop(index)

    def __delitem__(self, index: Any) -> None:
        self.moved += len(self)
        super().__delitem__(index)


def test_many_signals_cost_as_little_for_each_as_few_do() -> None:
    mailbox = Mailbox(SlowDown())
    mailbox.signals = counted = Counted()
    many = 10_000
    for number in range(many):
        mailbox.put_signal(number)
    assert [mailbox.get() for _ in range(many)] == list(range(many))
    assert counted.moved <= many * BURST
    assert mailbox.empty()


@pytest.mark.parametrize("seed", range(20))
def test_signals_come_in_order_and_the_next_is_the_first_of_its_lane(seed: int) -> None:
    draw, mailbox, expected = random.Random(seed), Mailbox(SlowDown()), deque[int]()
    number = 0
    for _ in range(200):
        for _ in range(draw.choice([0, 1, 3, 3 * BURST])):
            number += 1
            mailbox.put_signal(number)
            expected.append(number)
        for _ in range(min(len(expected), draw.choice([1, 5, 4 * BURST]))):
            assert mailbox.signals[0] == expected[0]
            assert mailbox.take_signal() == expected.popleft()
            assert mailbox.empty() is not bool(expected)


def test_a_hundred_links_that_end_at_once_are_all_heard(lab: Laboratory) -> None:
    many = 3 * BURST
    heard: list[ExitReason] = []

    class Hub(Worker):
        traps_exit = True

        def on_receive(self, message: Any) -> Any:
            return super().on_receive(message) if callable(message) else heard.append(message.reason)

    hub = lab.worker("listening hub", Hub)
    others = [lab.worker(number) for number in range(many)]
    lab.tell(hub, lambda actor: [actor.link(other) for other in others])
    lab.kill(*others)
    assert [reason.kind for reason in heard] == ["killed"] * many


# In the midst -------------------------------------------------------------------------------------------------------


class Counter(Actor):
    """Counts its messages."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, _: object) -> None:
        self.count += 1


class ThreadCounter(Counter):
    """The same on a thread of its own."""

    runs_on = "thread"


class NewestCounter(Counter):
    """Drops what is old, from a few messages on; here each is of a kind of its own."""

    mailbox = KeepNewest(key=lambda message: message, limit=2)


def run(do: Callable[[], None]) -> None:
    """Run something that might never come back, on a thread of its own."""
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it never comes back"


def run_within(do: Callable[[], None], within: Callable[[], None]) -> int:
    """Do something again and again, each time with something else in its midst, at each call in turn; gives how often.

    That is where Python runs the handlers of signals and where the collector ends what nobody holds.
    """
    reached = True
    times = 0

    def once() -> None:
        nonlocal reached, times
        calls = 0

        def see(*_: object) -> None:
            nonlocal calls, reached
            calls += 1
            if calls == times + 1:
                reached = True
                within()

        reached = False
        sys.setprofile(see)
        try:
            do()
        finally:
            sys.setprofile(None)
        times += 1

    while reached:
        run(once)
    return times - 1


@pytest.mark.parametrize("kind", [Counter, ThreadCounter, NewestCounter])
def test_a_message_in_the_midst_of_another_neither_hangs_nor_is_lost(live: Laboratory, kind: type[Counter]) -> None:
    reader = kind()
    ref = live.start(reader)
    numbers = iter(range(1_000_000))

    def tell() -> None:
        live.settle()  # so that each wakes it, or finds that the other has
        ref.tell(next(numbers))

    times = run_within(tell, lambda: ref.tell(next(numbers)))
    live.settle()
    assert times > 5
    assert reader.count == next(numbers)


def test_the_count_of_the_busy_is_right_when_more_come_in_the_midst_of_it() -> None:
    activity, other = Activity(), Activity()
    activity.begin()
    waiter = threading.Thread(target=activity.wait, args=(0, PATIENCE_S))
    waiter.start()
    while not activity._waiters:
        other.wait(0, 0.0)

    def begin_and_end() -> None:
        activity.begin()
        activity.end()

    assert run_within(begin_and_end, begin_and_end) > 5
    assert activity.busy == 1
    activity.end()
    waiter.join(PATIENCE_S)
    assert not waiter.is_alive()


class Owner:
    """Writes down what a queue tells its owner."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def report_dropped(self, what: str, count: int) -> None:
        self.told.append((what, count))

    def break_down(self, reason: ExitReason) -> None:
        self.told.append(reason.detail)


def test_what_a_key_itself_puts_is_kept() -> None:
    owner, late = Owner(), iter(range(3))

    def key(message: str) -> str:
        for number in late:
            queue.append(f"late {number}")
        return message[:3]

    queue = NewestQueue(KeepNewest(key, limit=4), owner)
    run(lambda: [queue.append(f"old {number}") for number in range(5)] and None)
    assert [queue.popleft() for _ in range(len(queue))] == ["old 4", "late 0", "late 1", "late 2"]
    assert owner.told == [("messages", 4)]
    assert queue.dropped == 4


def test_a_key_that_ends_the_reader_leaves_nothing() -> None:
    owner = Owner()

    def key(message: int) -> int:
        queue.clear()
        return message

    queue = NewestQueue(KeepNewest(key, limit=4), owner)
    run(lambda: [queue.append(number) for number in range(5)] and None)
    assert len(queue) == 0
    assert owner.told == []


# A key that fails ---------------------------------------------------------------------------------------------------


def fail(message: Any) -> Any:
    return message["symbol"]


def leave(_: object) -> Any:
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("key", "error"), [(fail, TypeError), (leave, SystemExit), (lambda _: [], TypeError)], ids=["bug", "exit", "list"]
)
def test_a_key_that_fails_crashes_the_reader_and_no_sender(
    lab: Laboratory, logs: list[Any], key: Callable[[Any], Any], error: type[BaseException]
) -> None:
    class Reader(Worker):
        mailbox = KeepNewest(key, limit=4)

    supervisor = lab.supervisor(lab.spec("reader", Reader))
    reader, sender = lab.find("reader"), lab.worker("sender")
    lab.system.suspend(reader, PATIENCE_S)
    lab.settle()
    lab.tell(sender, lambda _: [reader.tell(number) for number in range(5)] and None)
    reason = lab.reason_of(reader)
    assert reason is not None
    assert isinstance(reason.detail, error)
    assert [entry["actor"] for entry in logs if entry["event"] == "actor crashed"] == ["reader"]
    assert lab.ask(sender, "ping") == "ping"
    assert lab.find("reader") is not reader
    assert lab.states(supervisor) == {"reader": "running"}
