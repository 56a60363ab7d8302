"""What `status` and `orders` show, read in one statement each."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Exists, Text, and_, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from naive_daemon.clock import from_datetime
from naive_daemon.domain.order import CycleKey, OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import ActualStateRow, CycleRow, CycleTotalRow, OrderRow, SettingRow

_LIVE = tuple(status.value for status in OrderStatus if not status.is_terminal)


class SymbolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol: what is wanted, what is so (None before a daemon ever said), and what it has brought.

    `desired` is None for a symbol whose settings are gone while its tree still stands; money is in the quote asset.
    `held`: why no entry is placed for now.
    """

    account: str
    symbol: str
    desired: TradingStatus | None
    actual: str | None
    traders: int
    restarts: int
    last_error: str | None
    retry_at_ns: int | None
    updated_ns: int | None
    completed_cycles: int
    realised_pnl: Decimal
    held: str | None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the journal; times are UTC nanoseconds, quantities in the base asset."""

    client_order_id: str
    exchange_order_id: str | None
    account: str
    symbol: str
    trader: int
    cycle: int
    side: Side
    attempt: int
    price: Decimal
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    status: OrderStatus
    reason: str | None
    created_ns: int
    updated_ns: int


class Report:
    """Reads for the command line. Every method raises DatabaseAwayError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def status(
        self, account: str | None = None, symbols: Sequence[str] = (), *, everything: bool = False
    ) -> tuple[SymbolStatus, ...]:
        """Read the state of symbols by account and symbol.

        Without `symbols`, those that are off both in wish and in deed are left out, unless `everything` is asked for,
        or they are held all the same: by a promise that was broken.
        """
        wanted, actual, total = SettingRow, ActualStateRow, CycleTotalRow
        name, owner = func.coalesce(wanted.symbol, actual.symbol), func.coalesce(wanted.account, actual.account)
        joined = wanted.__table__.outerjoin(
            actual.__table__, and_(wanted.account == actual.account, wanted.symbol == actual.symbol), full=True
        ).outerjoin(total, and_(total.account == owner, total.symbol == name))
        conditions = [] if account is None else [owner == account]
        if symbols:
            conditions.append(name == _any([symbol.strip().upper() for symbol in symbols]))
        elif not everything:
            is_at_work = func.coalesce(actual.state, "off") != "off"
            conditions.append(or_(wanted.status != TradingStatus.OFF, is_at_work, actual.held.is_not(None)))
        query = (
            select(
                owner.label("account"),
                name.label("symbol"),
                wanted.status,
                actual.state,
                func.coalesce(actual.traders, 0).label("traders"),
                func.coalesce(actual.restarts, 0).label("restarts"),
                actual.last_error,
                actual.retry_at,
                actual.updated_at,
                actual.held,
                func.coalesce(total.completed, 0).label("completed"),
                func.coalesce(total.realised_pnl, 0).label("realised_pnl"),
            )
            .select_from(joined)
            .where(*conditions)
            .order_by(owner, name)
        )
        with begin(self._engine) as connection:
            return tuple(
                SymbolStatus(
                    account=row.account,
                    symbol=row.symbol,
                    desired=row.status,
                    actual=row.state,
                    traders=row.traders,
                    restarts=row.restarts,
                    last_error=row.last_error,
                    retry_at_ns=_ns(row.retry_at),
                    updated_ns=_ns(row.updated_at),
                    completed_cycles=row.completed,
                    realised_pnl=row.realised_pnl,
                    held=row.held,
                )
                for row in connection.execute(query)
            )

    def dust(self, account: str) -> dict[str, Decimal]:
        """Read what cycles that ended could not sell, by symbol, in the base asset.

        What of it open cycles were given is in it until they have ended, too.
        """
        given = (
            select(CycleRow.symbol, func.sum(CycleRow.dust_in).label("dust_in"))
            .where(CycleRow.account == account, CycleRow.finished_ns.is_(None))
            .group_by(CycleRow.symbol)
            .subquery()
        )
        dust = CycleTotalRow.dust_base + func.coalesce(given.c.dust_in, 0)
        query = (
            select(CycleTotalRow.symbol, dust.label("dust"))
            .join(given, given.c.symbol == CycleTotalRow.symbol, isouter=True)
            .where(CycleTotalRow.account == account, dust != 0)
            .order_by(CycleTotalRow.symbol)
        )
        with begin(self._engine) as connection:
            return {row.symbol: row.dust for row in connection.execute(query)}

    def orders(
        self,
        accounts: Sequence[str] | None = None,
        symbols: Sequence[str] = (),
        *,
        live_only: bool = True,
        orphans_only: bool = False,
        limit: int = 100,
        since_ns: int | None = None,
    ) -> tuple[OrderLine, ...]:
        """Read up to `limit` orders of accounts, the newest first; only those that are not over, unless asked for all.

        `since_ns` (UTC) leaves out those that were created before; `orphans_only` all but live orders whose cycle has
        ended, or was never heard of.
        """
        conditions: list[ColumnElement[bool]] = [] if accounts is None else [OrderRow.account == _any(list(accounts))]
        if symbols:
            conditions.append(OrderRow.symbol == _any([symbol.strip().upper() for symbol in symbols]))
        if live_only or orphans_only:
            conditions.append(OrderRow.status.in_(_LIVE))
        if orphans_only:
            conditions.append(~_open_cycle())
        if since_ns is not None:
            conditions.append(OrderRow.created_ns >= since_ns)
        columns = [getattr(OrderRow, field) for field in OrderLine.__struct_fields__]
        query = select(*columns).where(*conditions)
        query = query.order_by(OrderRow.created_ns.desc(), OrderRow.client_order_id).limit(limit)
        with begin(self._engine) as connection:
            return tuple(msgspec.convert(row._asdict(), OrderLine) for row in connection.execute(query))


def _open_cycle() -> Exists:
    """Give the condition that an order's cycle has not ended."""
    same = (getattr(CycleRow, part) == getattr(OrderRow, part) for part in CycleKey.__struct_fields__)
    return exists().where(*same, CycleRow.finished_ns.is_(None))


def _any(names: list[str]) -> ColumnElement[Any]:
    return func.any(literal(names, ARRAY(Text)))


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)
