"""A simulated system: its order comes from the seed, its clock jumps, and a crash at any step is survived."""

import re
import threading
from collections import Counter
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import Actor, ActorDiedError, ActorSystem, Ref, SimulatedSystem, StartFailedError
from naive_daemon.otp.faults import Crash, Fault, InjectedError, Kill, RandomFaults, Step
from naive_daemon.otp.timers import NS_PER_S
from naive_daemon.otp.trace import TraceTail
from tests.otp import simulation_program
from tests.otp.laboratory import Laboratory, ThreadWorker, Worker

SEEDS = range(20)


def seeded(seed: int | None, **arguments: Any) -> Laboratory:
    return Laboratory(ActorSystem.simulated(VirtualClock(), seed, **arguments))


def run(lab: Laboratory, *arguments: Any, **named: Any) -> bool:
    assert isinstance(lab.system, SimulatedSystem)
    return lab.system.run(*arguments, **named)


class Metronome(Worker):
    """Ticks every second without end."""

    def init(self) -> None:
        self.send_after(1.0, "tick")

    def on_receive(self, message: Any) -> Any:
        if message == "tick":
            self.events.append(("tick", self.called, self.system.clock.now_ns() // NS_PER_S))
            self.send_after(1.0, "tick")
            return None
        return super().on_receive(message)


def game(seed: int) -> TraceTail:
    trace = TraceTail()
    simulation_program.play(simulation_program.faulty_system(seed, trace))
    return trace


def test_a_seed_gives_the_same_trace_again() -> None:
    first, second = game(3), game(3)
    assert first.count > 500
    assert (first.lines, first.digest) == (second.lines, second.digest)


def test_a_system_counts_by_itself_whatever_ran_in_the_process_before() -> None:
    def numbers() -> list[Any]:
        lab = seeded(1)
        watched = lab.worker("watched")
        return [lab.ask(lab.worker(), lambda actor: actor.monitor(watched)), watched.number, repr(watched)]

    assert numbers() == numbers() == [1, 1, "<Ref watched actor:1>"]


def test_other_seeds_give_other_traces() -> None:
    assert len({game(seed).digest for seed in range(5)}) == 5


def order_of_three(seed: int | None) -> tuple[str, ...]:
    lab = seeded(seed)
    for name in "abc":
        lab.worker(name)
    for name in "abc":
        lab.find(name).tell("go")
    lab.settle()
    return tuple(event[1] for event in lab.seen("got"))


def test_without_a_seed_who_came_first_is_first() -> None:
    assert order_of_three(None) == ("a", "b", "c")


def test_every_order_of_the_runnable_has_its_seed() -> None:
    assert len({order_of_three(seed) for seed in range(60)}) == 6


def test_one_actor_reads_in_order_on_every_seed() -> None:
    for seed in SEEDS:
        lab = seeded(seed)
        lab.worker("other").tell("noise")
        reader = lab.worker()
        for number in range(5):
            reader.tell(number)
        lab.settle()
        assert [event[2] for event in lab.seen("got") if event[1] == "w"] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", [-1, 1.5, True, "7"])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"seed={seed!r} is not a whole number >= 0")):
        ActorSystem.simulated(VirtualClock(), seed)


def test_one_that_blocks_elsewhere_runs_on_the_callers_thread() -> None:
    lab = seeded(1)
    lab.worker("w", ThreadWorker)
    assert lab.ask("w", lambda _: threading.current_thread()) is threading.current_thread()


# Time ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 1])
def test_the_clock_jumps_to_the_next_timer_when_all_is_at_rest(seed: int | None) -> None:
    lab = seeded(seed)
    lab.worker().tell(lambda worker: worker.send_after(3600.0, "an hour later"))
    assert run(lab)
    assert lab.seen("got") == [("got", "w", "an hour later")]
    assert lab.system.clock.now_ns() == 3600 * NS_PER_S


@pytest.mark.parametrize("seed", [None, 1])
def test_a_run_goes_up_to_a_time(seed: int | None) -> None:
    lab = seeded(seed)
    lab.worker("m", Metronome)
    assert not run(lab, until_ns=round(2.5 * NS_PER_S))
    assert lab.seen("tick") == [("tick", "m", 1), ("tick", "m", 2)]
    assert lab.system.clock.now_ns() == round(2.5 * NS_PER_S)
    assert not run(lab, until_ns=3 * NS_PER_S)  # what is due then still happens
    assert lab.seen("tick") == [("tick", "m", 3)]


@pytest.mark.parametrize("seed", [None, 1])
def test_a_run_ends_after_so_many_messages(seed: int | None) -> None:
    lab = seeded(seed)
    lab.worker("m", Metronome)
    assert not run(lab, max_steps=4)
    assert len(lab.seen("tick")) == 4
    assert not run(lab, max_steps=0)
    assert not lab.seen("tick")


def test_a_run_is_refused_inside_an_actor() -> None:
    lab = seeded(1)
    worker = lab.worker()
    lab.tell(worker, lambda _: run(lab))
    assert "run waits, so it is refused inside the actor w" in str(lab.reason_of(worker))


def order_of_timers(seed: int | None) -> tuple[str, ...]:
    lab = seeded(seed)
    for word in ("first", "second", "third"):
        lab.tell(lab.worker(word), lambda worker: worker.send_after(1.0, "due"))
    lab.advance(1.0)
    return tuple(event[1] for event in lab.seen("got"))


def test_timers_of_one_moment_fire_in_the_order_of_the_seed() -> None:
    assert order_of_timers(None) == ("first", "second", "third")
    assert [order_of_timers(seed) for seed in SEEDS] == [order_of_timers(seed) for seed in SEEDS]
    assert len({order_of_timers(seed) for seed in range(60)}) == 6


def test_what_a_timer_wakes_may_run_before_the_next_timer_of_the_moment_or_after() -> None:
    seen: Counter[tuple[Any, ...]] = Counter()
    for seed in range(40):
        lab = seeded(seed)
        echo = lab.worker("echo")
        lab.tell(lab.worker("a"), lambda worker: worker.system.timers.after(1.0, lambda: worker.ref.tell("from a")))
        lab.system.timers.after(1.0, lambda: echo.tell("from b"))  # noqa: B023 - fires within its turn of the loop
        lab.advance(1.0)
        seen[tuple(event[1] for event in lab.seen("got"))] += 1
    assert seen.keys() == {("a", "echo"), ("echo", "a")}


def test_a_seeded_system_settles_and_advances_as_any_other() -> None:
    for seed in SEEDS:
        lab = seeded(seed)
        worker = lab.worker()
        worker.tell(lambda worker: worker.send_after(2.0, "later"))
        lab.settle()
        assert (lab.system.busy, lab.system.clock.now_ns()) == (0, 0)
        assert lab.system.due_ns == 2 * NS_PER_S  # type: ignore[attr-defined] # simulated, as is said above
        lab.advance(1.0)
        assert not lab.seen("got")
        lab.advance(1.0)
        assert lab.seen("got") == [("got", "w", "later")]


# A crash at every step -----------------------------------------------------------------------------------------------


class At:
    """Lets one step go wrong, and no other."""

    def __init__(self, step: int, fault: Fault) -> None:
        self.step = step
        self.what = fault

    def fault(self, step: Step) -> Fault | None:
        return self.what if step.number == self.step else None


def started(system: SimulatedSystem) -> Ref:
    """Start the court, once more if a fault has met its first start: nobody supervises the top but the caller."""
    for _ in range(2):
        try:
            return system.start(simulation_program.court(), "top")
        except StartFailedError:
            continue
    raise AssertionError("one fault let two starts fail")


def look(system: SimulatedSystem, name: Any) -> bool:
    ref = system.whereis(name)
    return ref is not None and system.inspect(ref, lambda actor: actor.phase) == "running"


NAMES = ["top", "inner", "guests", *(("player", number) for number in range(3))]


def steps_of_a_start() -> int:
    trace = TraceTail()
    system = ActorSystem.simulated(VirtualClock(), 1, trace=trace)
    started(system)
    system.run(5 * NS_PER_S)
    return trace.count


@pytest.mark.parametrize("fault", [Crash(InjectedError("here")), Kill()], ids=["crash", "kill"])
def test_a_tree_that_is_struck_at_any_step_comes_back(fault: Fault) -> None:
    total = steps_of_a_start()
    assert total > 100
    for step in range(1, total + 1):
        system = ActorSystem.simulated(VirtualClock(), 1, faults=At(step, fault))
        top = started(system)
        system.run(5 * NS_PER_S)
        if not top.is_alive():
            started(system)
        system.run(10 * NS_PER_S)
        assert [name for name in NAMES if not look(system, name)] == [], f"after {fault} at step {step}"


def test_what_outside_asks_is_told_when_its_actor_is_struck() -> None:
    lab = seeded(1, faults=At(2, Crash(InjectedError("here"))))
    worker = lab.worker()
    with pytest.raises(ActorDiedError, match="InjectedError: here"):
        lab.ask(worker, "ping")


class Selfish(Actor):
    """Tells itself without end."""

    def on_receive(self, message: Any) -> None:
        self.ref.tell(message)


@pytest.mark.parametrize("seed", [None, 1])
def test_a_message_to_oneself_without_end_is_bounded_by_steps(seed: int | None) -> None:
    lab = seeded(seed)
    ref = lab.start(Selfish())
    ref.tell("again")
    assert not run(lab, max_steps=1_000)
    assert lab.system.busy == 1
    assert ref._actor.handled == 1_000


# Faults, then none, then all is well ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_once_the_faults_stop_the_tree_is_whole_again(seed: int) -> None:
    faults = RandomFaults(seed, crash=0.02, kill=0.02, delay=0.02, drop=0.02, reorder=0.1, only=_is_under_the_top)
    system = ActorSystem.simulated(VirtualClock(), seed, faults=faults)
    started(system)
    system.run(30 * NS_PER_S)
    faults.heal()
    system.run(60 * NS_PER_S)
    assert [name for name in NAMES if not look(system, name)] == []


def _is_under_the_top(step: Step) -> bool:
    """Choose whom the top restarts, after the first start: before, a crash is a failed start of all."""
    return step.time_ns > 0 and step.label != "top"
