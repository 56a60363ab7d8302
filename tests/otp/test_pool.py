"""The shared threads: fair, few, and replaced when an actor does not give one back."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp import KILL, Actor, ActorSystem, Ref, send_exit
from naive_daemon.otp import pool as pool_module
from naive_daemon.otp.dispatcher import BATCH
from naive_daemon.otp.pool import PoolDispatcher, PoolHealth
from naive_daemon.otp.timers import NS_PER_S
from tests.otp.laboratory import PATIENCE_S, Laboratory, Worker

pytestmark = pytest.mark.real_threads

STUCK_AFTER_S = 4.0
PERIOD_S = 1.0


class Counter(Actor):
    """Reads, and does nothing else."""

    def on_receive(self, message: Any) -> Any:
        return None


class Gate:
    """A handler that does not come back until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, _: Worker) -> None:
        self.entered.set()
        assert self.go_on.wait(PATIENCE_S)

    def hold(self, ref: Ref) -> None:
        """Let an actor go into the gate; it is inside when this returns."""
        ref.tell(self)
        assert self.entered.wait(PATIENCE_S)


class Ward:
    """A pool whose clock stands until a test moves it, so that a thread is stuck when the test says so."""

    def __init__(self, threads: int = 1, kill_after_s: float | None = None) -> None:
        self.clock = VirtualClock()
        self.lab = Laboratory(
            ActorSystem.live(self.clock, threads=threads, stuck_after_s=STUCK_AFTER_S, kill_after_s=kill_after_s)
        )
        dispatcher = self.lab.system._dispatchers["pool"]
        assert isinstance(dispatcher, PoolDispatcher)
        self.pool = dispatcher
        self.gates: list[Gate] = []

    def stick(self, ref: Ref) -> Gate:
        """Let an actor hold a thread."""
        gate = Gate()
        self.gates.append(gate)
        gate.hold(ref)
        return gate

    def pass_time(self, seconds: float) -> None:
        """Move the clock and look at the threads, period by period."""
        for _ in range(round(seconds / PERIOD_S)):
            self.clock.advance_to(self.clock.now_ns() + round(PERIOD_S * NS_PER_S))
            self.pool.look(self.clock.monotonic_s(), PERIOD_S)

    def health(self) -> PoolHealth:
        return self.lab.system.pool_health()

    def close(self) -> None:
        for gate in self.gates:
            gate.go_on.set()
        self.lab.close()


@pytest.fixture
def ward() -> Iterator[Ward]:
    """Run the test on a pool of one thread."""
    made = Ward()
    made.pool.look(0.0, PERIOD_S)
    yield made
    made.close()


def test_a_million_messages_of_one_actor_delay_another_by_a_batch() -> None:
    lab = Laboratory(ActorSystem.live(WallClock(), threads=1))
    gate, many = Gate(), 1_000_000
    flooded = lab.start(Counter())
    quiet = lab.worker("quiet")
    gate.hold(lab.worker("gate"))
    for number in range(many):
        flooded.tell(number)
    handled_before: list[int] = []
    quiet.tell(lambda _: handled_before.append(flooded._actor.handled))
    gate.go_on.set()
    lab.settle()
    assert handled_before == [BATCH]
    assert flooded._actor.handled == many
    lab.close()


def test_an_actor_that_talks_to_itself_without_end_starves_nobody() -> None:
    class Endless(Actor):
        def on_receive(self, message: Any) -> Any:
            self.ref.tell(message)

    lab = Laboratory(ActorSystem.live(WallClock(), threads=1))
    endless = lab.start(Endless())
    endless.tell("again")
    assert lab.ask(lab.worker("quiet"), "ping") == "ping"
    lab.close()


def test_idle_actors_cost_no_thread() -> None:
    lab = Laboratory(ActorSystem.live(WallClock(), threads=2))
    before = set(threading.enumerate())
    refs = [lab.start(Counter()) for _ in range(500)]
    for ref in refs:
        ref.tell("word")
    lab.settle()
    assert set(threading.enumerate()) == before
    assert lab.system.pool_health() == PoolHealth(threads=2)
    lab.close()


def test_a_stuck_thread_is_noticed_told_and_replaced(ward: Ward, logs: list[Any]) -> None:
    stuck, other = ward.lab.worker("stuck"), ward.lab.worker("other")
    ward.stick(stuck)
    ward.pass_time(STUCK_AFTER_S)
    assert (ward.health().stuck, ward.health().threads, ward.health().replaced) == ((), 1, 0)
    ward.pass_time(PERIOD_S)
    health = ward.health()
    assert [(actor.ref, actor.thread, actor.for_s, actor.is_lost) for actor in health.stuck] == [
        (stuck, "pool-0", STUCK_AFTER_S, False)
    ]
    assert (health.threads, health.replaced) == (1, 1)
    (told,) = [entry for entry in logs if entry["event"] == "actor stuck"]
    assert (told["actor"], told["for_s"]) == ("stuck", STUCK_AFTER_S)
    assert "self.go_on.wait" in told["stack"]
    assert ward.lab.ask(other, "ping") == "ping"
    ward.pass_time(3 * PERIOD_S)
    assert (ward.health().stuck[0].for_s, ward.health().replaced) == (STUCK_AFTER_S + 3 * PERIOD_S, 1)
    assert len([entry for entry in logs if entry["event"] == "actor stuck"]) == 1


def test_a_stuck_thread_that_comes_back_ends_and_its_actor_goes_on(ward: Ward, logs: list[Any]) -> None:
    stuck = ward.lab.worker("stuck")
    gate = ward.stick(stuck)
    (thread,) = ward.pool.threads
    ward.pass_time(STUCK_AFTER_S + PERIOD_S)
    gate.go_on.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert ward.health() == PoolHealth(threads=1, replaced=1)
    assert ward.lab.ask(stuck, "ping") == "ping"
    (told,) = [entry for entry in logs if entry["event"] == "stuck thread is back"]
    assert (told["actor"], told["thread"], told["lost"]) == ("stuck", "pool-0", False)


def test_what_a_killed_stuck_actor_still_does_reaches_nobody(ward: Ward) -> None:
    lab, gate = ward.lab, Gate()
    ward.gates.append(gate)
    supervisor = lab.supervisor(lab.spec("stuck"))
    stuck, witness = lab.find("stuck"), lab.worker("witness")
    left = threading.Event()

    def hang_and_talk(actor: Worker) -> None:
        gate(actor)
        witness.tell("too late")
        send_exit(witness, KILL)
        actor.link(witness)
        actor.subscribe("topic")
        actor.send_after(0.0, "later")
        left.set()

    stuck.tell(hang_and_talk)
    assert gate.entered.wait(PATIENCE_S)
    ward.pass_time(STUCK_AFTER_S + PERIOD_S)
    send_exit(stuck, KILL)
    assert lab.system.settle(busy=1, timeout_s=PATIENCE_S)
    assert [actor.is_lost for actor in ward.health().stuck] == [True]
    assert lab.find("stuck") is not stuck
    assert lab.ask("stuck", "ping") == "ping"
    gate.go_on.set()
    assert left.wait(PATIENCE_S)
    lab.settle()
    assert [event for event in lab.seen("got") if event[1] == "witness"] == []
    assert witness.is_alive()
    assert lab.system.pubsub.publish("topic", "word") == 0
    assert lab.states(supervisor) == {"stuck": "running"}
    assert ward.health() == PoolHealth(threads=1, replaced=1)


def test_who_is_stuck_for_too_long_can_be_killed_by_the_pool(logs: list[Any]) -> None:
    ward = Ward(kill_after_s=8.0)
    ward.pool.look(0.0, PERIOD_S)
    lab = ward.lab
    lab.supervisor(lab.spec("stuck"))
    stuck = lab.find("stuck")
    ward.stick(stuck)
    ward.pass_time(8.0)
    assert stuck.is_alive()
    ward.pass_time(PERIOD_S)
    assert str(lab.reason_of(stuck)) == "killed"
    assert lab.system.settle(busy=1, timeout_s=PATIENCE_S)
    assert lab.ask("stuck", "ping") == "ping"
    (told,) = [entry for entry in logs if entry["event"] == "actor killed: it was stuck"]
    assert (told["actor"], told["for_s"]) == ("stuck", 8.0)
    (thread,) = [thread for thread in ward.pool.threads if thread.name == "pool-0"]
    ward.gates[0].go_on.set()
    thread.join(PATIENCE_S)
    assert [entry["lost"] for entry in logs if entry["event"] == "stuck thread is back"] == [True]
    ward.close()


def test_a_thread_that_works_through_messages_is_not_stuck(ward: Ward) -> None:
    busy = ward.lab.worker("busy")
    for _ in range(6):
        gate = ward.stick(busy)
        ward.pass_time(STUCK_AFTER_S - PERIOD_S)
        gate.go_on.set()
    assert ward.health() == PoolHealth(threads=1)


def test_a_process_that_slept_blames_nobody(ward: Ward) -> None:
    ward.stick(ward.lab.worker("w"))
    ward.pool.look(ward.clock.monotonic_s(), PERIOD_S)
    ward.clock.advance_to(3600 * NS_PER_S)
    ward.pool.look(3600.0, PERIOD_S)
    assert ward.health().stuck == ()


def test_no_more_threads_are_replaced_than_a_bound(
    ward: Ward, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "STUCK_MAX", 2)
    for name in "abc":
        ward.stick(ward.lab.worker(name))
        ward.pass_time(STUCK_AFTER_S + PERIOD_S)
    health = ward.health()
    ward.pass_time(3 * PERIOD_S)
    assert ([actor.ref.label for actor in health.stuck], health.replaced) == (["a", "b", "c"], 2)
    told = [(entry["actor"], entry["is_replaced"]) for entry in logs if entry["event"] == "actor stuck"]
    assert told == [("a", True), ("b", True), ("c", False)]


def test_a_system_without_a_pool_has_a_healthy_one() -> None:
    for system in (ActorSystem.simulated(VirtualClock()), ActorSystem.live(WallClock(), dispatcher="thread")):
        assert system.pool_health() == PoolHealth()
        system.stop(PATIENCE_S)
