"""Rebuilds what a restored journal has lost of one symbol, from what the exchange remembers. Pure.

Our order ids say to which trader, cycle and leg an order belongs, so orders give back their cycles. A trader begins a
cycle once the former has ended: of each trader all cycles but the last are over, and the last goes on as if the daemon
had only been down. What the exchange can not know is taken as it is set now (settings, budget, fee) or inferred: dust
that a cycle was given is what it sells beyond what it bought; a rebuy was reported where a later trader is still there.

Invariant: doing it again with what came of it changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.events import OrderAccepted, OrderCancelled, OrderEvent, OrderExpired
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import ExchangeOrder, OrderReport
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry, OrderRecorded, SymbolJournal
from naive_daemon.execution.order_id import parse_client_order_id
from naive_daemon.strategy.protocol import Position
from naive_daemon.strategy.result import cycle_result

_ENDINGS: Mapping[OrderStatus, type[OrderCancelled | OrderExpired]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.EXPIRED: OrderExpired,
}


class Rebuilder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose journal of which symbol is rebuilt, and what cycles that were lost are taken to have been made with."""

    account: str
    owner: str
    instrument: Instrument
    fee: Decimal
    trade: TradeSettings

    def rebuild(self, journal: SymbolJournal, known: Mapping[str, Order], reports: Sequence[OrderReport]) -> "Rebuilt":
        """Give what is to be written. `known`: the orders of the journal that reports are of, by id.

        Reports of others' orders, and of what the exchange has refused, are passed over.
        """
        entries: list[JournalEntry] = []
        before = {opened.cycle.key: opened.cycle for opened in journal.open_cycles}
        positions = {one.cycle.key: Position(cycle=one.cycle, orders=one.orders) for one in journal.open_cycles}
        found, fills = 0, 0
        for report in reports:
            order = self._order(report, known)
            if order is None:
                continue
            if order.client_order_id not in known:
                entries.append(OrderRecorded(order))
                found += 1
            for event in _events(report, order):
                after = order.apply(event)
                if after is not order:
                    order = after
                    entries.append(OrderRecorded(order, event))
                    fills += bool(getattr(event, "trade_id", None))
            if order.key in positions or order.key.cycle > journal.last_cycles.get(order.key.trader, 0):
                position = positions.get(order.key) or self._lost(order)
                positions[order.key] = _with_order(position, order)
        cycles = self._cycles(positions.values(), before)
        return Rebuilt(
            entries=(*entries, *(CycleRecorded(cycle) for cycle in cycles)), orders=found, fills=fills, cycles=cycles
        )

    def _order(self, report: OrderReport, known: Mapping[str, Order]) -> Order | None:
        there = report.order
        if there is None or there.status is OrderStatus.REJECTED or there.price <= ZERO:
            return None
        order = known.get(there.client_order_id)
        if order is not None:
            return order
        derived = parse_client_order_id(there.client_order_id, self.owner, self.account, there.symbol)
        return None if derived is None else order_as_sent(*derived, there)

    def _lost(self, first: Order) -> Position:
        """Begin a cycle that the journal does not know; its budget is a share, in 28 digits, half-even."""
        return Position(
            cycle=Cycle(
                key=first.key,
                budget=self.trade.budget / self.trade.chunks,
                fee=self.fee,
                settings=self.trade,
                started_ns=first.created_ns,
            )
        )

    def _cycles(self, positions: Iterable[Position], before: Mapping[CycleKey, Cycle]) -> tuple[Cycle, ...]:
        """Give the cycles that are not as the journal has them, by trader and number."""
        in_order = sorted(positions, key=lambda position: position.cycle.key)
        last = {position.cycle.key.trader: position.cycle for position in in_order}
        rebuilt: list[Cycle] = []
        for position in in_order:
            cycle = position.cycle
            if cycle.key not in before:
                reported = any(other.started_ns > cycle.started_ns for other in last.values() if other is not cycle)
                cycle = msgspec.structs.replace(cycle, dust_in=self._dust_in(position), rebuy_reported=reported)
            if last[cycle.key.trader].key != cycle.key:
                cycle = self._ended(msgspec.structs.replace(position, cycle=cycle))
            if cycle != before.get(cycle.key):
                rebuilt.append(cycle)
        return tuple(rebuilt)

    def _dust_in(self, position: Position) -> Decimal:
        """Give what a cycle sold, or still sells, beyond what it had bought."""
        asset = self.instrument.base_asset
        bought = total(order.filled for order in position.orders_of(Side.BUY))
        sells = position.orders_of(Side.SELL)
        offered = total(order.filled if order.status.is_terminal else order.quantity for order in sells)
        paid = total(order.commission(asset) for order in position.orders)
        return max(ZERO, EXACT.subtract(EXACT.add(offered, paid), bought)) if sells else ZERO

    def _ended(self, position: Position) -> Cycle:
        """End a cycle when its last order was: the trader has begun another one since."""
        ended_ns = max((order.updated_ns for order in position.orders), default=position.cycle.started_ns)
        has_bought = any(order.filled for order in position.orders_of(Side.BUY))
        outcome = CycleOutcome.COMPLETED if has_bought else CycleOutcome.ABANDONED
        result = cycle_result(position, self.instrument, ended_ns, outcome)
        return msgspec.structs.replace(position.cycle, result=result)


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written: `orders` and `fills` that the journal did not have, and cycles as they are now."""

    entries: tuple[JournalEntry, ...]
    orders: int
    fills: int
    cycles: tuple[Cycle, ...]


def order_as_sent(key: CycleKey, leg: Leg, there: ExchangeOrder) -> Order:
    """Give an order of ours as it was when it was sent; what became of it is applied afterwards."""
    return Order(
        client_order_id=there.client_order_id,
        key=key,
        leg=leg,
        price=there.price,
        quantity=there.quantity,
        created_ns=there.time_ns,
        updated_ns=there.time_ns,
    )


def _events(report: OrderReport, order: Order) -> Iterable[OrderEvent]:
    """Give what the exchange has done with an order: taken it, filled it, and ended it if it has."""
    there = report.order
    if there is None:
        return
    if order.exchange_order_id is None or not (order.status.is_resting or order.status.is_terminal):
        yield OrderAccepted(
            account=order.key.account,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            exchange_order_id=there.exchange_order_id,
            time_ns=there.time_ns,
        )
    yield from report.fills
    ending = _ENDINGS.get(there.status)
    if ending is not None:
        reason = there.reason or f"{there.status.value} while nobody listened"
        yield ending(
            account=order.key.account,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            time_ns=there.time_ns,
            reason=reason,
        )


def _with_order(position: Position, order: Order) -> Position:
    others = tuple(other for other in position.orders if other.client_order_id != order.client_order_id)
    return msgspec.structs.replace(position, orders=(*others, order))
