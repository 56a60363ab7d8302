"""Monitors, links and exit signals: OTP rules 63-69."""

import threading
from collections import deque
from typing import Any

import pytest

from naive_daemon.otp import (
    KILL,
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    ActorDiedError,
    ChildSpec,
    Down,
    Exited,
    ExitReason,
    Ref,
    Restart,
    send_exit,
    shutdown,
)
from naive_daemon.otp.mailbox import Mailbox
from naive_daemon.otp.mailbox_policy import SlowDown
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, ThreadWorker, Trapper, Worker

ODD = ExitReason("crash", "odd")


def _downs(lab: Laboratory) -> list[Down]:
    return [event[2] for event in lab.seen("got") if isinstance(event[2], Down)]


def _exits(lab: Laboratory) -> list[Exited]:
    return [event[2] for event in lab.seen("got") if isinstance(event[2], Exited)]


def _linked(lab: Laboratory, kind: type[Worker] = Worker) -> tuple[Ref, Ref]:
    first, second = lab.worker("first", kind), lab.worker("second")
    lab.tell(first, lambda actor: actor.link(second))
    return first, second


@pytest.mark.parametrize("kind", [Worker, ThreadWorker])
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, shutdown("detail"), ODD])
def test_rule_63_a_down_carries_the_reason(lab: Laboratory, kind: type[Worker], reason: ExitReason) -> None:
    watched, watcher = lab.worker("watched", kind), lab.worker("watcher")
    number = lab.ask(watcher, lambda actor: actor.monitor(watched))
    lab.leave(watched, reason)
    assert _downs(lab) == [Down(number, watched, reason)]


def test_rule_63_a_crash_carries_its_exception(lab: Laboratory) -> None:
    watched, watcher = lab.worker("watched"), lab.worker("watcher")
    lab.tell(watcher, lambda actor: actor.monitor(watched))
    error = BoomError("boom")
    lab.crash(watched, error)
    assert [down.reason.detail for down in _downs(lab)] == [error]


def test_rule_63_each_monitor_gives_one_down(lab: Laboratory) -> None:
    watched, watcher = lab.worker("watched"), lab.worker("watcher")
    numbers = [lab.ask(watcher, lambda actor: actor.monitor(watched)) for _ in range(3)]
    lab.kill(watched)
    downs = _downs(lab)
    assert [down.monitor for down in downs] == numbers
    assert {down.reason for down in downs} == {KILLED}


def test_rule_63_a_dead_one_is_noproc_at_once(lab: Laboratory) -> None:
    watched, watcher = lab.worker("watched"), lab.worker("watcher")
    lab.kill(watched)
    lab.tell(watcher, lambda actor: actor.monitor(watched))
    assert [down.reason for down in _downs(lab)] == [NOPROC]


def test_rule_64_no_down_after_demonitor_not_even_a_queued_one(lab: Laboratory) -> None:
    watched, watcher = lab.worker("watched"), lab.worker("watcher")

    def scenario(actor: Worker) -> None:
        before, queued = actor.monitor(watched), actor.monitor(watched)
        actor.demonitor(before)
        send_exit(watched, KILL)  # its Down of `queued` waits in this actor's mailbox now
        actor.demonitor(queued)
        actor.demonitor(queued)

    lab.tell(watcher, scenario)
    assert not watched.is_alive()
    assert _downs(lab) == []


def test_rule_64_no_down_comes_after_demonitor_at_whatever_moment_the_other_dies(live: Laboratory) -> None:
    watcher = live.worker("watcher")

    def watch_briefly(actor: Worker, ref: Ref) -> None:
        for number in [actor.monitor(ref) for _ in range(50)]:
            actor.demonitor(number)
        actor.events.append(("parted", ref))

    for _ in range(30):
        watched = live.worker(None)
        watcher.tell(lambda actor, ref=watched: watch_briefly(actor, ref))
        send_exit(watched, KILL)
    live.settle()
    events = live.seen("parted", "got")
    parted: set[Ref] = set()
    for event in events:
        if event[0] == "parted":
            parted.add(event[1])
        else:
            assert event[2].ref not in parted
    assert len(parted) == 30


def test_rule_63_each_monitor_gives_one_down_at_whatever_moment_it_is_made(live: Laboratory) -> None:
    watcher = live.worker("watcher")
    numbers: list[int] = []
    for _ in range(30):
        watched = live.worker(None)
        watcher.tell(lambda actor, ref=watched: numbers.extend(actor.monitor(ref) for _ in range(50)))
        send_exit(watched, KILL)
    live.settle()
    downs = _downs(live)
    assert sorted(down.monitor for down in downs) == numbers
    assert {down.reason for down in downs} <= {KILLED, NOPROC}
    actor: Any = watcher._actor
    assert actor._monitored == {}


def test_only_what_is_on_its_way_at_the_kill_comes_after_the_down(live: Laboratory) -> None:
    """Where we differ: a kill does not wait for a handler, so it may overtake the one message that is being sent."""
    sending, go_on, done = threading.Event(), threading.Event(), threading.Event()
    witness, victim = live.worker("witness"), live.worker("victim", ThreadWorker)
    live.ask(witness, lambda actor: actor.monitor(victim))

    class Narrow(deque[Any]):
        """The way into the mailbox, held up in the middle of one message."""

        def append(self, message: Any) -> None:
            if message == "on its way":
                sending.set()
                assert go_on.wait(PATIENCE_S)
            super().append(message)

    def talk(_: Worker) -> None:
        for word in ("before", "on its way", "later"):
            witness.tell(word)
        done.set()

    witness.actor_inbox.messages = Narrow()
    victim.tell(talk)
    assert sending.wait(PATIENCE_S)
    send_exit(victim, KILL)
    go_on.set()
    assert done.wait(PATIENCE_S)
    live.settle()
    got = [event[2] for event in live.seen("got")]
    assert [word if isinstance(word, str) else type(word) for word in got] == ["before", Down, "on its way"]


def test_messages_come_before_the_down_of_their_sender(lab: Laboratory) -> None:
    watched, watcher = lab.worker("watched"), lab.worker("watcher")
    lab.tell(watcher, lambda actor: actor.monitor(watched))
    lab.seen()

    def last_words(actor: Worker) -> None:
        for number in range(3):
            watcher.tell(number)
        actor.exit(ODD)

    lab.tell(watched, last_words)
    assert [event[2] for event in lab.seen("got")][:3] == [0, 1, 2]


@pytest.mark.parametrize("who", ["first", "second"])
@pytest.mark.parametrize("reason", [SHUTDOWN, shutdown("detail"), ODD])
def test_rules_65_and_66_links_are_symmetric_and_end_both(lab: Laboratory, who: str, reason: ExitReason) -> None:
    refs = _linked(lab)
    lab.leave(who, reason)
    assert [lab.reason_of(ref) for ref in refs] == [reason, reason]


def test_rule_65_twice_is_once_and_oneself_is_nothing(lab: Laboratory) -> None:
    first, second = _linked(lab, Trapper)
    lab.tell(first, lambda actor: actor.link(second))
    lab.tell(first, lambda actor: actor.link(first))
    lab.leave(second, ODD)
    assert _exits(lab) == [Exited(second, ODD)]


def test_rule_65_unlink_parts_both(lab: Laboratory) -> None:
    first, second = _linked(lab)
    lab.tell(second, lambda actor: actor.unlink(first))
    lab.leave(first, ODD)
    assert second.is_alive()


def test_rule_65_an_exit_that_waits_to_be_read_does_not_survive_unlink(lab: Laboratory) -> None:
    first, second = _linked(lab)

    def part_too_late(actor: Worker) -> None:
        send_exit(second, KILL)  # its exit waits in this actor's mailbox now
        actor.unlink(second)

    lab.tell(first, part_too_late)
    assert not second.is_alive()
    assert lab.ask(first, "ping") == "ping"


def test_rule_65_an_exit_that_is_on_its_way_does_not_survive_unlink(simulated: Laboratory) -> None:
    """The other is dying: it has looked at its links, and has not told all of them yet."""
    first, second, slow = (simulated.worker(name) for name in ("first", "second", "slow"))
    simulated.tell(slow, lambda actor: actor.link(second))
    simulated.tell(first, lambda actor: actor.link(second))
    put_signal = slow.actor_inbox.put_signal

    class Meanwhile(Mailbox):
        def put_signal(self, signal: Any) -> None:
            first._actor.unlink(second)  # type: ignore[union-attr] # an Actor's
            put_signal(signal)

    slow.actor_inbox = Meanwhile(SlowDown())
    simulated.crash(second)
    assert not slow.is_alive()
    assert first.is_alive()


def test_rule_65_an_exit_that_somebody_sends_survives_unlink(lab: Laboratory) -> None:
    first, second = _linked(lab)

    def part(actor: Worker) -> None:
        send_exit(first, ODD, second)
        actor.unlink(second)

    lab.tell(first, part)
    assert lab.reason_of(first) == ODD
    assert second.is_alive()


def test_rule_66_a_normal_end_of_the_other_is_nothing(lab: Laboratory) -> None:
    first, second = _linked(lab)
    lab.leave(second, NORMAL)
    assert first.is_alive()


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, ODD])
def test_rule_66_who_traps_gets_each_exit_as_a_message(lab: Laboratory, reason: ExitReason) -> None:
    first, second = _linked(lab, Trapper)
    lab.leave(second, reason)
    assert _exits(lab) == [Exited(second, reason)]
    assert first.is_alive()


def test_rule_67_kill_cannot_be_trapped_and_links_see_killed(lab: Laboratory) -> None:
    trapper = lab.worker("trapper", Trapper)
    witness = lab.worker("witness", Trapper)
    lab.tell(witness, lambda actor: actor.link(trapper))
    lab.kill(trapper)
    assert lab.reason_of(trapper) == KILLED
    assert _exits(lab) == [Exited(trapper, KILLED)]


def test_rule_67_exit_normal_does_nothing_to_who_does_not_trap(lab: Laboratory) -> None:
    lab.supervisor("a", lab.spec("t", Trapper))
    stranger = lab.worker("stranger")
    for name in "at":
        send_exit(lab.find(name), NORMAL, stranger)
    lab.settle()
    assert lab.find("a").is_alive()
    assert _exits(lab) == [Exited(stranger, NORMAL)]


def test_rule_67_exit_normal_of_another_actor_is_nothing_to_an_actor_without_a_parent(lab: Laboratory) -> None:
    worker, trapper, other = lab.worker(), lab.worker("trapper", Trapper), lab.worker("other")
    for ref in (worker, trapper):
        lab.tell(other, lambda _, to=ref: send_exit(to, NORMAL))
    assert worker.is_alive()
    assert _exits(lab) == [Exited(other, NORMAL)]


def test_an_exit_that_is_trapped_is_a_message_handled(lab: Laboratory) -> None:
    trapper, other, seen = lab.worker("trapper", Trapper), lab.worker("other"), list[Any]()
    lab.tell(trapper, "before")
    lab.tell(other, lambda _: send_exit(trapper, ODD))
    actor: Any = trapper._actor
    assert (actor.handled, actor.recent_messages()) == (2, ["before", Exited(other, ODD)])
    lab.system.inspect(trapper, lambda it: it.trace(lambda way, content: seen.append((way, content))))
    lab.tell(other, lambda _: send_exit(trapper, SHUTDOWN))
    assert seen == [("receive", Exited(other, SHUTDOWN)), ("handled", Exited(other, SHUTDOWN))]
    lab.tell(trapper, "after")
    assert (actor.handled, actor.recent_messages()[-1]) == (4, "after")


def test_rule_67_another_reason_ends_who_does_not_trap(lab: Laboratory) -> None:
    worker = lab.worker()
    send_exit(worker, ODD, lab.worker("stranger"))
    lab.settle()
    assert lab.reason_of(worker) == ODD


def test_rule_68_a_link_to_the_dead(lab: Laboratory) -> None:
    dead = lab.worker("dead")
    lab.kill(dead)
    trapper, plain = lab.worker("trapper", Trapper), lab.worker("plain")
    for ref in (trapper, plain):
        lab.tell(ref, lambda actor: actor.link(dead))
    assert _exits(lab) == [Exited(dead, NOPROC)]
    assert trapper.is_alive()
    assert lab.reason_of(plain) == NOPROC


def test_rule_69_to_tell_the_dead_is_silent(lab: Laboratory) -> None:
    dead = lab.worker("dead")
    lab.kill(dead)
    lab.seen()
    lab.tell(dead, "hello")
    assert lab.seen() == []
    assert not lab.system.tell("dead", "hello")
    with pytest.raises(ActorDiedError, match="noproc"):
        lab.ask(dead, "hello")
    with pytest.raises(ActorDiedError, match="noproc"):
        lab.ask("nobody", "hello")


def test_a_child_gets_its_parents_end_even_when_it_traps(lab: Laboratory) -> None:
    supervisor = lab.supervisor(lab.spec("t", Trapper))
    trapper = lab.find("t")
    lab.kill(supervisor)
    assert lab.reason_of(trapper) == KILLED
    assert ("end", "t", "killed") in lab.seen()


def test_a_watcher_from_outside_that_raises_keeps_nobody_else_from_learning(lab: Laboratory, logs: list[Any]) -> None:
    watched, watcher = lab.worker("watched"), lab.worker("watcher")

    def broken(_: Down) -> None:
        raise BoomError("watcher")

    lab.system.on_down(watched, broken)
    lab.tell(watcher, lambda actor: actor.monitor(watched))
    lab.leave(watched, NORMAL)
    assert [down.reason for down in _downs(lab)] == [NORMAL]
    assert [entry["reason"] for entry in logs] == ["BoomError: watcher"]


def test_a_linked_group_falls_once_and_is_restarted_whole(lab: Laboratory) -> None:
    specs: list[ChildSpec] = [lab.spec(name, restart=Restart.PERMANENT) for name in "abc"]
    supervisor = lab.supervisor(*specs, max_restarts=3)
    for name, other in ("ab", "bc"):
        lab.tell(name, lambda actor, to=other: actor.link(lab.find(to)))
    lab.seen()
    lab.kill("a")
    assert sorted(lab.starts()) == ["a", "b", "c"]
    assert set(lab.states(supervisor).values()) == {"running"}


def test_rule_87_who_owns_the_top_learns_of_its_end(lab: Laboratory) -> None:
    ends: list[Down] = []
    top = lab.supervisor("a", max_restarts=0)
    lab.system.on_down(top, ends.append)
    lab.crash("a")
    assert [(down.ref, down.reason) for down in ends] == [(top, SHUTDOWN)]
