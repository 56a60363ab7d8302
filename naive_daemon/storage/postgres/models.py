"""The tables, as SQLAlchemy sees them. A test holds them equal to what the migrations build.

Money is `numeric` without a scale: a Decimal comes back exactly as it went in. A moment that the daemon reckons with is
a bigint of UTC nanoseconds (`*_ns`); the timestamptz beside it, for people, is generated from it by the database and is
floored to whole microseconds, so the two can never disagree. Rows that only people read have a timestamptz alone.
"""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from naive_daemon.domain.limits import COUNT_MAX, QUOTE_MAX, KillCancel
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import BUDGET_MAX, CHUNKS_MAX, Dust, RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleOutcome


class StreamingStatus(enum.StrEnum):
    """Whether a symbol is streamed and recorded without being traded."""

    ON = "on"
    OFF = "off"


def _values(kind: type[enum.StrEnum]) -> list[str]:
    return [member.value for member in kind]


def one_of(column: str, values: list[str]) -> str:
    """Write the SQL condition that `column` holds one of `values`, which are our own constants."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def at_of(column: str) -> Computed:
    """Generate a timestamptz from a column of nanoseconds, floored to microseconds."""
    seconds = f"({column} / 1000)::double precision / (1000000)::double precision"
    return Computed(f"to_timestamp({seconds})", persisted=True)


LIVE = one_of("status", [status.value for status in OrderStatus if not status.is_terminal])
# NaN sorts above every number in PostgreSQL, so an upper bound refuses it together with Infinity.
FINITE = "'Infinity'::numeric"

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Stamp = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=text("now()"))]
Nanoseconds = Annotated[int, mapped_column(BigInteger)]
Name = Annotated[str, mapped_column(Text)]
KeyName = Annotated[str, mapped_column(Text, primary_key=True)]
Money = Annotated[Decimal, mapped_column(Numeric)]
Zero = Annotated[Decimal, mapped_column(Numeric, server_default=text("0"))]
Texts = Annotated[dict[str, str], mapped_column(JSONB, server_default=text("'{}'::jsonb"))]


class Base(DeclarativeBase):
    """Holds all tables; names of constraints follow one rule, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        }
    )


class SettingRow(Base):
    """What is wanted of one (account, symbol). The checks refuse what `SETTING_RULES` refuses."""

    __tablename__ = "settings"
    __table_args__ = (
        UniqueConstraint("account", "symbol"),
        CheckConstraint("account <> ''", "account"),
        CheckConstraint("symbol <> '' AND symbol = upper(symbol) AND symbol = btrim(symbol)", "symbol"),
        CheckConstraint(f"chunks BETWEEN 1 AND {CHUNKS_MAX}", "chunks"),
        CheckConstraint(f"budget > 0 AND budget <= {BUDGET_MAX:f}", "budget"),
        CheckConstraint("buy_down_interval >= 0 AND buy_down_interval <= 0.99", "buy_down_interval"),
        CheckConstraint("profit_interval >= 0 AND profit_interval <= 0.99", "profit_interval"),
        CheckConstraint("rebuy_interval >= 0 AND rebuy_interval <= 0.99", "rebuy_interval"),
        CheckConstraint("strategy <> ''", "strategy"),
        CheckConstraint(one_of("dust", _values(Dust)), "dust"),
        CheckConstraint(one_of("stop_orders", _values(RestingOrders)), "stop_orders"),
        CheckConstraint(one_of("shutdown_entries", _values(RestingOrders)), "shutdown_entries"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[Name] = mapped_column(server_default=text("'main'"))
    symbol: Mapped[Name]
    status: Mapped[TradingStatus] = mapped_column(
        Enum(TradingStatus, name="trading_status", values_callable=_values), server_default=text("'off'")
    )
    chunks: Mapped[int] = mapped_column(Integer, server_default=text("5"))
    budget: Mapped[Money] = mapped_column(server_default=text("1000"))
    buy_down_interval: Mapped[Money] = mapped_column(server_default=text("0.0001"))
    profit_interval: Mapped[Money] = mapped_column(server_default=text("0.001"))
    rebuy_interval: Mapped[Money] = mapped_column(server_default=text("0.001"))
    strategy: Mapped[Name] = mapped_column(server_default=text("'naive'"))
    dust: Mapped[Name] = mapped_column(server_default=text("'sweep'"))
    stop_orders: Mapped[Name] = mapped_column(server_default=text("'keep'"))
    shutdown_entries: Mapped[Name] = mapped_column(server_default=text("'keep'"))
    inserted_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class StreamingRow(Base):
    """Whether a symbol is streamed and recorded."""

    __tablename__ = "streaming_settings"
    __table_args__ = (
        UniqueConstraint("symbol"),
        CheckConstraint("symbol <> '' AND symbol = upper(symbol) AND symbol = btrim(symbol)", "symbol"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    symbol: Mapped[Name]
    status: Mapped[StreamingStatus] = mapped_column(
        Enum(StreamingStatus, name="streaming_status", values_callable=_values), server_default=text("'off'")
    )
    inserted_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class CycleRow(Base):
    """A trade cycle; what its result says is NULL until it has ended."""

    __tablename__ = "cycles"
    __table_args__ = (
        CheckConstraint(one_of("outcome", _values(CycleOutcome)), "outcome"),
        CheckConstraint("(outcome IS NULL) = (finished_ns IS NULL)", "ended"),
        Index("cycles_open", "account", "symbol", postgresql_where=text("finished_ns IS NULL")),
        Index(
            "cycles_finished",
            "account",
            "symbol",
            postgresql_include=["outcome", "realised_pnl"],
            postgresql_where=text("finished_ns IS NOT NULL"),
        ),
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
        CheckConstraint(one_of("side", _values(Side)), "side"),
        CheckConstraint(one_of("status", _values(OrderStatus)), "status"),
        CheckConstraint(f"price > 0 AND price < {FINITE}", "price"),
        CheckConstraint(f"quantity > 0 AND quantity < {FINITE}", "quantity"),
        CheckConstraint(f"filled >= 0 AND filled < {FINITE}", "filled"),
        Index("orders_leg", "account", "symbol", "trader", "cycle", "side", "attempt", unique=True),
        Index("orders_live", "account", "symbol", postgresql_where=text(LIVE)),
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
    """A fill: counted once, by the exchange's trade id."""

    __tablename__ = "fills"
    __table_args__ = (
        CheckConstraint(f"price > 0 AND price < {FINITE}", "price"),
        CheckConstraint(f"quantity > 0 AND quantity < {FINITE}", "quantity"),
        Index("fills_order", "client_order_id"),
    )

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    trade_id: Mapped[KeyName]
    client_order_id: Mapped[Name] = mapped_column(ForeignKey("orders.client_order_id"))
    exchange_order_id: Mapped[Name | None]
    side: Mapped[Name]
    price: Mapped[Money]
    quantity: Mapped[Money]
    commission: Mapped[Zero]
    commission_asset: Mapped[Name]
    is_maker: Mapped[bool]
    time_ns: Mapped[Nanoseconds]
    traded_at: Mapped[Moment | None] = mapped_column(at_of("time_ns"))


class ActualStateRow(Base):
    """What a symbol really does, as the daemon last said."""

    __tablename__ = "actual_states"

    account: Mapped[KeyName]
    symbol: Mapped[KeyName]
    state: Mapped[Name]
    traders: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    restarts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[Name | None]
    retry_at: Mapped[Moment | None]
    updated_at: Mapped[Stamp]
    held: Mapped[Name | None]


class DaemonRow(Base):
    """The daemon of an owner, as it last said of itself."""

    __tablename__ = "daemons"

    owner: Mapped[KeyName]
    host: Mapped[Name]
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[Moment]
    version: Mapped[Name]
    feed: Mapped[Name]
    exchange: Mapped[Name]
    state: Mapped[Name]
    heartbeat_at: Mapped[Stamp]


class IdentityRow(Base):
    """The one row that names this installation in client order ids, for ever."""

    __tablename__ = "identity"
    __table_args__ = (
        CheckConstraint("id = 1", "single"),
        CheckConstraint("owner ~ '^[a-z2-7]{6}$'", "owner"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default=text("1"))
    owner: Mapped[Name]
    starts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), doc="how often a daemon has started")
    cycle_floor: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), doc="no cycle below this number is begun any more"
    )
    inserted_at: Mapped[Stamp]


def _amount(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} > 0 AND {column} <= {QUOTE_MAX:f}", column)


class RiskLimitRow(Base):
    """What an account may risk; NULL is no limit. The checks refuse what `LIMIT_RULES` refuses."""

    __tablename__ = "risk_limits"
    __table_args__ = (
        CheckConstraint("account <> ''", "account"),
        CheckConstraint(f"max_open_orders BETWEEN 0 AND {COUNT_MAX}", "max_open_orders"),
        _amount("max_symbol_at_risk"),
        _amount("max_account_at_risk"),
        CheckConstraint(f"max_orders_per_min BETWEEN 1 AND {COUNT_MAX}", "max_orders_per_min"),
        _amount("max_daily_loss"),
    )

    account: Mapped[KeyName]
    max_open_orders: Mapped[int | None] = mapped_column(Integer)
    max_symbol_at_risk: Mapped[Money | None]
    max_account_at_risk: Mapped[Money | None]
    max_orders_per_min: Mapped[int | None] = mapped_column(Integer)
    max_daily_loss: Mapped[Money | None]
    inserted_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class KillSwitchRow(Base):
    """The one row that says whether entries are placed at all; every write raises its revision."""

    __tablename__ = "kill_switch"
    __table_args__ = (
        CheckConstraint("id = 1", "single"),
        CheckConstraint(one_of("cancel", _values(KillCancel)), "cancel"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default=text("1"))
    is_on: Mapped[bool] = mapped_column(server_default=text("false"))
    cancel: Mapped[Name] = mapped_column(server_default=text("'nothing'"))
    reason: Mapped[Name] = mapped_column(server_default=text("''"))
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    updated_at: Mapped[Stamp]


class KillSwitchSeenRow(Base):
    """Which revision of the kill switch an account's daemon obeys; no row while no daemon has said so."""

    __tablename__ = "kill_switch_seen"

    account: Mapped[KeyName]
    revision: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[Stamp]


class AccountVenueRow(Base):
    """Where an account is traded, for ever once it has traded."""

    __tablename__ = "account_venues"
    __table_args__ = (CheckConstraint("account <> '' AND venue <> ''", "names"),)

    account: Mapped[KeyName]
    venue: Mapped[Name]
    inserted_at: Mapped[Stamp]
