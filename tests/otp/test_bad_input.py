"""What a caller may do wrong, as far as no rule of its own says it.

Elsewhere: wrong fields of a spec (test_child_spec), starts that raise, exit or give nonsense and names taken twice
(test_supervisor_start), handlers that raise what is no Exception and a thousand crashes at once (test_robustness),
an endless talker on one thread (test_pool), timers for the dead (test_timers), stops in the midst of a start
(test_supervisor_start) and of failing restarts (test_failed_restart), programs that never stop (test_interpreter_exit).
"""

import threading
from typing import Any

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    KILLED,
    SHUTDOWN,
    Actor,
    ActorSystem,
    ChildSpec,
    Deferred,
    ExitReason,
    SimulatedSystem,
    StartFailedError,
    Supervisor,
    send_exit,
)
from naive_daemon.otp.messages import DEFERRED
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, ThreadWorker, Worker, throw


class Endless(Actor):
    """Tells itself each message once more."""

    def on_receive(self, message: Any) -> None:
        self.ref.tell(message)


# Starts that never return ------------------------------------------------------------------------------------------


def test_a_start_function_that_never_returns_holds_up_its_supervisor_only(live: Laboratory) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def make() -> Worker:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        return live.make("late")

    other = live.worker("other")
    held = Supervisor([live.spec("a"), ChildSpec(id="late", start=make, name="late")])
    held.attach(live.system, "held", None)
    held.begin(None)
    assert entered.wait(PATIENCE_S)
    assert live.ask(other, "ping") == "ping"
    assert live.ask("a", "ping") == "ping"
    send_exit(held.ref, ExitReason("kill"))  # all that is left to do with it
    assert live.system.settle(busy=1, timeout_s=PATIENCE_S)
    assert live.system.registry.names() == ["other"]
    go_on.set()
    live.settle()
    assert live.system.registry.names() == ["other"]
    assert ("start", "late") not in live.seen()


def test_a_system_gives_up_a_start_that_never_returns(live: Laboratory) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Worker):
        def init(self) -> None:
            entered.set()
            assert go_on.wait(PATIENCE_S)

    while not entered.is_set():  # on a busy machine one is given up before its turn has come: then the next
        actor = live.make("slow", Slow)
        with pytest.raises(TimeoutError, match="slow to start"):
            live.system.start(actor, "slow", timeout_s=0.01)
        assert live.reason_of(actor.ref) == KILLED
        assert live.system.whereis("slow") is None
    go_on.set()
    live.settle()


def test_an_init_that_never_returns_is_lost_when_its_supervisor_stops(live: Laboratory) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(ThreadWorker):
        def init(self) -> None:
            entered.set()
            assert go_on.wait(PATIENCE_S)
            super().init()

    supervisor = Supervisor([live.spec("a"), live.spec("slow", Slow, shutdown_s=0.01)])
    supervisor.attach(live.system, None, None)
    supervisor.begin(None)
    assert entered.wait(PATIENCE_S)
    assert live.system.terminate(supervisor.ref, PATIENCE_S) == SHUTDOWN
    assert live.system.registry.names() == []
    go_on.set()
    live.settle()


def test_an_init_that_ends_its_own_actor_is_a_failed_start(lab: Laboratory) -> None:
    class Suicidal(Worker):
        def init(self) -> Deferred:
            send_exit(self.ref, ExitReason("kill"))
            return DEFERRED

    with pytest.raises(StartFailedError, match="killed"):
        lab.start(lab.make("s", Suicidal))


# Endless work ------------------------------------------------------------------------------------------------------


def test_others_are_served_beside_those_that_talk_to_themselves_without_end(live: Laboratory) -> None:
    endless = [live.start(Endless()) for _ in range(5)]
    for ref in endless:
        ref.tell("again")
    quiet = live.worker("quiet")
    for number in range(20):
        assert live.ask(quiet, number) == number
    for ref in endless:
        assert live.system.terminate(ref, PATIENCE_S) == SHUTDOWN


def test_others_are_served_in_virtual_time_too(simulated: Laboratory) -> None:
    system = simulated.system
    assert isinstance(system, SimulatedSystem)
    endless, quiet = simulated.start(Endless()), simulated.worker("quiet")
    endless.tell("again")
    for number in range(20):
        quiet.tell(number)
    assert not system.run(max_steps=2_000)
    assert [event[2] for event in simulated.seen("got")] == list(range(20))
    send_exit(endless, SHUTDOWN)
    assert system.run()
    assert not endless.is_alive()


# A stop during a stop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["supervisor", "dynamic"])
def test_a_second_stop_during_a_stop_is_nothing(lab: Laboratory, make: str) -> None:
    again: list[Any] = []

    class Slow(Worker):
        """Has its supervisor stopped once more, in the midst of its own end."""

        def on_terminate(self, reason: ExitReason) -> None:
            super().on_terminate(reason)
            again.append(supervisor)
            send_exit(supervisor, SHUTDOWN)
            send_exit(supervisor, SHUTDOWN, self.ref)
            send_exit(self.ref, SHUTDOWN)

    supervisor = getattr(lab, make)(lab.spec("a", Slow), lab.spec("b", Slow))
    lab.seen()
    assert lab.end(supervisor) == SHUTDOWN
    assert again == [supervisor, supervisor]
    assert sorted(lab.seen("end")) == [("end", "a", "shutdown"), ("end", "b", "shutdown")]
    send_exit(supervisor, SHUTDOWN)
    lab.settle()
    assert lab.reason_of(supervisor) == SHUTDOWN


def test_many_stops_from_many_threads_are_one_stop(live: Laboratory) -> None:
    supervisor = live.supervisor(*(live.spec(number, kind) for number, kind in enumerate([Worker, ThreadWorker] * 5)))
    live.seen()
    reasons: list[ExitReason | None] = []
    threads = [
        threading.Thread(target=lambda: reasons.append(live.system.terminate(supervisor, PATIENCE_S))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    # Who comes when it has ended learns just that.
    assert all(reason is not None and reason.kind in ("shutdown", "noproc") for reason in reasons)
    assert len(reasons) == len(threads)
    assert [event[1] for event in live.seen("end")] == list(reversed(range(10)))


@pytest.mark.parametrize("dispatcher", ["pool", "thread"])
def test_systems_may_be_stopped_twice_and_from_many_threads(dispatcher: Any) -> None:
    before = set(threading.enumerate())
    lab = Laboratory(ActorSystem.live(WallClock(), dispatcher=dispatcher))
    lab.supervisor("a", lab.spec("b", ThreadWorker))
    threads = [threading.Thread(target=lab.system.stop, args=(PATIENCE_S,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    lab.system.stop(PATIENCE_S)
    assert set(threading.enumerate()) == before


def test_a_stop_from_inside_is_refused_and_ends_nobody(lab: Laboratory) -> None:
    refused: list[str] = []

    def stop(actor: Worker) -> None:
        system = actor.system
        calls: list[Any] = [system.stop, lambda: system.terminate(actor.ref, PATIENCE_S)]
        for call in calls:
            with pytest.raises(RuntimeError) as error:
                call()
            refused.append(str(error.value))

    worker = lab.worker("w")
    lab.tell(worker, stop)
    assert [text.split()[0] for text in refused] == ["stop", "terminate"]
    assert lab.ask(worker, "ping") == "ping"


# Nonsense ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay_s", [-1, float("nan"), float("inf")])
def test_a_wrong_time_crashes_who_asks_for_it_and_leaves_nothing_behind(lab: Laboratory, delay_s: float) -> None:
    lab.supervisor("server", "client", max_restarts=10)
    server = lab.find("server")
    for nonsense in (
        lambda actor: actor.send_after(delay_s, "never"),
        lambda actor: actor.idle_after(delay_s),
        lambda actor: actor.request(server, "never", print, delay_s),
    ):
        client = lab.find("client")
        lab.tell(client, nonsense)
        reason = lab.reason_of(client)
        assert reason is not None
        assert isinstance(reason.detail, ValueError)
        assert lab.find("client") is not client
    assert lab.ask(server, "ping") == "ping"
    assert [event for event in lab.seen("got") if event[2] == "never"] == []


@pytest.mark.parametrize("for_s", [-1, float("nan"), float("inf")])
def test_a_wrong_time_to_be_suspended_is_refused_and_suspends_nobody(
    lab: Laboratory, logs: list[Any], for_s: float
) -> None:
    worker = lab.worker()
    with pytest.raises(ValueError, match="not a finite number of seconds"):
        lab.system.suspend(worker, for_s)
    assert lab.ask(worker, "ping") == "ping"
    assert logs == []


def test_a_name_that_cannot_be_one_is_refused_and_nobody_lives_under_it(lab: Laboratory) -> None:
    actor = lab.make("w")
    with pytest.raises(TypeError, match="unhashable"):
        lab.system.start(actor, ["no", "name"])  # type: ignore[arg-type] # that is the point
    lab.settle()
    assert lab.system.registry.names() == []
    assert lab.system.roots() == []
    assert lab.seen("start") == []


def test_a_timer_that_crashes_its_maker_leaves_its_siblings(lab: Laboratory) -> None:
    supervisor = lab.supervisor("a", "b", max_restarts=5)
    first = lab.find("a")
    lab.ask(first, lambda actor: actor.send_after(0, lambda _: throw(BoomError("late"))) and None)
    if lab.is_simulated:
        lab.advance(0.0)
    else:
        gone = threading.Event()
        lab.system.on_down(first, lambda _: gone.set())
        assert gone.wait(PATIENCE_S)
    lab.settle()
    assert lab.states(supervisor) == {"a": "running", "b": "running"}
    assert lab.find("a") is not first
