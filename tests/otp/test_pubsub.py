"""Topics: who gets what is published, in which order, and until when."""

import threading
from collections.abc import Callable

import pytest

from naive_daemon.otp import KILL, NORMAL, Ref, send_exit
from naive_daemon.otp.pubsub import PubSub
from tests.otp.laboratory import PATIENCE_S, Laboratory, Worker


def test_a_topic_reaches_its_subscribers(lab: Laboratory) -> None:
    refs = [lab.worker(name) for name in "abc"]
    for ref in refs:
        lab.tell(ref, lambda actor: actor.subscribe("topic"))
    lab.tell("a", lambda actor: actor.subscribe("topic"))  # twice is once
    lab.tell("b", lambda actor: actor.unsubscribe("topic"))
    lab.tell("b", lambda actor: actor.unsubscribe("another"))
    assert lab.system.pubsub.publish("topic", "news") == 2
    lab.settle()
    assert sorted(lab.seen("got")) == [("got", "a", "news"), ("got", "c", "news")]
    assert lab.system.pubsub.publish("silence", "news") == 0
    assert lab.system.pubsub.topics(refs[0]) == ["topic"]
    assert lab.system.pubsub.topics(refs[1]) == []


def test_each_subscriber_gets_what_one_publishes_in_order(lab: Laboratory) -> None:
    for name in "abc":
        lab.tell(lab.worker(name), lambda actor: actor.subscribe("topic"))
    lab.tell(lab.worker("p"), lambda actor: [actor.system.pubsub.publish("topic", number) for number in range(100)])
    got = lab.seen("got")
    for name in "abc":
        assert [event[2] for event in got if event[1] == name] == list(range(100))


def test_subscribers_are_told_in_the_order_of_subscription(in_order: Laboratory) -> None:
    pubsub = PubSub()
    for name in "cab":
        pubsub.subscribe("topic", in_order.worker(name))
    pubsub.publish("topic", 1)
    in_order.settle()
    assert [event[1] for event in in_order.seen("got")] == ["c", "a", "b"]


def test_who_unsubscribes_and_subscribes_again_is_last(in_order: Laboratory) -> None:
    pubsub = PubSub()
    refs = [in_order.worker(name) for name in "abc"]
    for ref in refs:
        pubsub.subscribe("topic", ref)
    pubsub.unsubscribe("topic", refs[0])
    pubsub.subscribe("topic", refs[0])
    pubsub.publish("topic", 1)
    in_order.settle()
    assert [event[1] for event in in_order.seen("got")] == ["b", "c", "a"]


@pytest.mark.parametrize(
    "end",
    [lambda lab, ref: lab.leave(ref, NORMAL), Laboratory.crash, Laboratory.kill],
    ids=["normal", "crash", "kill"],
)
def test_the_dead_leave_their_topics(lab: Laboratory, end: Callable[[Laboratory, Ref], None]) -> None:
    ref = lab.worker()
    for topic in ("one", "two"):
        lab.tell(ref, lambda actor, topic=topic: actor.subscribe(topic))
    end(lab, ref)
    assert lab.system.pubsub._subscribers == {}
    assert lab.system.pubsub._held == {}
    assert lab.system.pubsub.publish("one", "x") == 0


def test_who_was_killed_subscribes_to_nothing_any_more(lab: Laboratory) -> None:
    def die_and_subscribe(actor: Worker) -> None:
        send_exit(actor.ref, KILL)
        actor.subscribe("topic")

    lab.tell(lab.worker(), die_and_subscribe)
    assert lab.system.pubsub._subscribers == {}


def test_who_is_killed_in_the_middle_of_a_publication_reaches_nobody_else(lab: Laboratory) -> None:
    class Killing(Ref):
        """A subscriber by whom the publisher meets its end."""

        def tell(self, message: object) -> None:
            super().tell(message)
            send_exit(publisher, KILL)

    publisher = lab.worker("publisher")
    for name in "abc":
        actor = lab.make(name)
        ref = lab.start(actor, name)
        lab.system.pubsub.subscribe("topic", Killing(actor) if name == "b" else ref)
    lab.tell(publisher, lambda actor: actor.system.pubsub.publish("topic", "news"))
    assert sorted(event[1] for event in lab.seen("got")) == ["a", "b"]


def test_subscribers_may_come_and_go_while_others_publish(live: Laboratory) -> None:
    pubsub = live.system.pubsub
    faithful = live.worker("faithful")
    pubsub.subscribe("topic", faithful)
    done = threading.Event()

    def come_and_go(actor: Worker) -> None:
        for _ in range(300):
            actor.subscribe("topic")
            actor.unsubscribe("topic")
        done.set()

    live.worker("fickle").tell(come_and_go)
    published = 0
    while not done.is_set() or published < 100:
        assert pubsub.publish("topic", published) in (1, 2)
        published += 1
        assert live.system.settle(busy=1, timeout_s=PATIENCE_S)
    live.settle()
    got = [event[2] for event in live.seen("got") if event[1] == "faithful"]
    assert got == list(range(published))
    assert pubsub.publish("topic", "last") == 1
