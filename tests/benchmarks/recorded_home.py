"""A home whose journal is full: many symbols with their traders' cycles open and their orders resting, and a past.

Made by the daemon's own parts where that is quick enough (its journal, its ids), and by SQL for a past of a million.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import psutil
import psycopg

from naive_daemon.domain.events import OrderAccepted, OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.settings import TradeSettings, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import Cycle, CycleRecorded, JournalEntry, OrderRecorded
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.settings import OperatorSettings
from tests.e2e.daemon import Daemon, Event, eventually
from tests.e2e.place import Place
from tests.exchange.trial import write_listing

ACCOUNT = "main"
TRADERS = 5
QUANTITY = Decimal("0.4")
START_PRICE = Decimal(100)
"""Where the generated market of such a listing starts; it swings 0.3 % around it."""
BATCH = 500
TAKEN_OVER = "traders taken over from the journal"
PLACED = ("buy placed", "sell placed")

_PAST = """
INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns, outcome, finished_ns, bought,
                    sold, fees, realised_pnl, dust_base)
SELECT %(account)s, 'OLD' || n %% 50 || 'USDT', n %% 5 + 1, n, 100, 0.001, '{}'::jsonb, n, 'completed', n, 1, 1,
       '{}'::jsonb, 0.01, 0
FROM generate_series(1, %(orders)s / 2) AS n;
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, filled,
                    filled_quote, exchange_order_id, created_ns, updated_ns)
SELECT 'old-' || cycle || side, account, symbol, trader, cycle, side, 1, 2, 1, 'filled', 1, 2, cycle, started_ns,
       started_ns
FROM cycles, (VALUES ('BUY'), ('SELL')) AS sides(side) WHERE outcome = 'completed' AND symbol LIKE 'OLD%%';
INSERT INTO fills (account, symbol, trade_id, client_order_id, side, price, quantity, commission, commission_asset,
                   is_maker, time_ns)
SELECT account, symbol, client_order_id, client_order_id, side, price, quantity, 0, 'USDT', true, created_ns
FROM orders WHERE client_order_id LIKE 'old-%%'
"""


class Start(msgspec.Struct, frozen=True):
    """One start of the daemon, in seconds from the moment when its process was made.

    Until it was ready, until every trader was back, until it had also placed an order; and the processor time of it.
    """

    ready_s: float
    traders_s: float
    trading_s: float
    cpu_s: float


class RecordedHome:
    """A home in `folder` that trades `symbols` symbols on paper, each with `TRADERS` traders."""

    def __init__(self, folder: Path, symbols: int) -> None:
        self.symbols = [f"S{number:04}USDT" for number in range(symbols)]
        listing = folder / "listing.json"
        write_listing(listing, self.symbols)
        self.place = Place(
            folder / "home",
            NAIVE_LOG__FORMAT="json",
            NAIVE_EXCHANGE__EXCHANGE_INFO=str(listing),
            NAIVE_EXCHANGE__BALANCES='{"USDT": 100000000}',
            NAIVE_MARKET__TRADES_PER_S="1",
        )

    def make(self) -> None:
        """Have a daemon make the home, then record what it would have done, had it traded for a while."""
        self.place.trade().stop()
        with self._database() as url:
            self._switch_on(url)
            with psycopg.connect(url) as connection:
                row = connection.execute("SELECT owner FROM identity").fetchone()
            assert row is not None
            journal = PostgresJournal(url)
            entries = [entry for symbol in self.symbols for entry in _recorded(row[0], symbol)]
            for at in range(0, len(entries), BATCH):
                journal.write(entries[at : at + BATCH])
            journal.close()

    def add_past(self, orders: int) -> None:
        """Add orders that are over, two for each cycle that has ended, with a fill each."""
        with self._database() as url, psycopg.connect(url, autocommit=True) as connection:
            for statement in _PAST.split(";"):
                connection.execute(statement, {"account": ACCOUNT, "orders": orders})
            connection.execute("VACUUM ANALYZE")

    def start(self, *, until_order: bool) -> Start:
        """Start the daemon, wait until all traders are back, and one has placed an order, and kill it with -9."""
        began_at = datetime.now(UTC)
        daemon = self.place.run()

        def since_start_s(line: Event) -> float:
            return (datetime.fromisoformat(line["time"]) - began_at).total_seconds()

        ready_s = since_start_s(daemon.log.await_event("ready"))
        traders_s = since_start_s(daemon.log.await_event(TAKEN_OVER, count=len(self.symbols)))
        order_s = since_start_s(_first_order(daemon)) if until_order else 0.0
        spent = psutil.Process(daemon.pid).cpu_times()
        daemon.kill()
        return Start(ready_s, traders_s, max(traders_s, order_s), spent.user + spent.system)

    def end(self) -> None:
        """End whatever runs, and remove the home."""
        self.place.clear()

    def _switch_on(self, url: str) -> None:
        engine = make_engine(url)
        settings = OperatorSettings(engine)
        settings.seed(ACCOUNT, self.symbols)
        settings.set_status(ACCOUNT, self.symbols, TradingStatus.ON)
        engine.dispose()

    @contextmanager
    def _database(self) -> Iterator[str]:
        server = EmbeddedPostgres(self.place.home)
        try:
            yield server.start()
        finally:
            server.stop()


def _first_order(daemon: Daemon) -> Event:
    for attempt in eventually():
        with attempt:
            placed = [line for line in daemon.log.lines() if line.get("event") in PLACED]
            assert placed, "no order"
    return placed[0]


def _recorded(owner: str, symbol: str) -> Iterator[JournalEntry]:
    """Give what the journal has of one symbol: four traders that have bought and want to sell, and one that buys."""
    for trader in range(1, TRADERS + 1):
        key = CycleKey(ACCOUNT, symbol, trader, 1)
        trade = TradeSettings()
        yield CycleRecorded(
            Cycle(
                key=key,
                budget=trade.budget / trade.chunks,
                fee=Decimal("0.001"),
                settings=trade,
                started_ns=trader,
                rebuy_reported=True,
            )
        )
        depth = trader * Decimal("0.05")
        if trader == TRADERS:
            yield from _placed(owner, key, Side.BUY, START_PRICE - depth)
            continue
        *entries, bought = _placed(owner, key, Side.BUY, START_PRICE + depth)
        yield from [*entries, bought, _filled(bought.order)]
        yield from _placed(owner, key, Side.SELL, START_PRICE + depth + Decimal("0.3"))


def _placed(owner: str, key: CycleKey, side: Side, price: Decimal) -> Iterator[OrderRecorded]:
    leg = Leg(side)
    order = Order(
        client_order_id=client_order_id(owner, key, leg),
        key=key,
        leg=leg,
        price=price,
        quantity=QUANTITY,
        created_ns=key.trader,
        updated_ns=key.trader,
    )
    accepted = OrderAccepted(
        account=ACCOUNT,
        symbol=key.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=f"{key.symbol}{key.trader}{side}",
        time_ns=order.created_ns,
    )
    yield OrderRecorded(order)
    yield OrderRecorded(order.apply(accepted), accepted)


def _filled(order: Order) -> OrderRecorded:
    fill = OrderFilled(
        account=ACCOUNT,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id or "",
        trade_id=order.client_order_id,
        price=order.price,
        quantity=order.quantity,
        commission=Decimal(0),
        commission_asset="USDT",
        time_ns=order.updated_ns,
    )
    return OrderRecorded(order.apply(fill), fill)
