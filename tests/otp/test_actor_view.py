"""One actor in detail, and its messages as they come: consistent, bounded, without secrets, unable to hang anybody."""

import threading
from typing import Any

import msgspec
import pytest

from naive_daemon.otp import Actor, ActorDiedError, Ref
from naive_daemon.otp.actor_trace import ActorTrace, AlreadyTracedError, TraceEvent
from naive_daemon.otp.actor_view import resume, suspend, view
from naive_daemon.otp.inspection import find
from naive_daemon.otp.load import LoadMeter, health
from tests.otp.holding import held
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, throw


class Login(msgspec.Struct, frozen=True):
    user: str
    password: str


class Relay(Actor):
    """Sends on what it gets."""

    def __init__(self, to: Ref) -> None:
        super().__init__()
        self.to = to
        self.api_key = "sesame"
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> None:
        self.seen.append(message)
        self.to.tell(message)


def directions(events: list[TraceEvent]) -> list[tuple[str, str]]:
    return [(event.direction, event.message) for event in events]


def read(trace: ActorTrace) -> list[TraceEvent]:
    """Take what there is, the trace being over or its actor at rest."""
    events = []
    while (event := trace.next(0)) is not None:
        events.append(event)
    return events


@pytest.fixture
def relay(lab: Laboratory) -> Ref:
    sink = lab.worker("sink")
    return lab.start(Relay(sink), "relay")


def test_state_between_two_messages(lab: Laboratory, relay: Ref) -> None:
    lab.tell(relay, Login("ann", "sesame"))
    seen = view(lab.system, find(lab.system, "relay"), PATIENCE_S)
    shown = "Login(user='ann', password=**********)"
    assert seen.state == {"to": "sink#1", "api_key": "**********", "seen": f"[{shown}]"}
    assert seen.last_messages == [shown]
    assert (seen.is_busy, seen.stack, seen.node.handled) == (False, [], 1)
    assert (seen.node.memory_bytes or 0) > 500
    assert "sesame" not in str(seen)


def test_state_of_a_suspended_actor(lab: Laboratory, relay: Ref) -> None:
    place = find(lab.system, "relay")
    assert suspend(lab.system, place, 600)
    relay.tell("waits")
    lab.settle()
    seen = view(lab.system, place, PATIENCE_S)
    assert (seen.node.state, seen.node.mailbox, seen.is_busy) == ("suspended", 1, False)
    assert resume(lab.system, place)


def test_state_of_one_that_has_ended(lab: Laboratory, relay: Ref) -> None:
    place = find(lab.system, "relay")
    lab.kill(relay)
    with pytest.raises(ActorDiedError, match="killed"):
        view(lab.system, place)
    with pytest.raises(ActorDiedError, match="killed"):
        suspend(lab.system, place)
    with pytest.raises(ActorDiedError, match="noproc"):
        ActorTrace(lab.system, relay).start(PATIENCE_S)


def test_a_busy_actor_is_shown_from_outside_with_its_stack(live: Laboratory) -> None:
    live.worker("w")
    with held(live, "w"):
        seen = view(live.system, find(live.system, "w"), 0.01)
        assert seen.is_busy
        assert any("in hold: release.wait(PATIENCE_S)" in line for line in seen.stack)
        assert seen.last_messages == ["<function hold>"]
        assert seen.state["called"] == "'w'"


def test_what_it_receives_and_sends(lab: Laboratory, relay: Ref) -> None:
    with ActorTrace(lab.system, relay).start(PATIENCE_S) as trace:
        lab.tell(relay, Login("ann", "sesame"))
        events = read(trace)
    shown = "Login(user='ann', password=**********)"
    assert directions(events) == [("receive", shown), ("send", shown), ("handled", shown)]
    assert [event.peer for event in events] == [None, "sink#1", None]
    assert events[2].handler_s is not None
    assert events[2].handler_s >= 0
    lab.tell(relay, "nobody listens")
    assert (read(trace), trace.ending) == ([], "stopped")
    assert relay._actor.tracer is None


def test_a_trace_ends_by_count(lab: Laboratory, relay: Ref) -> None:
    with ActorTrace(lab.system, relay, count=3).start(PATIENCE_S) as trace:
        for number in range(5):
            lab.tell(relay, number)
        assert directions(read(trace)) == [
            ("receive", "0"), ("send", "0"), ("handled", "0"), ("receive", "1"), ("send", "1"),
        ]  # fmt: skip
        assert trace.ending == "count"
        lab.settle()
        assert relay._actor.tracer is None


def test_a_trace_ends_by_time(simulated: Laboratory) -> None:
    ref = simulated.worker("w")
    with ActorTrace(simulated.system, ref, time_s=10).start(PATIENCE_S) as trace:
        simulated.advance(9.9)
        assert trace.ending is None
        simulated.advance(0.1)
        assert trace.ending == "time"
        assert ref._actor.tracer is None


def test_a_trace_ends_with_its_actor(lab: Laboratory, relay: Ref) -> None:
    with ActorTrace(lab.system, relay).start(PATIENCE_S) as trace:
        lab.kill(relay)
        assert (trace.next(PATIENCE_S), trace.ending) == (None, "actor ended")


def test_a_message_that_ends_the_actor_is_seen(lab: Laboratory) -> None:
    ref = lab.worker("w")
    with ActorTrace(lab.system, ref).start(PATIENCE_S) as trace:
        lab.tell(ref, lambda _: throw(BoomError("boom")))
        assert directions(read(trace)) == [("receive", "<function lambda>")]


def test_one_trace_an_actor(lab: Laboratory, relay: Ref) -> None:
    with ActorTrace(lab.system, relay).start(PATIENCE_S), pytest.raises(AlreadyTracedError, match="relay"):
        ActorTrace(lab.system, relay).start(PATIENCE_S)
    lab.settle()
    ActorTrace(lab.system, relay).start(PATIENCE_S).stop()


def test_a_busy_actor_is_not_traced_later(live: Laboratory) -> None:
    ref = live.worker("w")
    with held(live, "w"), pytest.raises(TimeoutError):
        ActorTrace(live.system, ref).start(0.01)
    live.settle()
    assert ref._actor.tracer is None


@pytest.mark.parametrize("bounds", [{"count": 0}, {"count": 10_001}, {"time_s": 0}, {"time_s": 601}])
def test_a_trace_is_bounded(simulated: Laboratory, bounds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"from 1 to 10000|at most 600"):
        ActorTrace(simulated.system, simulated.worker("w"), **bounds)


def test_the_busiest_come_first(lab: Laboratory) -> None:
    lab.supervisor("a", "b", "c")
    lab.settle()
    meter = LoadMeter(lab.system)
    for name in "abbbcc":
        lab.tell(name, "work")
    if lab.is_simulated:
        lab.advance(2)
    load = meter.read("rate", count=2)
    assert [(one.name, one.handled) for one in load.busiest] == [("b", 3), ("c", 2)]
    assert (load.actors, load.stuck, load.replaced, load.lost) == (4, 0, 0, 0)
    assert load.messages_per_s == pytest.approx(6 / load.over_s)
    if lab.is_simulated:
        assert load.busiest[0].rate_per_s == 1.5
    assert meter.read("rate").messages_per_s == 0


def test_the_fullest_mailbox_comes_first(lab: Laboratory) -> None:
    lab.supervisor("a", "b")
    suspend(lab.system, find(lab.system, "b"), 600)
    lab.find("b").tell("waits")
    first = LoadMeter(lab.system).read("mailbox").busiest[0]
    assert (first.name, first.mailbox, first.state) == ("b", 1, "suspended")
    resume(lab.system, find(lab.system, "b"))


def test_a_new_incarnation_is_measured_from_its_start(lab: Laboratory) -> None:
    lab.supervisor("a")
    lab.tell("a", "work")
    meter = LoadMeter(lab.system)
    lab.crash("a")
    lab.tell("a", "work")
    busiest = {one.name: one for one in meter.read("rate").busiest}
    assert busiest["a"].rate_per_s > 0
    assert busiest["a"].handled == 1


def test_health(lab: Laboratory) -> None:
    lab.supervisor("a", "b")
    seen = health(lab.system)
    assert (seen.actors, seen.stuck, seen.replaced) == (3, 0, 0)


def test_looking_never_waits_for_another(live: Laboratory) -> None:
    """Everything but the one busy actor answers while it is busy."""
    live.supervisor("a", "b")
    seen = threading.Event()
    with held(live, "a"):
        view(live.system, find(live.system, "b"), PATIENCE_S)
        LoadMeter(live.system).read("busy")
        assert health(live.system).actors == 3
        seen.set()
    assert seen.is_set()
