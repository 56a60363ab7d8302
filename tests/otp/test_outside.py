"""The way in from outside: what waits leaves nothing behind, tells the truth, and is refused wherever actors run."""

import threading
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorSystem,
    Down,
    LivelockError,
    SuspensionRefusedError,
    send_exit,
)
from naive_daemon.otp.dispatcher import ThreadDispatcher
from naive_daemon.otp.timers import NS_PER_S
from tests.otp.laboratory import PATIENCE_S, Laboratory, Stubborn, ThreadWorker, Worker, throw

WAITING = {
    "start": lambda lab: lab.system.start(Worker("other", [])),
    "ask": lambda lab: lab.system.ask("other", "ping", 0.0),
    "inspect": lambda lab: lab.system.inspect(lab.find("other"), lambda _: None, 0.0),
    "terminate": lambda lab: lab.system.terminate(lab.find("other"), 0.0),
    "settle": lambda lab: lab.system.settle(timeout_s=0.0),
    "stop": lambda lab: lab.system.stop(0.0),
}
WAITS = pytest.mark.parametrize("what", WAITING)
MOVING = {
    "run_until_idle": lambda system: system.run_until_idle(),
    "advance_to": lambda system: system.advance_to(NS_PER_S),
    "run": lambda system: system.run(),
}


def refusal(lab: Laboratory, what: str) -> str:
    """Wait, and give what the refusal says."""
    with pytest.raises(RuntimeError) as refused:
        WAITING[what](lab)
    return str(refused.value)


# Where it is refused ----------------------------------------------------------------------------------------------


@WAITS
def test_what_waits_is_refused_in_a_handler(lab: Laboratory, what: str) -> None:
    worker, said = lab.worker(), []
    lab.worker("other")
    lab.tell(worker, lambda _: said.append(refusal(lab, what)))
    assert said == [f"{what} waits, so it is refused inside the actor w; tell or request"]


@WAITS
def test_what_waits_is_refused_where_an_end_is_told(lab: Laboratory, what: str) -> None:
    if what == "settle" and isinstance(lab.system.dispatcher_of(Worker), ThreadDispatcher):
        return  # a thread of one's own may settle, to its end
    worker, said = lab.worker(), []
    lab.worker("other")
    lab.system.on_down(worker, lambda _: said.append(refusal(lab, what)))
    lab.crash(worker)
    assert [text.partition(" serves ")[0] for text in said] == [f"{what} waits, so it is refused in a thread that"]


def test_an_actor_with_a_thread_of_its_own_may_settle(live: Laboratory) -> None:
    worker, answers = live.worker("w", ThreadWorker), []
    worker.tell(lambda actor: answers.append(actor.system.settle(1, PATIENCE_S)))
    live.settle()
    assert answers == [True]


def test_a_timer_must_not_wait(live: Laboratory) -> None:
    said: list[str] = []
    over = threading.Event()

    def wait() -> None:
        said.append(refusal(live, "settle"))
        over.set()

    live.system.timers.after(0.0, wait)
    assert over.wait(PATIENCE_S)
    assert said == ["settle waits, so it is refused in a thread that serves all timers"]


@pytest.mark.parametrize("what", MOVING)
def test_time_is_not_moved_from_inside_a_simulation(simulated: Laboratory, what: str) -> None:
    worker, heard = simulated.worker(), simulated.worker("heard")

    def speak_on(actor: Worker) -> None:
        with pytest.raises(RuntimeError, match=f"{what} waits, so it is refused inside the actor w"):
            MOVING[what](actor.system)
        send_exit(actor.ref, KILL)
        heard.tell("from the dead")

    simulated.tell(worker, speak_on)
    assert simulated.seen("got") == []


def test_who_kills_from_outside_may_wait_where_it_is_told(lab: Laboratory) -> None:
    worker, answers = lab.worker(), []
    other = lab.worker("other")
    lab.system.on_down(worker, lambda _: answers.append(lab.ask(other, "ping")))
    send_exit(worker, KILL)
    assert answers == ["ping"]


# What it leaves, and what it says ---------------------------------------------------------------------------------


def test_a_stop_that_takes_too_long_leaves_no_watcher(live: Laboratory) -> None:
    stubborn = live.worker("s", Stubborn)
    before = live.monitors_of(stubborn)
    for _ in range(3):
        assert live.system.terminate(stubborn, 0.0) is None
    assert live.monitors_of(stubborn) == before


def test_who_asks_for_an_end_too_late_learns_its_reason(lab: Laboratory) -> None:
    worker = lab.worker()
    downs: list[Down] = []
    lab.crash(worker)
    lab.system.on_down(worker, downs.append)
    assert [(down.ref, str(down.reason)) for down in downs] == [(worker, "BoomError: boom")]


def test_a_kill_is_told_in_the_thread_of_who_kills(live: Laboratory) -> None:
    worker, told_in = live.worker(), []
    live.system.on_down(worker, lambda _: told_in.append(threading.current_thread()))
    send_exit(worker, KILL)
    assert told_in == [threading.current_thread()]


def test_a_time_out_that_a_look_raises_is_the_looks(simulated: Laboratory) -> None:
    with pytest.raises(TimeoutError, match=r"^the look's own$"):
        simulated.system.inspect(simulated.worker(), lambda _: throw(TimeoutError("the look's own")))


def test_a_start_after_the_stop_is_refused_at_once() -> None:
    for system in (ActorSystem.simulated(VirtualClock()), ActorSystem.live(WallClock())):
        system.stop(PATIENCE_S)
        with pytest.raises(RuntimeError, match="start of Worker: the system has been stopped"):
            system.start(Worker("w", []))


def test_nobody_is_killed_before_it_is_stuck() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match=r"^kill_after_s=1 is less than stuck_after_s=5: stuck comes first$"):
        ActorSystem.live(WallClock(), stuck_after_s=5, kill_after_s=1)
    assert set(threading.enumerate()) == before
    ActorSystem.live(WallClock(), stuck_after_s=5, kill_after_s=5).stop(PATIENCE_S)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("dispatcher", "bogus", 'neither "pool" nor "thread"'),
        ("dispatcher", None, 'neither "pool" nor "thread"'),
        ("threads", 0, "not a whole number >= 1"),
        ("threads", -1, "not a whole number >= 1"),
        ("threads", 1.5, "not a whole number >= 1"),
        ("threads", True, "not a whole number >= 1"),
        ("stuck_after_s", 0, "not a finite number of seconds > 0"),
        ("stuck_after_s", float("nan"), "not a finite number of seconds > 0"),
        ("stuck_after_s", None, "not a finite number of seconds > 0"),
        ("kill_after_s", -1.0, "not a finite number of seconds > 0"),
        ("kill_after_s", float("inf"), "not a finite number of seconds > 0"),
        ("kill_after_s", "30", "not a finite number of seconds > 0"),
    ],
)
def test_no_live_system_is_made_of_nonsense(field: str, value: Any, rule: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match=rule) as refused:
        ActorSystem.live(WallClock(), **{field: value})
    assert str(refused.value).startswith(f"{field}={value!r} ")
    assert set(threading.enumerate()) == before


# What has no end --------------------------------------------------------------------------------------------------


class Endless(Actor):
    """Answers itself without end; with a delay of nothing, if it is told to."""

    def on_receive(self, message: Any) -> Any:
        if message == "timer":
            self.send_after(0.0, message)
        else:
            self.ref.tell(message)


def endless(seed: int | None, message: str) -> Any:
    system = ActorSystem.simulated(VirtualClock(), seed, steps_max=500)
    system.start(Endless(), "endless").tell(message)
    return system


NO_END = {
    "settle": lambda system: system.settle(),
    "ask": lambda system: system.ask("endless", "x"),
    "start": lambda system: system.start(Worker("w", [])),
    "run_until_idle": lambda system: system.run_until_idle(),
    "advance_to": lambda system: system.advance_to(NS_PER_S),
    "run": lambda system: system.run(NS_PER_S),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("what", NO_END)
def test_a_simulation_that_never_rests_says_who_has_something_to_read(what: str, seed: int | None) -> None:
    system = endless(seed, "on and on")
    with pytest.raises(LivelockError, match=r"no rest after 500 steps at one moment.*endless#1") as refused:
        NO_END[what](system)
    assert system.whereis("endless") in refused.value.busy
    assert [ref.label for ref in system.roots()] == ["endless"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("what", ["advance_to", "run"])
def test_timers_that_let_no_time_pass_are_found_out(what: str, seed: int | None) -> None:
    system = endless(seed, "timer")
    with pytest.raises(LivelockError, match="no rest after 500 steps"):
        NO_END[what](system)


def test_much_work_over_much_time_is_no_livelock() -> None:
    class Clockwork(Actor):
        def on_receive(self, message: Any) -> Any:
            self.send_after(0.001, message)

    for seed in (None, 1):
        system = ActorSystem.simulated(VirtualClock(), seed, steps_max=10)
        clockwork = system.start(Clockwork())
        clockwork.tell("tick")
        system.advance_to(NS_PER_S // 10)
        assert not system.run(NS_PER_S // 5)
        assert clockwork._actor.handled == 201


@pytest.mark.parametrize("steps_max", [0, -1, 1.5, True, None])
def test_steps_are_a_whole_number(steps_max: Any) -> None:
    with pytest.raises(ValueError, match=r"steps_max=.* is not a whole number >= 1"):
        ActorSystem.simulated(VirtualClock(), steps_max=steps_max)


# Who may rest -----------------------------------------------------------------------------------------------------


def test_the_top_of_a_tree_is_not_suspended(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a")
    with pytest.raises(SuspensionRefusedError, match="Supervisor is the top of its tree"):
        lab.system.suspend(supervisor, PATIENCE_S)
    lab.kill("a")
    assert lab.states(supervisor) == {"a": "running"}
    lab.system.suspend(lab.find("a"), PATIENCE_S)
    lab.settle()
    assert lab.system.inspect(lab.find("a"), lambda actor: actor.phase, PATIENCE_S) == "suspended"


def test_who_must_not_rest_is_not_suspended(lab: Laboratory, logs: list[Any]) -> None:
    class Watching(Worker):
        may_be_suspended = False

    lab.supervisor("a", lab.spec("watching", Watching))
    with pytest.raises(SuspensionRefusedError, match="watching must not rest"):
        lab.system.suspend(lab.find("watching"), PATIENCE_S)
    assert lab.ask("watching", "ping") == "ping"
    assert logs == []
