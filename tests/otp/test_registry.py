"""Names and topics: OTP rules 76-78."""

from naive_daemon.otp import KILL, NORMAL, ChildSpec, send_exit
from naive_daemon.otp.registry import PubSub, Registry
from tests.otp.laboratory import Laboratory, Worker


def test_rule_76_a_name_has_one_holder(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry = Registry()
    assert registry.register("name", first) is first
    assert registry.register("name", second) is first
    assert registry.register("name", first) is first
    assert registry.whereis("name") is first
    assert registry.names() == ["name"]


def test_rule_76_a_dead_holders_name_can_be_taken_before_clean_up(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry = Registry()  # nobody cleans up here
    registry.register("name", first)
    lab.kill(first)
    assert registry.whereis("name") is None
    assert registry.names() == []
    assert registry.register("name", second) is second
    registry.unregister("name", first)
    assert registry.whereis("name") is second


def test_rule_76_death_frees_the_name(lab: Laboratory) -> None:
    for end in (lambda ref: lab.leave(ref, NORMAL), lab.crash, lab.kill):
        end(lab.worker("name"))
        assert lab.system.registry._refs == {}


def test_rule_77_unregister_touches_ones_own_entry_only(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry = Registry()
    registry.register("name", first)
    registry.unregister("name", second)
    assert registry.whereis("name") is first
    registry.unregister("name", first)
    registry.unregister("name", first)
    assert registry.whereis("name") is None


def test_a_restarted_child_takes_its_name_again(lab: Laboratory) -> None:
    lab.supervisor(ChildSpec(id=1, start=lambda: lab.make("w"), name=("symbol", "BTCUSDT")), max_restarts=3)
    first = lab.find(("symbol", "BTCUSDT"))
    assert first.label == "symbol:BTCUSDT"
    lab.kill(first)
    assert lab.find(("symbol", "BTCUSDT")) is not first
    assert lab.system.tell(("symbol", "BTCUSDT"), "hello")
    lab.settle()
    assert ("got", "w", "hello") in lab.seen()


def test_a_topic_reaches_its_subscribers_in_order(lab: Laboratory) -> None:
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


def test_the_dead_leave_their_topics(lab: Laboratory) -> None:
    for end in (lambda ref: lab.leave(ref, NORMAL), lab.crash, lab.kill):
        ref = lab.worker()
        lab.tell(ref, lambda actor: actor.subscribe("topic"))
        end(ref)
        assert lab.system.pubsub._subscribers == {}


def test_who_was_killed_subscribes_to_nothing_any_more(lab: Laboratory) -> None:
    def die_and_subscribe(actor: Worker) -> None:
        send_exit(actor.ref, KILL)
        actor.subscribe("topic")

    lab.tell(lab.worker(), die_and_subscribe)
    assert lab.system.pubsub._subscribers == {}


def test_subscribers_come_in_the_order_of_subscription(simulated: Laboratory) -> None:
    pubsub = PubSub()
    for name in "cab":
        pubsub.subscribe("topic", simulated.worker(name))
    pubsub.publish("topic", 1)
    simulated.settle()
    assert [event[1] for event in simulated.seen("got")] == ["c", "a", "b"]
