"""The books: what the journal of an account holds, read from its database, and what must always be true of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import tenacity
from psycopg.rows import dict_row

from naive_daemon.domain.order import OrderStatus
from naive_daemon.execution.order_id import is_ours
from tests.e2e.daemon import eventually

LIVE = {status.value for status in OrderStatus if not status.is_terminal}

Row = dict[str, Any]


class Books:
    """All orders, fills and cycles of an account, as of one moment. `fills_whole`: orders are filled at once."""

    def __init__(self, url: str, account: str = "main", *, fills_whole: bool = True) -> None:
        self._fills_whole = fills_whole
        self.account = account
        with _snapshot(url) as cursor:
            # A daemon that was killed early may not have drawn its identity yet, and has no orders then.
            self.owner = "".join(row["owner"] for row in cursor.execute("SELECT owner FROM identity"))
            self.orders: list[Row] = _rows(cursor, "orders", account)
            self.fills: list[Row] = _rows(cursor, "fills", account)
            self.cycles: list[Row] = _rows(cursor, "cycles", account)
            self.chunks = {row["symbol"]: row["chunks"] for row in _rows(cursor, "settings", account)}
        self._orders_by_id = {order["client_order_id"]: order for order in self.orders}
        self._fills_by_cycle: dict[tuple[str, int, int], list[Row]] = defaultdict(list)
        for fill in self.fills:
            self._fills_by_cycle[_cycle(self._order(fill))].append(fill)

    @property
    def completed(self) -> int:
        """How many cycles were sold."""
        return sum(cycle["outcome"] == "completed" for cycle in self.cycles)

    def resting_orders(self) -> set[str]:
        """Give the ids of the orders that are on the exchange's book; the others that live were never placed there."""
        resting = {status.value for status in OrderStatus if status.is_resting}
        return {order["client_order_id"] for order in self.orders if order["status"] in resting}

    def check(self) -> None:
        """Assert everything that must be true at any moment."""
        self._check_orders()
        self._check_fills()
        self._check_cycles()
        self._check_positions()

    def _check_orders(self) -> None:
        ids = Counter(order["client_order_id"] for order in self.orders)
        assert max(ids.values(), default=0) <= 1, "client order ids are unique"
        assert all(is_ours(name, self.owner) for name in ids)
        live = Counter((*_cycle(order), order["side"]) for order in self.orders if order["status"] in LIVE)
        assert max(live.values(), default=0) <= 1, f"two live orders of one leg: {live.most_common(1)}"
        buyers = {fill["client_order_id"]: fill for fill in self.fills if fill["side"] == "BUY"}
        bought = Counter(_cycle(self._order(fill)) for fill in buyers.values())
        for cycle, count in bought.items():
            assert count == 1, f"a cycle bought {count} times: {self._story(cycle)}"
        ended = {_cycle(cycle) for cycle in self.cycles if cycle["outcome"] is not None}
        orphans = [order for order in self.orders if order["status"] in LIVE and _cycle(order) in ended]
        assert not orphans, f"live orders of cycles that have ended: {orphans}"
        known = {_cycle(cycle) for cycle in self.cycles}
        assert all(_cycle(order) in known for order in self.orders), "every order belongs to a cycle"

    def _check_fills(self) -> None:
        filled: dict[str, Decimal] = defaultdict(Decimal)
        filled_quote: dict[str, Decimal] = defaultdict(Decimal)
        for fill in self.fills:
            filled[fill["client_order_id"]] += fill["quantity"]
            filled_quote[fill["client_order_id"]] += fill["price"] * fill["quantity"]
        for order in self.orders:
            name = order["client_order_id"]
            assert order["filled"] == filled[name], f"{name}: filled once, and all of it: {order}"
            assert order["filled_quote"] == filled_quote[name], order
            assert (order["status"] == "filled") is (order["filled"] == order["quantity"]), order
        fills_of_one = max(Counter(fill["client_order_id"] for fill in self.fills).values(), default=0)
        assert not self._fills_whole or fills_of_one <= 1

    def _check_cycles(self) -> None:
        open_cycles = Counter((cycle["symbol"], cycle["trader"]) for cycle in self.cycles if cycle["outcome"] is None)
        assert max(open_cycles.values(), default=0) <= 1, f"a trader in two cycles: {open_cycles.most_common(1)}"
        for symbol, count in Counter(symbol for symbol, _ in open_cycles).items():
            assert count <= self.chunks[symbol], f"{symbol} has more traders than chunks"
        for cycle in self.cycles:
            if cycle["outcome"] is None:
                continue
            fills = self._fills_by_cycle[_cycle(cycle)]
            bought, sold = _sum(fills, "BUY", _quantity), _sum(fills, "SELL", _quantity)
            assert (cycle["bought"], cycle["sold"]) == (bought, sold), cycle
            if cycle["outcome"] == "completed":
                assert 0 < sold <= bought + cycle["dust_in"], cycle
                profit = _sum(fills, "SELL", _quote) - _sum(fills, "BUY", _quote) - _paid(fills, _quote_commission)
                assert cycle["realised_pnl"] == profit, cycle
                held = cycle["dust_in"] + bought - _paid(fills, _base_commission) - sold
                assert cycle["dust_base"] == held, cycle

    def _check_positions(self) -> None:
        """Hold what is held to what the open cycles and the dust of the ended ones explain."""
        fills_by_symbol: dict[str, list[Row]] = defaultdict(list)
        for fill in self.fills:
            fills_by_symbol[fill["symbol"]].append(fill)
        for symbol, fills in fills_by_symbol.items():
            position = _sum(fills, "BUY", _quantity) - _sum(fills, "SELL", _quantity) - _paid(fills, _base_commission)
            ended = {_cycle(row): row for row in self.cycles if row["symbol"] == symbol and row["outcome"] is not None}
            dust = sum((row["dust_base"] - row["dust_in"] for row in ended.values()), Decimal())
            in_open = [fill for fill in fills if _cycle(self._order(fill)) not in ended]
            held = _sum(in_open, "BUY", _quantity) - _sum(in_open, "SELL", _quantity)
            held -= _paid(in_open, _base_commission)
            assert position == dust + held, symbol

    def _story(self, cycle: tuple[str, int, int]) -> str:
        """Tell everything about a cycle."""
        orders = [row for row in self.orders if _cycle(row) == cycle]
        fills = self._fills_by_cycle[cycle]
        return "\n".join(map(str, [*(row for row in self.cycles if _cycle(row) == cycle), *orders, *fills]))

    def _order(self, fill: Row) -> Row:
        return self._orders_by_id[fill["client_order_id"]]


def read(url: str, query: str) -> list[tuple[Any, ...]]:
    """Read rows in a connection of their own."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(psycopg.errors.DeadlockDetected), stop=tenacity.stop_after_attempt(10)
)
def write(url: str, statement: str) -> None:
    """Change something behind the daemon's back, as an operator with a database console does.

    PostgreSQL may choose this statement as the victim of a deadlock with the daemon's; the operator says it again.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def await_rows(url: str, query: str, is_right: Callable[[list[tuple[Any, ...]]], bool]) -> list[tuple[Any, ...]]:
    """Read again and again until the rows are right, for as long as anything may take."""
    for attempt in eventually():
        with attempt:
            rows = read(url, query)
            assert is_right(rows), f"{query} gives {rows}"
    return rows


def await_state(url: str, symbol: str, state: str) -> None:
    """Wait until the daemon says that the symbol is in this state."""
    await_rows(url, f"SELECT state FROM actual_states WHERE symbol = '{symbol}'", [(state,)].__eq__)


@contextmanager
def _snapshot(url: str) -> Iterator["psycopg.Connection[Row]"]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def _rows(cursor: "psycopg.Connection[Row]", table: str, account: str) -> list[Row]:
    return cursor.execute(f"SELECT * FROM {table} WHERE account = %s", (account,)).fetchall()


def _cycle(row: Row) -> tuple[str, int, int]:
    return row["symbol"], row["trader"], row["cycle"]


def _quantity(fill: Row) -> Decimal:
    return Decimal(fill["quantity"])


def _quote(fill: Row) -> Decimal:
    return Decimal(fill["quantity"] * fill["price"])


def _base_commission(fill: Row) -> Decimal:
    return Decimal(fill["commission"]) if fill["symbol"].startswith(fill["commission_asset"]) else Decimal()


def _quote_commission(fill: Row) -> Decimal:
    return Decimal(fill["commission"]) if fill["symbol"].endswith(fill["commission_asset"]) else Decimal()


def _paid(fills: list[Row], amount: Callable[[Row], Decimal]) -> Decimal:
    return sum((amount(fill) for fill in fills), Decimal())


def _sum(fills: list[Row], side: str, amount: Callable[[Row], Decimal]) -> Decimal:
    return sum((amount(fill) for fill in fills if fill["side"] == side), Decimal())
