"""The journal's tables: cycles, orders and fills, and the running totals of them.

Triggers keep the totals with every row that comes or changes; a row that is purged takes nothing from them.
"""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleOutcome
from naive_daemon.storage.postgres.table import (
    FINITE,
    Base,
    KeyName,
    Moment,
    Money,
    Name,
    Nanoseconds,
    Texts,
    Zero,
    at_of,
    one_of,
    values_of,
)

LIVE = one_of("status", [status.value for status in OrderStatus if not status.is_terminal])


class CycleRow(Base):
    """A trade cycle; what its result says is NULL until it has ended."""

    __tablename__ = "cycles"
    __table_args__ = (
        CheckConstraint(one_of("outcome", values_of(CycleOutcome)), "outcome"),
        CheckConstraint("(outcome IS NULL) = (finished_ns IS NULL)", "ended"),
        Index("cycles_open", "account", "symbol", postgresql_where=text("finished_ns IS NULL")),
        Index(
            "cycles_ended",
            "account",
            "finished_ns",
            postgresql_include=["symbol", "realised_pnl"],
            postgresql_where=text("finished_ns IS NOT NULL"),
        ),
    )

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    trader: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    cycle: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    budget: Mapped[Money]
    fee: Mapped[Money]
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    rebuy_reported: Mapped[bool] = mapped_column(server_default=text("false"))
    dust_in: Mapped[Zero]
    outcome: Mapped[Name | None]
    bought: Mapped[Money | None]
    sold: Mapped[Money | None]
    buy_price: Mapped[Money | None]
    sell_price: Mapped[Money | None]
    fees: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    realised_pnl: Mapped[Money | None]
    dust_base: Mapped[Money | None]
    started_ns: Mapped[Nanoseconds]
    finished_ns: Mapped[Nanoseconds | None]
    started_at: Mapped[Moment | None] = mapped_column(at_of("started_ns"))
    finished_at: Mapped[Moment | None] = mapped_column(at_of("finished_ns"))


class OrderRow(Base):
    """An order as it was last seen. One leg of one cycle has one order for ever: the unique index is the last guard."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(one_of("side", values_of(Side)), "side"),
        CheckConstraint(one_of("status", values_of(OrderStatus)), "status"),
        CheckConstraint(f"price > 0 AND price < {FINITE}", "price"),
        CheckConstraint(f"quantity > 0 AND quantity < {FINITE}", "quantity"),
        CheckConstraint(f"filled >= 0 AND filled < {FINITE}", "filled"),
        Index("orders_leg", "account", "symbol", "trader", "cycle", "side", "attempt", unique=True),
        Index("orders_live", "account", "symbol", postgresql_where=text(LIVE)),
        Index("orders_created", "account", "created_ns"),
    )

    client_order_id: Mapped[KeyName]
    account: Mapped[Name]
    symbol: Mapped[Name]
    trader: Mapped[int] = mapped_column(Integer)
    cycle: Mapped[int] = mapped_column(BigInteger)
    side: Mapped[Name]
    attempt: Mapped[int] = mapped_column(Integer)
    leg: Mapped[Name | None] = mapped_column(
        Computed('lower("left"(side, 1)) || attempt::text', persisted=True), doc="b1 is the first buy"
    )
    type: Mapped[Name] = mapped_column(server_default=text("'LIMIT'"))
    price: Mapped[Money]
    quantity: Mapped[Money]
    status: Mapped[Name]
    filled: Mapped[Zero]
    filled_quote: Mapped[Zero]
    average_price: Mapped[Money | None] = mapped_column(
        Computed("filled_quote / NULLIF(filled, 0::numeric)", persisted=True)
    )
    commissions: Mapped[Texts]
    exchange_order_id: Mapped[Name | None]
    reason: Mapped[Name | None]
    created_ns: Mapped[Nanoseconds]
    updated_ns: Mapped[Nanoseconds]
    created_at: Mapped[Moment | None] = mapped_column(at_of("created_ns"))
    updated_at: Mapped[Moment | None] = mapped_column(at_of("GREATEST(created_ns, updated_ns)"))


class FillRow(Base):
    """A fill: counted once, by its order and the exchange's trade id, which two orders may have."""

    __tablename__ = "fills"
    __table_args__ = (
        CheckConstraint(f"price > 0 AND price < {FINITE}", "price"),
        CheckConstraint(f"quantity > 0 AND quantity < {FINITE}", "quantity"),
        Index("fills_order", "client_order_id"),
    )

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    trade_id: Mapped[KeyName]
    client_order_id: Mapped[KeyName] = mapped_column(ForeignKey("orders.client_order_id"))
    exchange_order_id: Mapped[Name | None]
    side: Mapped[Name]
    price: Mapped[Money]
    quantity: Mapped[Money]
    commission: Mapped[Zero]
    commission_asset: Mapped[Name]
    is_maker: Mapped[bool]
    time_ns: Mapped[Nanoseconds]
    traded_at: Mapped[Moment | None] = mapped_column(at_of("time_ns"))


class CycleTotalRow(Base):
    """What the cycles of a symbol have brought so far, in its quote asset; dust in its base asset."""

    __tablename__ = "cycle_totals"

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    completed: Mapped[int] = mapped_column(BigInteger)
    realised_pnl: Mapped[Money]
    dust_base: Mapped[Money]


class TraderNumberRow(Base):
    """The highest number that any cycle or order of a trader ever had."""

    __tablename__ = "trader_numbers"

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    trader: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_cycle: Mapped[int] = mapped_column(BigInteger)


class OrderTotalRow(Base):
    """How many orders an account ever had, and of which age those are that were purged."""

    __tablename__ = "order_totals"

    account: Mapped[KeyName]
    orders: Mapped[int] = mapped_column(BigInteger)
    purged_before_ns: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class FillTotalRow(Base):
    """Everything ever filled on one side of one symbol."""

    __tablename__ = "fill_totals"

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    side: Mapped[KeyName]
    fills: Mapped[int] = mapped_column(BigInteger)
    filled: Mapped[Money]
    filled_quote: Mapped[Money]


class CommissionTotalRow(Base):
    """What an account ever paid in one asset."""

    __tablename__ = "commission_totals"

    account: Mapped[KeyName]
    asset: Mapped[KeyName]
    commission: Mapped[Money]
