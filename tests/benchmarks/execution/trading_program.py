"""The daemon's tree in a process of its own, for one order at a time: says "ready" and waits for a trade.

As a program: `python -m tests.benchmarks.execution.trading_program COUNT` with what it needs as JSON on the first line
of stdin. For each order it prints "ready"; whoever started it then lets the exchange print a trade. It cancels the
order that came of it, and begins anew. At last it prints the stamps of each order (`hops.py`), in ns, one order a line.
"""

import os
import queue
import random
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.domain.events import MarketHealth, OrderAccepted
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.exchange.binance.live_accounts import LiveAccounts
from naive_daemon.exchange.binance.live_market import LiveMarket
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.messages import CancelOrder
from naive_daemon.logs import LogStream, configure_logs
from naive_daemon.market.feed import Await
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.otp import ActorSystem, Ref
from naive_daemon.otp.garbage import rare_collections
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.trading.switch_messages import SettingsRead
from naive_daemon.tree import Ports, RealExchange, root
from tests.benchmarks.execution.hops import HOPS, Hops
from tests.benchmarks.execution.place import ACCOUNT, Place
from tests.benchmarks.program import log_nothing

SYMBOL = "BTCUSDT"
POOL_THREADS = 2
WAIT_S = 30.0
TRADE = TradeSettings(
    chunks=1,
    budget=Decimal(100),
    buy_down_interval=Decimal("0.01"),
    profit_interval=Decimal("0.01"),
    rebuy_interval=Decimal("0.1"),
)


def main(count: int) -> None:
    """Read where to trade, and trade `count` times."""
    place = msgspec.json.decode(sys.stdin.buffer.readline(), type=Place)
    if not place.logs:
        log_nothing()
        _trade(place, count)
        return
    with Path(os.devnull).open("w") as nobody:
        stream = configure_logs("info", "json", LogStream(nobody))
        _trade(place, count)
        stream.close()


def _trade(place: Place, count: int) -> None:
    ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
    accepted: queue.SimpleQueue[str] = queue.SimpleQueue()

    known: set[str] = set()
    waiting: set[Ref] = set()
    is_market_open = threading.Event()

    def look(message: Any) -> None:
        match message:
            case Await(owner, wake) if wake.next_trade and owner not in waiting:
                waiting.add(owner)  # one that waits again, as entries are released, is no other
                ready.put(None)
            case MarketHealth(connected=True):
                is_market_open.set()
            case OrderAccepted(client_order_id=order_id) if order_id not in known:
                known.add(order_id)  # its answer and its event both say so
                accepted.put(order_id)

    hops = Hops(look)
    with hops.taken(), rare_collections():
        system = ActorSystem.live(WallClock(), POOL_THREADS)
        ends: list[Any] = []
        top = system.start(root(_ports(place, ends)), timeout_s=WAIT_S)
        settings = SymbolSettings(account=ACCOUNT, symbol=SYMBOL, status=TradingStatus.ON, trade=TRADE)
        system.tell(names.SWITCHES, SettingsRead((settings,)))
        if not is_market_open.wait(WAIT_S):
            raise TimeoutError("the market does not open")
        rows = []
        for _ in range(count):
            ready.get(timeout=WAIT_S)
            system.settle(0, WAIT_S)  # the journal, too, has nothing left to write
            hops.stamps_ns.clear()
            _say("ready")
            order_id = accepted.get(timeout=WAIT_S)
            rows.append([hops.stamps_ns[hop] for hop in range(len(HOPS))])
            system.tell(names.execution_manager(ACCOUNT), CancelOrder(order_id))
        ready.get(timeout=WAIT_S)  # nothing may be left of the last one
        system.terminate(top, WAIT_S)
        system.stop()
        for end in ends:
            end()
    for row in rows:
        _say(" ".join(map(str, row)))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _ports(place: Place, ends: list[Any]) -> Ports:
    config = place.config()
    clock = WallClock()
    accounts = LiveAccounts(config, dict(GENERATED_INSTRUMENTS), clock, random.Random(1))
    account = accounts.open(ACCOUNT, None)
    market = LiveMarket(config, clock, random.Random(1), GENERATED_INSTRUMENTS)
    ends += [accounts.end, market.end]

    def open_journal() -> JournalStore:
        return MemoryJournal() if place.database_url is None else PostgresJournal(place.database_url)

    return Ports(
        owner=place.owner,
        account=ACCOUNT,
        instruments=GENERATED_INSTRUMENTS,
        exchange=RealExchange(maker_fee=Decimal("0.001"), make_client=lambda _: account.make_client()),
        open_journal=open_journal,
        make_player=market.make_player,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
