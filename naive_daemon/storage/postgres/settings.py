"""What operators ask of the settings: read, change many symbols at once, seed, switch.

Each change is one statement and one transaction, however many symbols it names; a trigger tells the daemon.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import CTE, ColumnElement, Connection, Engine, Row, func, literal, or_, select, text, update
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.settings import (
    SETTING_RULES,
    InvalidSettingError,
    RestingOrders,
    SymbolSettings,
    TradeSettings,
    TradingStatus,
    read_setting,
)
from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import ActualStateRow, SettingRow, StreamingRow, TraderNumberRow
from naive_daemon.storage.postgres.parameters import to_document, to_pairs
from naive_daemon.strategy.settings import change_trade

_OFF, _SHUTDOWN = TradingStatus.OFF, TradingStatus.SHUTDOWN
_ORDERS_KEYS = ("stop_orders", "shutdown_entries")

_OWN_KEYS = (*SETTING_RULES, *_ORDERS_KEYS)
_TRADE_KEYS = TradeSettings.__struct_fields__
_FIELDS = ("account", "symbol", "status", *_TRADE_KEYS, *_ORDERS_KEYS)

_UPSERT = """
INSERT INTO settings (account, symbol, status, chunks, budget, buy_down_interval, profit_interval, rebuy_interval,
                      strategy, dust, parameters, stop_orders, shutdown_entries)
SELECT account, symbol, status::trading_status, chunks, budget, buy_down_interval, profit_interval, rebuy_interval,
       strategy, dust, parameters, stop_orders, shutdown_entries
FROM json_to_recordset(CAST(:rows AS json)) AS r(
    account text, symbol text, status text, chunks int, budget numeric, buy_down_interval numeric,
    profit_interval numeric, rebuy_interval numeric, strategy text, dust text, parameters jsonb, stop_orders text,
    shutdown_entries text)
ON CONFLICT (account, symbol) DO UPDATE SET
    status = excluded.status, chunks = excluded.chunks, budget = excluded.budget,
    buy_down_interval = excluded.buy_down_interval, profit_interval = excluded.profit_interval,
    rebuy_interval = excluded.rebuy_interval, strategy = excluded.strategy, dust = excluded.dust,
    parameters = excluded.parameters, stop_orders = excluded.stop_orders,
    shutdown_entries = excluded.shutdown_entries
"""


class StatusChange(msgspec.Struct, frozen=True):
    """A switch that was set; `before` is None for a symbol that had no row.

    `after` is OFF for one that was off and should be shut down.
    """

    symbol: str
    before: TradingStatus | None
    after: TradingStatus


class UnknownSymbolError(UsageError):
    """Symbols without settings; nothing was changed. The hint names those that look alike."""

    def __init__(self, account: str, symbols: Sequence[str], nearest: Sequence[str]) -> None:
        listed = ", ".join(symbols)
        hint = f"did you mean {', '.join(nearest)}?" if nearest else "naive-daemon seed adds what the exchange lists"
        super().__init__(f"account {account} has no symbol {listed}", hint=hint)
        self.symbols = tuple(symbols)
        self.nearest = tuple(nearest)


class OperatorSettings:
    """The settings as commands see them; symbols may be given in any case. Every method raises DatabaseAwayError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, account: str | None = None, symbols: Iterable[str] = ()) -> tuple[SymbolSettings, ...]:
        """Read the settings, by account and symbol; all accounts, or all symbols, where none is given."""
        query = select(*_columns()).order_by(SettingRow.account, SettingRow.symbol)
        if account is not None:
            query = query.where(SettingRow.account == account)
        if names := _upper(symbols):
            query = query.where(SettingRow.symbol == _any(names))
        with begin(self._engine) as connection:
            return tuple(_settings(row) for row in connection.execute(query))

    def set_values(
        self, account: str, symbols: Iterable[str], changes: Mapping[str, str]
    ) -> tuple[SymbolSettings, ...]:
        """Set values (key to text: a trade setting, a parameter of the strategy, stop_orders, shutdown_entries).

        For all symbols, or for none: gives the rows as they stood before; raises InvalidSettingError or
        UnknownSymbolError, and then changes nothing. A row that has these values already is not written, so that the
        daemon does not take it for one that an operator has switched on again.
        """
        values = {key: _read(key, given) for key, given in changes.items() if key in _OWN_KEYS}
        names = _upper(symbols)
        if not changes or not names:
            raise UsageError("name at least one symbol and one value to set", hint="settings set BTCUSDT budget=500")
        trade = {key: given for key, given in changes.items() if key not in _ORDERS_KEYS}
        with begin(self._engine) as connection:
            if "strategy" in values or len(values) < len(changes):
                values["parameters"] = self._changed_parameters(connection, account, names, trade)
            return self._update(connection, account, names, values, only=lambda before: _differs(before, values))

    def _changed_parameters(
        self, connection: Connection, account: str, names: Sequence[str], changes: Mapping[str, str]
    ) -> ColumnElement[Any]:
        """Give each row's new parameters; the rows stay locked, and each is checked with its own strategy."""
        locked = (
            select(*_columns())
            .where(SettingRow.account == account, SettingRow.symbol == _any(names))
            .order_by(SettingRow.id)
            .with_for_update()
        )
        changed = {
            row.symbol: to_document(change_trade(_settings(row).trade, changes).parameters)
            for row in connection.execute(locked)
        }
        return literal(changed, JSONB).op("->", return_type=JSONB())(SettingRow.symbol)

    def set_status(
        self,
        account: str,
        symbols: Iterable[str],
        status: TradingStatus,
        *,
        create: bool = False,
        stop_orders: RestingOrders | None = None,
        shutdown_entries: RestingOrders | None = None,
    ) -> tuple[StatusChange, ...]:
        """Switch symbols of one account, as `set_statuses` does."""
        changed = self.set_statuses(
            {account: symbols}, status, create=create, stop_orders=stop_orders, shutdown_entries=shutdown_entries
        )
        return changed[account]

    def set_statuses(
        self,
        wanted: Mapping[str, Iterable[str]],
        status: TradingStatus,
        *,
        create: bool = False,
        stop_orders: RestingOrders | None = None,
        shutdown_entries: RestingOrders | None = None,
    ) -> dict[str, tuple[StatusChange, ...]]:
        """Switch symbols by account, all in one transaction, and say what stood there before.

        With `create`, symbols without a row get one with the defaults; otherwise they raise UnknownSymbolError, and
        nothing is changed. `stop_orders` and `shutdown_entries` stay as they are unless given. A symbol that is off has
        nothing to finish: SHUTDOWN leaves its row alone, also where another command has just stopped it.
        """
        values: dict[str, object] = {"status": status}
        values |= {"stop_orders": stop_orders.value} if stop_orders else {}
        values |= {"shutdown_entries": shutdown_entries.value} if shutdown_entries else {}
        only = _is_not_off if status is _SHUTDOWN else None
        changed: dict[str, tuple[StatusChange, ...]] = {}
        with begin(self._engine) as connection:
            # In one order, so that two commands over the same accounts can not wait for each other.
            for account, symbols in sorted(wanted.items()):
                names = _upper(symbols)
                made = frozenset(_insert_missing(connection, account, names, TradeSettings()) if create else ())
                before = self._update(connection, account, names, values, only=only)
                changed[account] = tuple(_change(row, status, is_new=row.symbol in made) for row in before)
        return changed

    def upsert(self, rows: Sequence[SymbolSettings]) -> None:
        """Write whole rows, over those that exist. The database refuses a value out of range for all of them."""
        flat = [_flat(row) for row in {(row.account, row.symbol): row for row in rows}.values()]
        with begin(self._engine) as connection:
            connection.execute(text(_UPSERT), {"rows": msgspec.json.encode(flat).decode()})

    def seed(self, account: str, symbols: Iterable[str], trade: TradeSettings | None = None) -> int:
        """Add a row, switched off, for each symbol that has none, here and in the streaming settings.

        Rows that exist are left alone. Gives how many symbols are new to `account`.
        """
        names = _upper(symbols)
        with begin(self._engine) as connection:
            made = _insert_missing(connection, account, names, trade or TradeSettings())
            streaming = insert(StreamingRow).from_select(["symbol"], select(_unnest(sorted(names))))
            connection.execute(streaming.on_conflict_do_nothing(index_elements=["symbol"]))
            return len(made)

    def never_switched(self, account: str, symbols: Iterable[str]) -> frozenset[str]:
        """Give those of `symbols` that nobody ever switched: without a row, or off without any trace.

        What an operator has stopped left a trace: the number of the wish, also where no daemon ran, and from before
        wishes had one the daemon's word on it, a cycle or an order.
        """
        known = (SettingRow, ActualStateRow, TraderNumberRow)
        seen: set[str] = set()
        names = _upper(symbols)
        with begin(self._engine) as connection:
            for table in known:
                query = select(table.symbol).where(table.account == account, table.symbol == _any(names)).distinct()
                if table is SettingRow:
                    query = query.where(or_(SettingRow.status != _OFF, SettingRow.revision > 0))
                seen.update(connection.execute(query).scalars())
        return frozenset(names) - seen

    def nearest(self, account: str, symbols: Iterable[str], count: int = 3) -> tuple[str, ...]:
        """Name up to `count` symbols of the account that look like each of those given, the most alike first."""
        with begin(self._engine) as connection:
            return _nearest(connection, account, _upper(symbols), count)

    def _update(
        self,
        connection: Connection,
        account: str,
        names: Sequence[str],
        values: Mapping[str, object],
        *,
        only: Callable[[CTE], ColumnElement[bool]] | None = None,
    ) -> tuple[SymbolSettings, ...]:
        """Write values into rows, all or `only` some of them; gives all rows as they stood before."""
        # Locked in one order, so that two commands over the same symbols can not wait for each other.
        before = (
            select(SettingRow.id, *_columns())
            .where(SettingRow.account == account, SettingRow.symbol == _any(names))
            .order_by(SettingRow.id)
            .with_for_update()
            .cte("before")
        )
        change = update(SettingRow).values(values).where(SettingRow.id == before.c.id)
        if only is not None:
            change = change.where(only(before))
        changed = change.returning(SettingRow.id).cte("changed")
        found = connection.execute(select(*(before.c[field] for field in _FIELDS)).add_cte(changed)).all()
        rows = {row.symbol: _settings(row) for row in found}
        if unknown := [name for name in names if name not in rows]:
            raise UnknownSymbolError(account, unknown, _nearest(connection, account, unknown, 3))
        return tuple(rows[name] for name in names)


def _differs(before: CTE, values: Mapping[str, object]) -> ColumnElement[bool]:
    return or_(*(before.c[key].is_distinct_from(value) for key, value in values.items()))


def _is_not_off(before: CTE) -> ColumnElement[bool]:
    return before.c.status != _OFF


def _change(before: SymbolSettings, wanted: TradingStatus, *, is_new: bool) -> StatusChange:
    after = _OFF if wanted is _SHUTDOWN and before.status is _OFF else wanted
    return StatusChange(before.symbol, None if is_new else before.status, after)


def _insert_missing(connection: Connection, account: str, names: Sequence[str], trade: TradeSettings) -> Sequence[str]:
    values = {key: literal(value) for key, value in msgspec.structs.asdict(trade).items() if key != "parameters"}
    values["parameters"] = literal(to_document(trade.parameters), JSONB)
    # In one order, so that two commands that add the same symbols can not wait for each other.
    given = [literal(account), _unnest(sorted(names)), *(values[key] for key in _TRADE_KEYS)]
    adding = (
        insert(SettingRow)
        .from_select(["account", "symbol", *_TRADE_KEYS], select(*given))
        .on_conflict_do_nothing(index_elements=["account", "symbol"])
        .returning(SettingRow.symbol)
    )
    return connection.execute(adding).scalars().all()


def _nearest(connection: Connection, account: str, names: Sequence[str], count: int) -> tuple[str, ...]:
    known = connection.execute(select(SettingRow.symbol).where(SettingRow.account == account)).scalars().all()
    alike = (close for name in names for close in difflib.get_close_matches(name, known, count))
    return tuple(dict.fromkeys(alike))


def _read(key: str, given: str) -> object:
    if key not in _ORDERS_KEYS:
        return read_setting(key, given)
    try:
        return RestingOrders(given.strip().lower()).value
    except ValueError:
        raise InvalidSettingError(key, given, " or ".join(RestingOrders)) from None


def _upper(symbols: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(symbol.strip().upper() for symbol in symbols))


def _any(names: Sequence[str]) -> ColumnElement[Any]:
    return func.any(literal(names, ARRAY(SqlText)))


def _unnest(names: Sequence[str]) -> ColumnElement[Any]:
    return func.unnest(literal(names, ARRAY(SqlText)))


def _columns() -> list[ColumnElement[Any]]:
    """Give all fields; the server makes texts of whatever somebody wrote into the parameters, however deep it is."""
    each = func.jsonb_each_text(SettingRow.parameters).table_valued("key", "value").render_derived()
    texts = func.coalesce(func.jsonb_object_agg(each.c.key, each.c.value), literal({}, JSONB), type_=JSONB)
    parameters = select(texts).select_from(each).scalar_subquery().label("parameters")
    return [parameters if field == "parameters" else getattr(SettingRow, field) for field in _FIELDS]


def _settings(row: Row[Any]) -> SymbolSettings:
    return SymbolSettings(
        account=row.account,
        symbol=row.symbol,
        status=row.status,
        trade=msgspec.convert(
            {key: getattr(row, key) for key in _TRADE_KEYS} | {"parameters": to_pairs(row.parameters)}, TradeSettings
        ),
        stop_orders=RestingOrders(row.stop_orders),
        shutdown_entries=RestingOrders(row.shutdown_entries),
    )


def _flat(row: SymbolSettings) -> dict[str, object]:
    flat = {**msgspec.structs.asdict(row), **msgspec.structs.asdict(row.trade)}
    del flat["trade"]
    return flat | {"parameters": to_document(row.trade.parameters)}
