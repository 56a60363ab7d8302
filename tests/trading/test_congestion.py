"""Who carries orders is behind: no new entries until it has read what waits; exits go on, and nothing is dropped."""

from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.account.account import AccountQuery, OrderNotice
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_messages import PassOn, PlaceIntent, RecordEvent
from naive_daemon.execution.messages import LeaveSymbol
from naive_daemon.otp import Ref
from naive_daemon.otp.mailbox_policy import LIMIT
from tests.trading.plant import Plant
from tests.trading.table import ACCOUNT

CARRIERS = {
    names.JOURNAL: PassOn("nobody", "word"),
    names.execution_manager(ACCOUNT): LeaveSymbol("ZZZQ"),
    names.account(ACCOUNT): AccountQuery(),
}


def hold(plant: Plant, name: Any) -> Ref:
    """Let an actor read nothing, while more comes than may wait."""
    ref = plant.ref(name)
    plant.system.suspend(ref, 60.0)
    plant.settle()
    for _ in range(LIMIT + 1):
        ref.tell(CARRIERS[name])
    assert ref.is_congested
    return ref


def waiting(ref: Ref) -> list[Any]:
    """Copy what waits in a mailbox."""
    messages = ref.actor_inbox.messages
    return [messages[number] for number in range(len(messages))]


@pytest.mark.parametrize("name", CARRIERS, ids=str)
def test_no_entry_is_placed_until_it_has_caught_up(name: Any, logs: list[Any]) -> None:
    plant = Plant().start().on()
    ref = hold(plant, name)
    plant.trades("100", "99")
    assert not any(isinstance(message, PlaceIntent) for message in waiting(plant.ref(names.JOURNAL)))
    refused = [entry["reason"] for entry in logs if entry["event"] == "no order"]
    assert refused == [f"{ref.label}: too many messages wait, no new entries until they are read"]
    plant.system.resume(ref)
    plant.settle()
    assert not ref.is_congested
    plant.trade("100")
    assert plant.shown() == ["b1 99.90 open"]
    plant.trades("99.8", "100.3")
    assert plant.completed() == 1
    plant.check()


def test_a_held_back_entry_waits_for_everyone_who_is_behind() -> None:
    plant = Plant().start().on()
    held = [hold(plant, name) for name in CARRIERS]
    plant.trade("100")
    for ref in held[1:]:
        plant.system.resume(ref)
        plant.settle()
        plant.trade("100")
        assert plant.orders() == []
    plant.system.resume(held[0])
    plant.settle()
    plant.trade("100")
    assert plant.shown() == ["b1 99.90 open"]
    plant.check()


def test_exits_go_on() -> None:
    plant = Plant().start().on()
    plant.trade("100")
    (trader,) = plant.traders()
    journal = hold(plant, names.JOURNAL)
    plant.trade("99.8")
    (filled,) = (message for message in waiting(journal) if isinstance(message, RecordEvent))
    assert filled.order.status is OrderStatus.FILLED
    # Its notice comes through the journal; handed over by hand, it comes while the journal is behind.
    trader.ref.tell(OrderNotice(filled.order.key, filled.event))
    plant.settle()
    (exit_,) = (message for message in waiting(journal) if isinstance(message, PlaceIntent))
    assert exit_.order.side is Side.SELL
    plant.system.resume(journal)
    plant.settle()
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open"]
    plant.check()


def test_nothing_is_dropped_and_all_keeps_its_order() -> None:
    plant = Plant().start().on()
    plant.trade("100")
    journal = hold(plant, names.JOURNAL)
    handled = journal._actor.handled
    plant.trades("99.8", "100.3", "100.5")
    count = len(waiting(journal))
    assert count > LIMIT + 1
    plant.system.resume(journal)
    plant.settle()
    assert journal._actor.handled >= handled + count
    plant.trades("100.3")
    assert plant.completed() == 1
    plant.check()


def test_a_journal_that_dies_while_it_is_behind_holds_nobody_back() -> None:
    plant = Plant().start().on()
    hold(plant, names.JOURNAL)
    plant.trade("100")
    plant.kill(names.JOURNAL)
    plant.settle()
    plant.trades("100", "99.8", "100.3")
    assert plant.completed() == 1
    plant.check()
