"""What an actor does for its callers: OTP rules 70, 74, 75, batches and timers."""

import threading
from typing import Any

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    DEFERRED,
    IGNORE,
    KILL,
    NORMAL,
    SHUTDOWN,
    ActorSystem,
    Continue,
    Down,
    ExitReason,
    Ref,
    StartFailedError,
    send_exit,
)
from tests.otp.laboratory import (
    PATIENCE_S,
    BoomError,
    Laboratory,
    Outcome,
    ThreadWorker,
    Worker,
    later,
    recorder,
    throw,
)

KINDS = pytest.mark.parametrize("kind", [Worker, ThreadWorker], ids=["pool", "thread"])


@KINDS
def test_rule_70_a_continuation_comes_before_queued_messages(lab: Laboratory, kind: type[Worker]) -> None:
    actor = kind("w", lab.events, Continue("continued"))
    actor.attach(lab.system, None, None)
    actor.ref.tell("queued")
    actor.begin(lambda _: lab.events.append(("acknowledged",)))
    lab.settle()
    assert lab.seen() == [("start", "w"), ("acknowledged",), ("got", "w", "continued"), ("got", "w", "queued")]
    lab.kill(actor.ref)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (None, None),
        (Continue("go on"), None),
        (IGNORE, "ignore"),
        (NORMAL, "normal"),
        (SHUTDOWN, "shutdown"),
        (ExitReason("crash", "odd"), "odd"),
        (BoomError("init"), "BoomError: init"),
        (SystemExit(1), "SystemExit: 1"),
    ],
    ids=str,
)
def test_rule_70_what_init_says_is_what_the_starter_learns(lab: Laboratory, outcome: Outcome, told: str | None) -> None:
    actor = Worker("w", lab.events, outcome)
    if told is None:
        assert lab.start(actor, "w").is_alive()
        return
    with pytest.raises(StartFailedError, match=f"w failed to start: {told}"):
        lab.system.start(actor, "w")
    assert lab.system.whereis("w") is None


def test_rule_70_a_crash_of_the_continuation_is_a_crash_and_no_failed_start(lab: Laboratory) -> None:
    def crash(_: Worker) -> None:
        throw(BoomError("later"))

    ref = lab.start(Worker("w", lab.events, Continue(crash)), "w")
    lab.settle()
    assert str(lab.reason_of(ref)) == "BoomError: later"


def test_rule_70_the_starter_waits_for_init(live: Laboratory) -> None:
    entered, go_on, started = threading.Event(), threading.Event(), threading.Event()

    class Slow(Worker):
        def init(self) -> None:
            entered.set()
            assert go_on.wait(PATIENCE_S)

    def start() -> None:
        live.start(Slow("slow", live.events), "slow")
        started.set()

    starter = threading.Thread(target=start)
    starter.start()
    assert entered.wait(PATIENCE_S)
    assert not started.is_set()
    go_on.set()
    starter.join(PATIENCE_S)
    assert started.is_set()


def test_rule_75_stray_messages_are_logged(lab: Laboratory, logs: list[Any]) -> None:
    class Deaf(Worker):
        def on_receive(self, message: Any) -> Any:
            return super(Worker, self).on_receive(message)

    deaf = lab.worker("deaf", Deaf)
    lab.tell(deaf, "what?")
    assert deaf.is_alive()
    assert [(entry["event"], entry["actor"], entry["message"]) for entry in logs] == [
        ("unexpected message", "deaf", "'what?'")
    ]


def test_rule_74_clean_up_runs_once_at_each_end_but_a_kill(lab: Laboratory) -> None:
    def tell_to_end(ref: Ref) -> None:
        send_exit(ref, ExitReason("crash", "odd"), lab.worker("stranger"))
        lab.settle()

    ends: dict[str, Any] = {
        "stopped": lab.end,
        "left": lambda ref: lab.leave(ref, NORMAL),
        "crashed": lab.crash,
        "told": tell_to_end,
        "killed": lab.kill,
    }
    for name, end in ends.items():
        end(lab.worker(name))
    assert lab.seen("end") == [
        ("end", "stopped", "shutdown"),
        ("end", "left", "normal"),
        ("end", "crashed", "crash"),
        ("end", "told", "crash"),
    ]


def test_an_actor_starts_once(lab: Laboratory) -> None:
    actor = lab.make("w")
    ref = lab.start(actor, "w")
    with pytest.raises(RuntimeError, match="was started before"):
        lab.system.start(actor)
    assert lab.ask(ref, "ping") == "ping"


def test_a_start_that_takes_too_long_is_killed(lab: Laboratory) -> None:
    actor = lab.make("slow")
    actor.outcome = DEFERRED  # never acknowledged
    with pytest.raises(TimeoutError, match="slow to start"):
        lab.system.start(actor, "slow", 0.01)
    assert lab.system.whereis("slow") is None


def test_an_ignored_start_from_outside_is_told(lab: Laboratory) -> None:
    with pytest.raises(StartFailedError, match="ignore"):
        lab.system.start(Worker("w", lab.events, IGNORE), "w")


def test_batches_hand_over_what_has_gathered_and_nothing_else(simulated: Laboratory) -> None:
    class Batching(Worker):
        batches = True

        def on_batch(self, messages: list[Any]) -> None:
            self.events.append(("batch", list(messages)))

    lab = simulated
    batching, watched = lab.worker("b", Batching), lab.worker("watched")
    lab.ask(batching, lambda actor: actor.monitor(watched))
    client = lab.worker("client")
    lab.seen()

    def flood(actor: Worker) -> None:
        for number in range(3):
            batching.tell(number)
        actor.request(batching, "question", recorder(lab, "r"))
        send_exit(watched, KILL)
        batching.tell(3)

    lab.tell(client, flood)
    events = lab.seen()
    assert [event[1] for event in events if event[0] == "batch"] == [[0, 1, 2], [3]]
    assert ("answer", "r", "question") in events
    assert any(event[0] == "got" and isinstance(event[2], Down) for event in events)


class Gathering(Worker):
    """Counts what it gets at once."""

    batches = True

    def on_batch(self, messages: list[Any]) -> None:
        self.events.append(("batch", len(messages)))


class GatheringAlone(Gathering):
    """The same on a thread of its own."""

    runs_on = "thread"


@pytest.mark.parametrize(("kind", "sizes"), [(Gathering, [64, 64, 64, 8]), (GatheringAlone, [200])])
def test_a_batch_is_bounded_where_others_wait_for_the_thread(
    simulated: Laboratory, kind: type[Gathering], sizes: list[int]
) -> None:
    gathering = simulated.worker("g", kind)
    for number in range(200):
        gathering.tell(number)
    simulated.settle()
    assert [event[1] for event in simulated.seen("batch")] == sizes
    assert gathering._actor.handled == 200


def test_who_takes_batches_lets_its_neighbours_have_their_turn() -> None:
    """On one thread, as each other actor: after one turn, with however many messages waiting."""
    lab = Laboratory(ActorSystem.live(WallClock(), threads=1))
    gathering, neighbour = lab.worker("g", Gathering), lab.worker("n")
    entered, go_on = threading.Event(), threading.Event()

    def hold(actor: Worker) -> None:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        actor.end_turn()

    neighbour.tell(hold)
    assert entered.wait(PATIENCE_S)
    for number in range(10_000):
        gathering.tell(number)
    neighbour.tell(lambda _: lab.events.append(("neighbour", gathering._actor.handled)))
    go_on.set()
    lab.settle()
    assert lab.seen("neighbour") == [("neighbour", 64)]
    lab.close()


def test_send_after_comes_at_its_time_and_cancel_stops_it(simulated: Laboratory) -> None:
    worker = simulated.worker()
    kept: list[Any] = []
    simulated.tell(worker, lambda actor: kept.extend(actor.send_after(delay_s, delay_s) for delay_s in (2.0, 1.0, 1.5)))
    kept[2].cancel()
    simulated.advance(1.999)
    assert [event[2] for event in simulated.seen("got")] == [1.0]
    simulated.advance(0.001)
    assert [event[2] for event in simulated.seen("got")] == [2.0]
    assert not any(timer.is_pending for timer in kept)


def test_virtual_time_stops_at_each_timer(simulated: Laboratory) -> None:
    class Ticking(Worker):
        def on_receive(self, message: Any) -> Any:
            if message != "tick":
                return super().on_receive(message)
            self.events.append(("tick", self.system.clock.monotonic_s()))
            self.send_after(1.0, "tick")
            return None

    simulated.tell(simulated.worker("t", Ticking), "tick")
    simulated.advance(3.5)
    assert simulated.seen("tick") == [("tick", 0.0), ("tick", 1.0), ("tick", 2.0), ("tick", 3.0)]
    assert simulated.system.clock.monotonic_s() == 3.5


def test_timers_on_threads_fire_in_order(live: Laboratory) -> None:
    class Waiting(Worker):
        def on_receive(self, message: Any) -> Any:
            if not isinstance(message, int):
                return super().on_receive(message)
            self.events.append(("tick", message))
            if message == 2:
                self.kept.reply([event[1] for event in self.events if event[0] == "tick"])  # type: ignore[attr-defined] # set by this test
            return None

    def go(actor: Worker) -> Any:
        for number, delay_s in ((2, 0.02), (1, 0.01), (0, 0.0)):
            actor.send_after(delay_s, number)
        actor.send_after(0.015, 7).cancel()
        return later(actor)

    assert live.ask(live.worker("w", Waiting), go) == [0, 1, 2]
