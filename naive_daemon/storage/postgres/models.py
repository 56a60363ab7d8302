"""The tables, as SQLAlchemy sees them. A test holds them equal to what the migrations build.

Those of the journal stand in `journal_models`; whoever takes any table from here has all of them in `Base`.
"""

import enum

from sqlalchemy import BigInteger, CheckConstraint, Enum, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from naive_daemon.domain.account import ACCOUNT_NAME, ACCOUNT_STATES, REFERENCE, REFERENCE_LENGTH_MAX
from naive_daemon.domain.limits import COUNT_MAX, QUOTE_MAX, KillCancel
from naive_daemon.domain.settings import BUDGET_MAX, CHUNKS_MAX, Dust, RestingOrders, TradingStatus
from naive_daemon.storage.postgres.journal_models import (
    CommissionTotalRow,
    CycleRow,
    CycleTotalRow,
    FillRow,
    FillTotalRow,
    OrderRow,
    OrderTotalRow,
    TraderNumberRow,
)
from naive_daemon.storage.postgres.table import Base, KeyName, Moment, Money, Name, Stamp, Texts, one_of, values_of

__all__ = [
    "AccountConditionRow",
    "AccountRow",
    "AccountVenueRow",
    "ActualStateRow",
    "Base",
    "CommissionTotalRow",
    "CycleRow",
    "CycleTotalRow",
    "DaemonRow",
    "FillRow",
    "FillTotalRow",
    "IdentityRow",
    "KillSwitchRow",
    "KillSwitchSeenRow",
    "OrderRow",
    "OrderTotalRow",
    "RiskLimitRow",
    "SettingRow",
    "StreamingRow",
    "StreamingStatus",
    "TraderNumberRow",
]


class StreamingStatus(enum.StrEnum):
    """Whether a symbol is streamed and recorded without being traded."""

    ON = "on"
    OFF = "off"


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
        CheckConstraint(one_of("dust", values_of(Dust)), "dust"),
        CheckConstraint("jsonb_typeof(parameters) = 'object'", "parameters"),
        CheckConstraint(one_of("stop_orders", values_of(RestingOrders)), "stop_orders"),
        CheckConstraint(one_of("shutdown_entries", values_of(RestingOrders)), "shutdown_entries"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[Name] = mapped_column(server_default=text("'main'"))
    symbol: Mapped[Name]
    status: Mapped[TradingStatus] = mapped_column(
        Enum(TradingStatus, name="trading_status", values_callable=values_of), server_default=text("'off'")
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
    parameters: Mapped[Texts]
    revision: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text("0"),
        doc="another one each time a status is said; 0: never",
    )


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
        Enum(StreamingStatus, name="streaming_status", values_callable=values_of), server_default=text("'off'")
    )
    inserted_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


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
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), doc="of the settings that it obeys")


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
    signs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), doc="signs of life that daemons gave")
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
        CheckConstraint(one_of("cancel", values_of(KillCancel)), "cancel"),
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
    level_floor: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text("0"),
        doc="identity.cycle_floor when the exchange was last asked what a restored journal had lost",
    )
    inserted_at: Mapped[Stamp]


class AccountRow(Base):
    """An account that is traded beside a daemon's configured one; `credentials` says where its key is, never the key.

    `beside` is that configured account: the row belongs to its daemon, and to no other.

    The checks refuse what `domain.account` refuses.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("credentials"),
        CheckConstraint(f"account ~ '{ACCOUNT_NAME}'", "account"),
        CheckConstraint(f"beside ~ '{ACCOUNT_NAME}' AND beside <> account", "beside"),
        CheckConstraint(
            f"credentials ~ '{REFERENCE}' AND length(credentials) <= {REFERENCE_LENGTH_MAX}", "credentials"
        ),
    )

    account: Mapped[KeyName]
    beside: Mapped[Name]
    credentials: Mapped[Name | None]
    is_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    inserted_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    revision: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), doc="another one each time the row is written"
    )


class AccountConditionRow(Base):
    """What an account really does, as the daemon of the configured account `daemon` last said."""

    __tablename__ = "account_conditions"
    __table_args__ = (CheckConstraint(one_of("state", list(ACCOUNT_STATES)), "state"),)

    account: Mapped[KeyName]
    daemon: Mapped[KeyName]
    state: Mapped[Name]
    reason: Mapped[Name | None]
    retry_at: Mapped[Moment | None]
    updated_at: Mapped[Stamp]
    revision: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), doc="of the account's row that it goes by"
    )
