"""A system in figures: states, mailboxes, and sums that never fall, whoever comes and goes."""

from typing import Any, ClassVar

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorSystem,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    Restart,
    StartChild,
    Supervisor,
    send_exit,
)
from naive_daemon.otp import census as census_module
from naive_daemon.otp.census import Census, CensusTaker, kind_of
from naive_daemon.otp.inspection import NodeState
from naive_daemon.otp.mailbox_policy import KeepNewest, MailboxPolicy, SlowDown
from tests.otp.holding import held
from tests.otp.laboratory import Laboratory, ThreadWorker


class Reader(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class Small(Reader):
    mailbox: ClassVar[MailboxPolicy] = SlowDown(limit=2)


class Newest(Reader):
    mailbox: ClassVar[MailboxPolicy] = KeepNewest(type, limit=2)


def states(census: Census) -> dict[NodeState, int]:
    return {state: count for state, count in census.actors.items() if count}


def test_actors_are_counted_by_what_they_do(in_order: Laboratory) -> None:
    system = in_order.system
    in_order.supervisor(in_order.spec("a"), in_order.spec("b"), in_order.spec("gone", restart=Restart.TRANSIENT))
    in_order.tell(in_order.find("gone"), lambda actor: actor.exit())
    system.suspend(in_order.find("b"), 60.0)
    in_order.settle()
    census = CensusTaker(system).take()
    assert census.is_whole
    assert states(census) == {NodeState.RUNNING: 2, NodeState.SUSPENDED: 1, NodeState.STOPPED: 1}


def test_an_actor_that_is_busy_is_counted_without_being_asked(live: Laboratory) -> None:
    live.worker("busy", ThreadWorker)
    with held(live, "busy"):
        assert sum(CensusTaker(live.system).take().actors.values()) >= 1


def test_the_longest_mailbox_and_those_over_their_limit(in_order: Laboratory) -> None:
    system, taker = in_order.system, CensusTaker(in_order.system)
    small, other = system.start(Small()), system.start(Reader())
    for ref, count in ((small, 3), (other, 5)):
        system.suspend(ref, 60.0)
        in_order.settle()
        for number in range(count):
            ref.tell(number)
    census = taker.take()
    assert (census.longest_mailbox, census.congested) == (5, 1)
    for ref in (small, other):
        system.resume(ref)
    in_order.settle()
    census = taker.take()
    assert (census.longest_mailbox, census.congested) == (0, 0)


def test_what_was_handled_is_added_up_over_the_ends_of_actors(in_order: Laboratory) -> None:
    system, taker = in_order.system, CensusTaker(in_order.system)
    first = system.start(Reader())
    for number in range(5):
        first.tell(number)
    in_order.settle()
    assert taker.take().handled == 5
    for number in range(3):
        first.tell(number)
    in_order.settle()
    send_exit(first, KILL)
    in_order.settle()
    assert taker.take().handled == 8  # what it did before its end counts, too
    second = system.start(Reader())
    second.tell("word")
    in_order.settle()
    assert [taker.take().handled for _ in range(2)] == [9, 9]


def test_what_was_dropped_stays_counted(in_order: Laboratory) -> None:
    system, taker = in_order.system, CensusTaker(in_order.system)
    newest = system.start(Newest())
    system.suspend(newest, 60.0)
    in_order.settle()
    for number in range(3):
        newest.tell(number)
    assert [taker.take().dropped for _ in range(2)] == [2, 2]
    send_exit(newest, KILL)
    in_order.settle()
    assert taker.take().dropped == 2


def test_restarts_are_counted_by_the_kind_of_their_supervisor(in_order: Laboratory) -> None:
    system, taker = in_order.system, CensusTaker(in_order.system)

    def family(symbol: str) -> ChildSpec:
        worker = ChildSpec(id="w", start=Reader, name=("worker", symbol))
        return ChildSpec(
            id=symbol,
            start=lambda: Supervisor([worker], max_restarts=5),
            type=ChildType.SUPERVISOR,
            restart=Restart.TEMPORARY,
            name=("symbol", symbol),
        )

    top = system.start(DynamicSupervisor(), "top")
    for symbol in "AB":
        system.ask(top, StartChild(family(symbol)))
    assert taker.take().restarts == {}
    for symbol in "AAB":
        send_exit(in_order.find(("worker", symbol)), KILL)
        in_order.settle()
    assert taker.take().restarts == {"symbol": 3}
    send_exit(in_order.find(("symbol", "A")), KILL)
    in_order.settle()
    assert taker.take().restarts == {"symbol": 3}


def test_the_kinds_are_few_however_many_names(in_order: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census_module, "KINDS_MAX", 2)
    taker = CensusTaker(in_order.system)
    for number in range(5):
        worker = ChildSpec(id="w", start=Reader, name=("worker", number))
        in_order.system.start(Supervisor([worker]), f"supervisor {number}")
    for _ in range(2):
        for number in range(5):
            send_exit(in_order.find(("worker", number)), KILL)
        in_order.settle()
        restarts = taker.take().restarts
        in_order.advance(60.0)
    assert restarts == {"supervisor 0": 2, "supervisor 1": 2, "other": 6}


def test_no_more_places_are_counted_than_may_be_and_the_sums_do_not_fall(in_order: Laboratory) -> None:
    system = in_order.system
    top = system.start(DynamicSupervisor(), "top")
    for number in range(20):
        system.ask(top, StartChild(ChildSpec(id=number, start=Reader)))
    taker = CensusTaker(system, places_max=11)
    census = taker.take()
    assert not census.is_whole
    assert sum(census.actors.values()) == 11
    assert taker.take().handled >= census.handled
    whole = CensusTaker(system, places_max=21).take()
    assert whole.is_whole
    assert sum(whole.actors.values()) == 21


@pytest.mark.parametrize(
    ("name", "kind"),
    [(None, "Reader"), ("root", "root"), (("feed", "X"), "feed"), ((1, "x"), "Reader"), ((), "Reader")],
)
def test_a_kind_is_what_stands_first_in_a_name(name: Any, kind: str) -> None:
    system = ActorSystem.simulated(VirtualClock())
    assert kind_of(system.start(Reader(), name)) == kind
