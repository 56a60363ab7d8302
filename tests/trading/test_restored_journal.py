"""A journal of any earlier moment, rebuilt from what the exchange remembers, says what the lost one said."""

import copy
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.settings import SymbolSettings, TradingStatus
from naive_daemon.execution.client import ExchangeOrder, OrderReport
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.restoration import LostJournal
from tests.trading.plant import FEE, TRADE, Plant, instrument, walk
from tests.trading.test_crashes import assert_goes_on


class Remembered:
    """What the exchange remembers: every order of the true journal that ever came there."""

    def __init__(self, truth: MemoryJournal) -> None:
        self._orders = sorted(
            (order for order in truth.orders() if order.exchange_order_id is not None),
            key=lambda order: int(order.exchange_order_id or 0),
        )
        self._fills: dict[str, list[Any]] = {}
        for _, fill in truth._fills.values():
            self._fills.setdefault(fill.client_order_id, []).append(fill)
        self.asked_from: list[int | None] = []

    def resting(self) -> tuple[ExchangeOrder, ...]:
        return tuple(_there(order) for order in self._orders if order.status.is_resting)

    def reports(
        self, symbol: str, first_order_id: int | None, is_wanted: Callable[[ExchangeOrder], bool]
    ) -> tuple[OrderReport, ...]:
        self.asked_from.append(first_order_id)
        return tuple(
            OrderReport(
                symbol=symbol,
                client_order_id=order.client_order_id,
                order=_there(order),
                fills=tuple(self._fills.get(order.client_order_id, ())),
            )
            for order in self._orders
            if order.symbol == symbol and int(order.exchange_order_id or 0) >= (first_order_id or 0)
            if is_wanted(_there(order))
        )


def _there(order: Order) -> ExchangeOrder:
    return ExchangeOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id or "",
        side=order.side,
        price=order.price,
        quantity=order.quantity,
        filled=order.filled,
        status=order.status,
        time_ns=order.updated_ns,
    )


def lost_journal(plant: Plant, journal: MemoryJournal) -> LostJournal:
    newest: dict[str, int | None] = {}
    for order in journal.orders():
        number = None if order.exchange_order_id is None else int(order.exchange_order_id)
        known = newest.get(order.symbol)
        newest[order.symbol] = known if number is None else max(number, known or 0)
    return LostJournal(
        account="main",
        owner="test",
        instruments={symbol: instrument(symbol) for symbol in plant.symbols},
        fee=FEE,
        newest=newest,
        settings=[
            SymbolSettings(account="main", symbol=symbol, status=TradingStatus.ON, trade=TRADE)
            for symbol in plant.symbols
        ],
    )


def facts(journal: MemoryJournal) -> dict[str, object]:
    """Give of each order that came to the exchange what must be the same."""
    return {
        order.client_order_id: (
            order.price, order.quantity, order.status, order.filled, order.filled_quote, order.commissions,
            order.trade_ids,
        )
        for order in journal.orders()
        if order.exchange_order_id is not None
    }  # fmt: skip


def ended(journal: MemoryJournal) -> dict[CycleKey, object]:
    """Give what cycles brought that another one has followed, and that had orders on the exchange."""
    placed = {order.key for order in journal.orders() if order.exchange_order_id is not None}
    last = {(key.symbol, key.trader): key for key in sorted(placed)}
    return {
        cycle.key: _brought(cycle)
        for cycle in journal.cycles()
        if cycle.key in placed and cycle.key not in last.values()
    }


def _brought(cycle: Cycle) -> object:
    result = cycle.result
    assert result is not None, cycle
    dust = Decimal(result.dust_base) - cycle.dust_in  # how much it was given is not known, how much it left of it is
    return result.outcome, result.bought, result.sold, result.realised_pnl, result.fees, dust.normalize()


class Recording(MemoryJournal):
    """Counts what is written."""

    def write(self, entries: Any) -> None:
        self.written: list[Any] = [*getattr(self, "written", ()), *entries]
        super().write(entries)


@pytest.mark.parametrize("seed", range(12))
def test_it_says_what_the_lost_one_said_and_the_daemon_goes_on(seed: int) -> None:
    draw = random.Random(seed)
    plant = Plant("AAAQ", "BBBQ", order=random.Random(seed), is_checked=False).start().on()
    prices = walk(seed, 200)
    split = draw.randrange(len(prices))
    plant.play(prices[:split])
    restored = copy.deepcopy(plant.journal)
    plant.play(prices[split:])
    plant.die()
    truth = plant.journal
    assert len(facts(truth)) > 8

    remembered = Remembered(truth)
    lost_journal(plant, restored).rebuild(restored, remembered)
    assert facts(restored) == facts(truth)
    assert ended(restored) == ended(truth)

    again = Recording()
    again.__dict__.update(copy.deepcopy(restored).__dict__)
    lost_journal(plant, again).rebuild(again, Remembered(truth))
    assert getattr(again, "written", []) == []  # doing it again changes nothing

    plant.journal = restored
    plant.start()
    plant.settle()
    plant.check()
    assert_goes_on(plant)


def test_only_what_is_newer_than_the_journal_is_asked_for() -> None:
    plant = Plant("AAAQ").start().on()
    plant.play(walk(3, 100))
    plant.die()
    remembered = Remembered(plant.journal)
    lost_journal(plant, plant.journal).rebuild(plant.journal, remembered)
    live = [int(order.exchange_order_id or 0) for order in plant.orders(OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)]
    newest = max(int(order.exchange_order_id or 0) for order in plant.journal.orders())
    assert remembered.asked_from == [min(live, default=newest + 1)]


def test_orders_of_others_and_of_unlisted_symbols_are_left_alone() -> None:
    plant = Plant("AAAQ").start().on()
    plant.play(walk(5, 60))
    plant.die()
    strange = MemoryJournal()
    lost = lost_journal(plant, strange)
    msgspec.structs.replace(lost, owner="zzzzzz").rebuild(strange, Remembered(plant.journal))
    assert strange.orders() == ()
    msgspec.structs.replace(lost, instruments={}).rebuild(strange, Remembered(plant.journal))
    assert strange.orders() == ()
