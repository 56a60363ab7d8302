"""The positions of open cycles, one for each, and their sum for each symbol.

A cycle sells what it has bought, and may sell along what former cycles could not (`Cycle.dust_in`): what it sells
beyond its own is no short position. What a cycle leaves when it has ended is dust, and in no position any more.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon.account.positions import HeldPosition
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.position import Position, PositionFill, PositionSide
from naive_daemon.domain.side import Side


class _Sum(msgspec.Struct, frozen=True):
    quantity: Decimal = ZERO
    value: Decimal = ZERO
    time_ns: int = 0


class CyclePositions:
    """See the module. Knows only symbols that have an instrument: without it nobody can say what a commission took."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._positions: dict[CycleKey, Position] = {}
        self._sums: defaultdict[str, _Sum] = defaultdict(_Sum)
        self._ended: dict[tuple[str, int], int] = {}

    def open(self, orders: Iterable[Order]) -> None:
        """Know the positions of open cycles by all of their orders."""
        by_cycle: defaultdict[CycleKey, list[Order]] = defaultdict(list)
        for order in orders:
            if order.filled and order.symbol in self._instruments:
                by_cycle[order.key].append(order)
        for key, filled in by_cycle.items():
            self._put(key, position_of(key, self._instruments[key.symbol].base_asset, filled))

    def take(self, key: CycleKey, fill: PositionFill) -> Position | None:
        """Count a fill of a cycle; gives the position when that has changed it."""
        if key.symbol not in self._instruments or key.cycle <= self._ended.get((key.symbol, key.trader), 0):
            return None
        known = self._positions.get(key) or _nothing(key, self._instruments[key.symbol].base_asset)
        position = known.apply(fill)
        if position is known:
            return None
        self._put(key, position)
        return position

    def end(self, cycle: Cycle) -> Position | None:
        """Forget a cycle that has ended; gives its position, now without its dust, when it had some."""
        key = cycle.key
        place = key.symbol, key.trader
        self._ended[place] = max(key.cycle, self._ended.get(place, 0))
        position = self._positions.get(key)
        if position is None:
            return None
        ended = msgspec.structs.replace(position, quantity=ZERO, entry_price=ZERO)
        self._put(key, ended)
        del self._positions[key]
        return ended if position.is_open else None

    def all(self) -> tuple[Position, ...]:
        """Give the positions of all open cycles that have filled anything."""
        return tuple(self._positions.values())

    def symbols(self) -> tuple[str, ...]:
        """Name the symbols of which there ever was a position."""
        return tuple(self._sums)

    def held(self, symbol: str) -> HeldPosition:
        """Give what all cycles of a symbol hold; its entry price is the average, in 28 digits, half-even."""
        total = self._sums[symbol]
        return HeldPosition(
            symbol=symbol,
            side=PositionSide.LONG,
            quantity=total.quantity,
            entry_price=total.value / total.quantity if total.quantity else ZERO,
            base_asset=self._instruments[symbol].base_asset,
            quote_asset=self._instruments[symbol].quote_asset,
            time_ns=total.time_ns,
        )

    def _put(self, key: CycleKey, position: Position) -> None:
        before, total = _share(self._positions.get(key)), self._sums[key.symbol]
        after = _share(position)
        self._positions[key] = position
        self._sums[key.symbol] = _Sum(
            EXACT.add(EXACT.subtract(total.quantity, before.quantity), after.quantity),
            EXACT.add(EXACT.subtract(total.value, before.value), after.value),
            max(total.time_ns, after.time_ns),  # a fill that was missed comes later than newer ones
        )


def position_of(key: CycleKey, base_asset: str, orders: Iterable[Order]) -> Position:
    """Give a cycle's position by its orders, as its fills would have made it: each order at its average price.

    An order knows no times of its fills: it is opened when the first order with one was placed.
    """
    position = _nothing(key, base_asset)
    for order in sorted(orders, key=lambda order: (order.side is Side.SELL, order.created_ns)):
        average = order.average_price
        if average is None:
            continue
        whole = OrderFilled(
            account=key.account,
            symbol=key.symbol,
            client_order_id=order.client_order_id,
            exchange_order_id=order.exchange_order_id,
            trade_id=order.client_order_id,
            price=average,
            quantity=order.filled,
            commission=order.commission(base_asset),
            commission_asset=base_asset,
            time_ns=order.updated_ns,
        )
        counted = position.apply(PositionFill(order.side, whole))
        position = msgspec.structs.replace(
            counted,
            opened_ns=position.opened_ns or order.created_ns,
            updated_ns=max(position.updated_ns, order.updated_ns),
            fill_ids=position.fill_ids | {(order.client_order_id, trade_id) for trade_id in order.trade_ids},
        )
    return position


def _nothing(key: CycleKey, base_asset: str) -> Position:
    return Position(position_id=str(key), account=key.account, symbol=key.symbol, base_asset=base_asset)


def _share(position: Position | None) -> _Sum:
    """Give a cycle's part in its symbol's position: what is held, and what that has cost."""
    if position is None:
        return _Sum()
    quantity = max(position.quantity, ZERO)
    return _Sum(quantity, EXACT.multiply(quantity, position.entry_price), position.updated_ns)
