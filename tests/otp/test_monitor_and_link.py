"""Monitors, links and exit signals: OTP rules 63-69."""

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
from tests.otp.laboratory import BoomError, Laboratory, ThreadWorker, Trapper, Worker

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
