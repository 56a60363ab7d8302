"""What of the exchange survives its end, also by kill -9: orders, fills, balances and numbers, in one SQLite file.

Owned by the venue's thread. Invariant: what a client was told is in the file, for each change is committed, all of it
or nothing, before anybody is told; when that fails, `on_failure` ends the exchange, whose memory is ahead of its file.
It is not synced to the disk, so that a commit costs microseconds: a machine that
loses its power may lose the file, and with it money that does not exist.
"""

import sqlite3
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from naive_daemon.domain.errors import ConfigError, PermanentError
from naive_daemon.domain.money import plain
from naive_daemon.exchange.server.order import Fill, VenueOrder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (order_id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fills (
    trade_id INTEGER NOT NULL, order_id INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (trade_id, order_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balances (
    account TEXT NOT NULL, asset TEXT NOT NULL, total TEXT NOT NULL, PRIMARY KEY (account, asset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prices (symbol TEXT PRIMARY KEY, price TEXT NOT NULL) WITHOUT ROWID;
"""
_VERSION = 1
_BUSY_S = 2.0

Total = tuple[str, str, Decimal]
"""An account, an asset, and how much of it the account owns, locked or not."""


class Kept(NamedTuple):
    """Everything that was kept; orders and fills oldest first."""

    orders: list[VenueOrder]
    fills: list[Fill]
    balances: dict[str, dict[str, Decimal]]
    numbers: dict[str, int]
    prices: dict[str, Decimal]


class State:
    """The file. Raises ConfigError when it is another's, PermanentError when it can not be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_broken = False
        self.on_failure: Callable[[Exception], None] = lambda _error: None
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
            self._open()
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error
        self._order = msgspec.json.Decoder(VenueOrder)
        self._fill = msgspec.json.Decoder(Fill)
        self._encode = msgspec.json.Encoder().encode

    def load(self) -> Kept:
        """Read everything."""
        read = self._database.execute
        balances: dict[str, dict[str, Decimal]] = {}
        for account, asset, total in read("SELECT account, asset, total FROM balances"):
            balances.setdefault(account, {})[asset] = Decimal(total)
        return Kept(
            [self._order.decode(body) for (body,) in read("SELECT body FROM orders ORDER BY order_id")],
            [self._fill.decode(body) for (body,) in read("SELECT body FROM fills ORDER BY trade_id, order_id")],
            balances,
            self.load_numbers(),
            {symbol: Decimal(price) for symbol, price in read("SELECT symbol, price FROM prices")},
        )

    def load_numbers(self) -> dict[str, int]:
        """Read the numbers by name."""
        return dict(self._database.execute("SELECT name, value FROM numbers"))

    def save(
        self,
        orders: Iterable[VenueOrder] = (),
        fills: Iterable[Fill] = (),
        totals: Iterable[Total] = (),
        numbers: Iterable[tuple[str, int]] = (),
        prices: Iterable[tuple[str, Decimal]] = (),
    ) -> None:
        """Commit what has changed, as a whole."""
        encode = self._encode
        rows: list[tuple[str, list[tuple[Any, ...]]]] = [
            ("INSERT OR REPLACE INTO orders VALUES (?, ?)", [(order.order_id, encode(order)) for order in orders]),
            (
                "INSERT OR REPLACE INTO fills VALUES (?, ?, ?)",
                [(fill.trade_id, fill.order_id, encode(fill)) for fill in fills],
            ),
            (
                "INSERT OR REPLACE INTO balances VALUES (?, ?, ?)",
                [(account, asset, plain(total)) for account, asset, total in totals],
            ),
            ("INSERT OR REPLACE INTO numbers VALUES (?, ?)", list(numbers)),
            ("INSERT OR REPLACE INTO prices VALUES (?, ?)", [(symbol, plain(price)) for symbol, price in prices]),
        ]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for statement, values in rows:
                if values:
                    self._database.executemany(statement, values)
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            failure = self._unusable(error)
            self.is_broken = True
            self.on_failure(failure)
            raise failure from error

    def forget(self, order_ids: Iterable[int]) -> None:
        """Delete orders that are over, with their fills."""
        ids = [(order_id,) for order_id in order_ids]
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("DELETE FROM orders WHERE order_id = ?", ids)
        self._database.executemany("DELETE FROM fills WHERE order_id = ?", ids)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise ConfigError(f"{self._path} was written by another version", hint="give another --state")
        self._database.executescript(_SCHEMA)
        self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def _unusable(self, error: sqlite3.Error) -> ConfigError | PermanentError:
        if "locked" in str(error):
            return ConfigError(f"another exchange uses {self._path}", hint="stop it, or give this one another --state")
        return PermanentError(f"{self._path} can not be used: {error}", hint="free some space, or move the file away")
