"""What must hold whatever breaks: no orphan, no word from the dead, one crash is one crash, no thread left."""

import threading
from typing import Any

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    INFINITY,
    KILL,
    KILLED,
    NORMAL,
    SHUTDOWN,
    ActorSystem,
    Call,
    ChildSpec,
    ChildStarted,
    ChildType,
    CountChildren,
    Down,
    StartChild,
    Strategy,
    Supervisor,
    send_exit,
)
from naive_daemon.otp.dispatcher import ThreadDispatcher
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, ThreadWorker, Worker, recorder, throw

KINDS = pytest.mark.parametrize("kind", [Worker, ThreadWorker], ids=["pool", "thread"])


@KINDS
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), BaseException("base")])
def test_a_base_exception_crashes_one_actor_only(
    lab: Laboratory, logs: list[Any], kind: type[Worker], error: BaseException
) -> None:
    supervisor = lab.supervisor(lab.spec("a", kind), lab.spec("b", kind))
    other, first = lab.find("b"), lab.find("a")
    lab.crash("a", error)
    assert lab.find("a") is not first
    assert lab.find("b") is other
    for name in "ab":
        assert lab.ask(name, "ping") == "ping"
    assert lab.ask(supervisor, CountChildren()).active == 2
    assert [entry["exc_info"] for entry in logs if entry["event"] == "actor crashed"] == [error]


def test_a_log_that_fails_neither_saves_the_actor_nor_ends_a_thread(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unloggable(Worker):
        def log_context(self) -> dict[str, object]:
            return throw(BoomError("log"))

    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    supervisor = lab.supervisor(lab.spec("u", Unloggable))
    crash = BoomError("boom")
    lab.crash("u", crash)
    assert [(str(args.exc_value), args.exc_value.__context__) for args in told] == [("log", crash)]
    assert lab.states(supervisor) == {"u": "running"}
    lab.end(supervisor)


@KINDS
def test_a_thousand_children_crash_at_once(live: Laboratory, kind: type[Worker]) -> None:
    has_threads_of_their_own = isinstance(live.system.dispatcher_of(kind), ThreadDispatcher)
    many = 50 if has_threads_of_their_own else 1_000
    supervisor = live.supervisor(*(live.spec(number, kind) for number in range(many)), max_restarts=many)
    before = live.refs(supervisor)
    for ref in before.values():
        assert ref is not None
        ref.tell(lambda _: throw(BoomError("boom")))
    live.settle()
    after = live.refs(supervisor)
    assert all(ref is not None and ref.is_alive() and ref is not before[child] for child, ref in after.items())
    assert supervisor.is_alive()


def test_a_thousand_dynamic_children_crash_at_once(simulated: Laboratory) -> None:
    lab = simulated
    supervisor = lab.dynamic(*(lab.spec(number) for number in range(1_000)), max_restarts=1_000)
    for number in range(1_000):
        lab.find(number).tell(lambda _: throw(BoomError("boom")))
    lab.settle()
    assert lab.ask(supervisor, CountChildren()).active == 1_000


def test_who_kills_itself_says_nothing_any_more(lab: Laboratory) -> None:
    """Where we differ: nothing that a dead incarnation sends is delivered."""
    witness, victim = lab.worker("witness"), lab.worker("victim")
    doomed = lab.worker("doomed")
    lab.tell(witness, lambda actor: actor.monitor(doomed))

    def die_and_talk(actor: Worker) -> Any:
        witness.tell("before")
        send_exit(actor.ref, KILL)
        witness.tell("after")
        send_exit(victim, KILL)
        send_exit(victim, SHUTDOWN)
        actor.link(victim)
        lab.system.tell("witness", "by name")
        lab.system.pubsub.publish("topic", "published")
        actor.request(witness, "request", recorder(lab, "r"))
        return "answer"

    lab.tell(witness, lambda actor: actor.subscribe("topic"))
    lab.seen()
    client = lab.worker("client")
    lab.tell(client, lambda actor: actor.request(doomed, die_and_talk, recorder(lab, "client")))
    said = [event[2] for event in lab.seen("got") if event[1] == "witness"]
    assert said[0] == "before"
    assert [type(word) for word in said[1:]] == [Down]
    assert victim.is_alive()
    actor: Any = victim._actor
    assert actor._links == {}


def test_a_killed_actor_whose_handler_still_runs_reaches_nobody(live: Laboratory) -> None:
    entered, go_on, left = threading.Event(), threading.Event(), threading.Event()
    witness = live.worker("witness")
    supervisor = live.supervisor(live.spec("stuck", ThreadWorker))
    stuck = live.find("stuck")

    def hang(actor: Worker) -> Any:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        witness.tell("too late")
        actor.subscribe("topic")
        left.set()
        return "too late"

    answers: list[Any] = []
    stuck.tell(Call(hang, answers.append, answers.append))
    stuck.tell("never read")
    assert entered.wait(PATIENCE_S)
    send_exit(stuck, KILL)
    assert live.system.settle(busy=1, timeout_s=PATIENCE_S)
    assert live.find("stuck") is not stuck
    assert live.ask("stuck", "ping") == "ping"
    go_on.set()
    assert left.wait(PATIENCE_S)
    live.settle()
    assert [event for event in live.seen("got") if event[1] == "witness"] == []
    assert live.system.pubsub.publish("topic", "x") == 0
    assert live.states(supervisor) == {"stuck": "running"}


def test_a_kill_is_whole_while_the_victim_still_changes_what_it_holds(lab: Laboratory) -> None:
    """The victim's handler monitors more, at each step of its own end."""

    class Watched(Worker):
        def unwatch(self, number: int) -> None:
            super().unwatch(number)
            for victim in victims:
                victim._monitored[-number] = self.ref

    victims: list[Any] = []
    watched = lab.worker("watched", Watched)
    victim = lab.worker("victim", ThreadWorker)
    lab.tell(victim, lambda actor: actor.monitor(watched) and None)
    victims.append(victim._actor)
    lab.kill(victim)
    assert lab.reason_of(victim) == KILLED
    assert lab.dead_with_threads() == []


def test_what_the_dead_begin_to_watch_holds_nothing(live: Laboratory) -> None:
    entered, go_on = threading.Event(), threading.Event()
    target, victim = live.worker("target"), live.worker("victim", ThreadWorker)

    def hang(actor: Worker) -> None:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        actor.monitor(target)
        actor.request(target, "too late", print, timeout_s=PATIENCE_S)

    dead = victim._actor
    assert isinstance(dead, Worker)
    victim.tell(hang)
    assert entered.wait(PATIENCE_S)
    send_exit(victim, KILL)
    go_on.set()
    live.settle()
    assert live.monitors_of(target) == 0
    assert not any(pending.timer.is_pending for pending in dead._pending.values())


def test_busy_actors_can_be_killed_at_any_moment(live: Laboratory) -> None:
    target = live.worker("target")

    def work(actor: Worker) -> None:
        entered.set()
        while not actor.is_dead:
            for number in [actor.monitor(target) for _ in range(100)]:
                actor.demonitor(number)

    for _ in range(20):
        entered = threading.Event()
        ref = live.worker(None, ThreadWorker)
        for message in [work, *range(100)]:
            ref.tell(message)
        assert entered.wait(PATIENCE_S)
        send_exit(ref, KILL)
    live.settle()
    assert live.monitors_of(target) == 0
    assert live.dead_with_threads() == []


def test_a_supervisor_killed_while_it_makes_a_child_leaves_no_orphan(live: Laboratory) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def make() -> Worker:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        return live.make("orphan")

    supervisor = live.supervisor("a")
    supervisor.tell(Call(StartChild(ChildSpec(id="o", start=make, name="orphan")), print, print))
    assert entered.wait(PATIENCE_S)
    send_exit(supervisor, KILL)
    go_on.set()
    live.settle()
    assert live.system.registry.names() == []
    assert ("start", "orphan") not in live.seen()


@KINDS
def test_no_orphan_when_a_tree_is_killed_at_any_moment(live: Laboratory, kind: type[Worker]) -> None:
    for _ in range(20):
        nested = ChildSpec(
            id="n",
            start=lambda: Supervisor([live.spec(name, kind, name=None) for name in "xyz"], max_restarts=100),
            type=ChildType.SUPERVISOR,
        )
        root = Supervisor([live.spec("a", kind, name=None), nested], max_restarts=100)
        root.attach(live.system, None, None)
        root.begin(None)
        send_exit(root.ref, KILL)  # at whatever point the start has reached
        live.settle()
    ends = {"start": 0, "end": 0}
    for event in live.seen("start", "end"):
        ends[event[0]] += 1
    assert ends["start"] == ends["end"]


def test_a_restart_storm_ends_in_order(live: Laboratory) -> None:
    supervisor = live.supervisor(
        *(live.spec(name) for name in "abcd"), max_restarts=10_000, strategy=Strategy.ONE_FOR_ALL
    )
    for _ in range(50):
        for name in "abcd":
            ref = live.system.whereis(name)
            if ref is not None:
                send_exit(ref, KILL)
    live.settle()
    assert set(live.states(supervisor).values()) == {"running"}
    live.seen()
    assert live.end(supervisor) == SHUTDOWN
    assert [event[1] for event in live.seen("end")] == ["d", "c", "b", "a"]


def test_stop_during_a_restart_storm_leaves_nobody(live: Laboratory) -> None:
    for _ in range(20):
        specs = [live.spec(name, shutdown_s=INFINITY) for name in "abc"]
        supervisor = live.supervisor(*specs, max_restarts=10_000, strategy=Strategy.REST_FOR_ONE)
        live.find("a").tell(lambda _: throw(BoomError("boom")))
        live.find("b").tell(lambda _: throw(BoomError("boom")))
        assert live.end(supervisor) == SHUTDOWN
        assert live.system.registry.names() == []


@pytest.mark.real_threads
def test_a_stopped_system_leaves_no_thread_and_starts_none() -> None:
    before = set(threading.enumerate())
    lab = Laboratory(ActorSystem.live(WallClock(), threads=3))
    refs = [lab.worker(number, ThreadWorker) for number in range(5)]
    assert len(set(threading.enumerate()) - before) == 3 + 1 + 5
    lab.leave(refs[0], NORMAL)
    lab.system.stop(PATIENCE_S)  # with four living actors
    assert set(threading.enumerate()) == before
    refs[1].tell("hello")
    refs[0].tell("hello")
    assert set(threading.enumerate()) == before
    lab.system.stop(PATIENCE_S)


def test_the_thread_of_a_dead_actor_ends(live: Laboratory) -> None:
    for end in (lambda ref: live.leave(ref, NORMAL), live.crash, live.kill):
        ref = live.worker("w", ThreadWorker)
        thread = live.ask(ref, lambda _: threading.current_thread())
        end(ref)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert live.dead_with_threads() == []


def test_a_message_that_meets_its_readers_death_costs_nothing(live: Laboratory) -> None:
    sender = live.worker("sender")
    for kind in (Worker, ThreadWorker):
        for _ in range(200):
            ref = live.worker(None, kind)
            sender.tell(lambda _, to=ref: [to.tell(number) for number in range(20)])
            send_exit(ref, KILL)
        live.settle()
        assert live.dead_with_threads() == []


def test_a_mailbox_that_was_closed_under_a_sender_is_not_read_for_ever(lab: Laboratory) -> None:
    ref = lab.worker()
    mailbox = ref.actor_inbox
    lab.kill(ref)
    mailbox.messages.append("appended by a sender that had looked before")
    mailbox.wake()
    lab.settle()
    assert mailbox.empty()


def test_killed_children_are_restarted_under_a_dynamic_supervisor(lab: Laboratory) -> None:
    supervisor = lab.dynamic(max_restarts=5)
    started = lab.ask(supervisor, StartChild(lab.spec("a", ThreadWorker)))
    assert isinstance(started, ChildStarted)
    lab.kill(started.ref)
    assert lab.reason_of(started.ref) == KILLED
    assert lab.ask("a", "ping") == "ping"
