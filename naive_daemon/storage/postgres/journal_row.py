"""The journal's rows as they travel: one JSON array for each table, both ways.

JSON carries decimals as text or as numbers without an exponent and integers in full, and both ends read them exactly.
"""

from decimal import Decimal

import msgspec

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import Cycle, CycleOutcome, CycleResult
from naive_daemon.storage.postgres.text import storable_or_none


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `orders`; `trade_ids` come from its fills and are not written."""

    client_order_id: str
    account: str
    symbol: str
    trader: int
    cycle: int
    side: Side
    attempt: int
    price: Decimal
    quantity: Decimal
    status: OrderStatus
    filled: Decimal
    filled_quote: Decimal
    commissions: dict[str, Decimal]
    exchange_order_id: str | None
    reason: str | None
    created_ns: int
    updated_ns: int
    trade_ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, order: Order) -> "OrderRecord":
        """Give the row of an order."""
        key = order.key
        return cls(
            client_order_id=order.client_order_id,
            account=key.account,
            symbol=key.symbol,
            trader=key.trader,
            cycle=key.cycle,
            side=order.leg.side,
            attempt=order.leg.attempt,
            price=order.price,
            quantity=order.quantity,
            status=order.status,
            filled=order.filled,
            filled_quote=order.filled_quote,
            commissions=order.commissions,
            exchange_order_id=order.exchange_order_id,
            reason=storable_or_none(order.reason),
            created_ns=order.created_ns,
            updated_ns=order.updated_ns,
        )

    def order(self) -> Order:
        """Give the order of this row."""
        return Order(
            client_order_id=self.client_order_id,
            key=CycleKey(self.account, self.symbol, self.trader, self.cycle),
            leg=Leg(self.side, self.attempt),
            price=self.price,
            quantity=self.quantity,
            created_ns=self.created_ns,
            updated_ns=self.updated_ns,
            status=self.status,
            exchange_order_id=self.exchange_order_id,
            filled=self.filled,
            filled_quote=self.filled_quote,
            commissions=self.commissions,
            trade_ids=self.trade_ids,
            reason=self.reason,
        )


class FillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `fills`."""

    account: str
    symbol: str
    trade_id: str
    client_order_id: str
    exchange_order_id: str | None
    side: Side
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time_ns: int

    @classmethod
    def of(cls, order: Order, fill: OrderFilled) -> "FillRecord":
        """Give the row of a fill of `order`."""
        return cls(
            account=fill.account,
            symbol=fill.symbol,
            trade_id=fill.trade_id,
            client_order_id=order.client_order_id,
            exchange_order_id=fill.exchange_order_id or order.exchange_order_id,
            side=order.side,
            price=fill.price,
            quantity=fill.quantity,
            commission=fill.commission,
            commission_asset=fill.commission_asset,
            is_maker=fill.is_maker,
            time_ns=fill.time_ns,
        )


class CycleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `cycles`; nothing of a result is set before the cycle has ended."""

    account: str
    symbol: str
    trader: int
    cycle: int
    budget: Decimal
    fee: Decimal
    settings: TradeSettings
    started_ns: int
    rebuy_reported: bool
    dust_in: Decimal = ZERO
    outcome: CycleOutcome | None = None
    finished_ns: int | None = None
    bought: Decimal | None = None
    sold: Decimal | None = None
    buy_price: Decimal | None = None
    sell_price: Decimal | None = None
    fees: dict[str, Decimal] | None = None
    realised_pnl: Decimal | None = None
    dust_base: Decimal | None = None

    @classmethod
    def of(cls, cycle: Cycle) -> "CycleRecord":
        """Give the row of a cycle."""
        key, result = cycle.key, cycle.result
        row = cls(
            account=key.account,
            symbol=key.symbol,
            trader=key.trader,
            cycle=key.cycle,
            budget=cycle.budget,
            fee=cycle.fee,
            settings=cycle.settings,
            started_ns=cycle.started_ns,
            rebuy_reported=cycle.rebuy_reported,
            dust_in=cycle.dust_in,
        )
        if result is None:
            return row
        return msgspec.structs.replace(
            row,
            outcome=result.outcome,
            finished_ns=result.finished_ns,
            bought=result.bought,
            sold=result.sold,
            buy_price=result.buy_price,
            sell_price=result.sell_price,
            fees=dict(result.fees),
            realised_pnl=result.realised_pnl,
            dust_base=result.dust_base,
        )

    def as_cycle(self) -> Cycle:
        """Give the cycle of this row, with its result once it has ended."""
        return Cycle(
            key=CycleKey(self.account, self.symbol, self.trader, self.cycle),
            budget=self.budget,
            fee=self.fee,
            settings=self.settings,
            started_ns=self.started_ns,
            rebuy_reported=self.rebuy_reported,
            dust_in=self.dust_in,
            result=self._result(),
        )

    def _result(self) -> CycleResult | None:
        if self.outcome is None or self.finished_ns is None:
            return None
        return CycleResult(
            outcome=self.outcome,
            finished_ns=self.finished_ns,
            bought=self.bought or ZERO,
            sold=self.sold or ZERO,
            buy_price=self.buy_price,
            sell_price=self.sell_price,
            fees=self.fees or {},
            realised_pnl=self.realised_pnl or ZERO,
            dust_base=self.dust_base or ZERO,
        )


class TotalRecord(msgspec.Struct, frozen=True):
    """Sums of an account's fills on one side of one symbol."""

    symbol: str
    side: Side
    filled: Decimal
    filled_quote: Decimal
