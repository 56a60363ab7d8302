"""`settle` never returns early and no wake-up is lost, under stress on real threads."""

import random
import threading

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import Actor, ActorSystem, Ref
from naive_daemon.otp.dispatcher import Activity
from naive_daemon.otp.process import Process
from tests.otp.laboratory import PATIENCE_S, Laboratory


class Player(Actor):
    """Counts what it gets, and plays each ball on until it is spent."""

    def __init__(self, others: list[Ref], seed: int) -> None:
        super().__init__()
        self.others = others
        self.draw = random.Random(seed)
        self.count = 0

    def on_receive(self, message: int) -> None:
        self.count += 1
        if message > 0:
            self.draw.choice(self.others).tell(message - 1)


class ThreadPlayer(Player):
    """The same on a thread of its own."""

    runs_on = "thread"


class BatchPlayer(Player):
    """The same in batches."""

    batches = True


def _court(lab: Laboratory) -> tuple[list[Player], list[Ref]]:
    refs: list[Ref] = []
    kinds = [Player, Player, ThreadPlayer, Player, ThreadPlayer, BatchPlayer]
    players = [kind(refs, seed) for seed, kind in enumerate(kinds)]
    refs.extend([lab.start(player) for player in players])
    return players, refs


@pytest.mark.parametrize("balls", [1, 3, 20])
def test_settle_waits_for_the_last_ball(live: Laboratory, balls: int) -> None:
    players, refs = _court(live)
    expected = 0
    for _ in range(40):
        for ball in range(balls):
            refs[ball % len(refs)].tell(25)
        expected += balls * 26
        live.settle()
        assert sum(player.count for player in players) == expected


def test_no_wake_up_is_lost_between_many_senders_and_one_reader(live: Laboratory) -> None:
    many, senders = 5_000, 4
    for kind in (Player, ThreadPlayer, BatchPlayer):
        reader = kind([], 0)
        ref = live.start(reader)

        def send(to: Ref = ref) -> None:
            for _ in range(many):
                to.tell(0)

        threads = [threading.Thread(target=send) for _ in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        live.settle()
        assert reader.count == many * senders


def test_each_sender_from_outside_that_settles_finds_its_message_read(live: Laboratory) -> None:
    """A message whose reader another sender is just waking counts as work, too."""
    failures: list[str] = []
    seen: dict[int, int] = {}

    class Last(Actor):
        def on_receive(self, message: tuple[int, int]) -> None:
            seen[message[0]] = message[1]

    ref = live.start(Last())

    def send_and_settle(sender: int) -> None:
        for number in range(300):
            ref.tell((sender, number))
            if not live.system.settle(timeout_s=PATIENCE_S) or seen.get(sender) != number:
                failures.append(f"{sender} sent {number}, read was {seen.get(sender)}")

    threads = [threading.Thread(target=send_and_settle, args=(sender,)) for sender in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert failures == []


def test_an_actor_counts_as_busy_before_a_sender_can_find_it_awake() -> None:
    class Looking:
        """Writes down what a sender would find at the moment of counting."""

        is_driven = False
        lost = 0

        def begin(self) -> None:
            found.append(mailbox.is_scheduled)

        def end(self) -> None:
            """Nobody else wakes it."""

        def forget(self, actor: Process) -> None:
            """Nothing is kept."""

        def schedule(self, actor: Process) -> None:
            found.append(mailbox.is_scheduled)

        @property
        def threads(self) -> list[threading.Thread]:
            return []

        def stop(self) -> None:
            """Nothing to end."""

    found: list[bool] = []
    actor = Player([], 0)
    mailbox = actor.actor_inbox
    mailbox.attach(actor, Looking())
    mailbox.open("first")
    assert mailbox.get() == "first"
    assert not mailbox.release()
    found.clear()
    mailbox.put("message")
    assert found == [False, True]


def test_settle_says_when_it_takes_too_long() -> None:
    activity = Activity()
    activity.begin()
    assert not activity.wait(0, 0.0)
    assert activity.wait(1, 0.0)
    activity.end()
    assert activity.wait(0, 0.0)


def test_a_busy_actor_does_not_starve_the_others(in_order: Laboratory) -> None:
    lab = in_order
    chatty, quiet = lab.worker("chatty"), lab.worker("quiet")
    for number in range(3):
        chatty.tell(number)
    quiet.tell("word")
    lab.settle()
    assert [event[1] for event in lab.seen("got")] == ["chatty", "quiet", "chatty", "chatty"]


def test_the_same_order_every_time() -> None:
    def play() -> list[int]:
        lab = Laboratory(ActorSystem.simulated(VirtualClock()))
        players, refs = _court(lab)
        for ref in refs:
            ref.tell(50)
        lab.settle()
        counts = [player.count for player in players]
        lab.close()
        return counts

    assert play() == play()
