"""A trial: the installed daemon trades on the local exchange while faults are drawn, and in the end all must agree.

Everything is drawn from one seed, which is printed first: faults, their places, how likely each is and for how long,
and whether daemon or exchange are killed. Afterwards everything is healed, the market stands still, and the audit waits
until journal and exchange agree, or says on what they do not.
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tenacity

from tests.e2e.books import Books
from tests.e2e.daemon import eventually
from tests.e2e.place import PROGRAM, Place
from tests.exchange.audit import disagreements
from tests.exchange.local_exchange import LocalExchange

if TYPE_CHECKING:
    from tests.e2e.daemon import Daemon

UNREACHABLE = 69
"""The exit code of a daemon that finds no exchange."""

AGREED_WITHIN_S = 180.0
"""Longer than an order may stay unknown, and than a client may pause between two attempts to connect."""

PLACES = ("order.place", "order.cancel", "order.status", "account", "all")
EVENT_PLACES = ("user", "stream")

# Kind, places, and the values that are drawn from.
FAULTS: tuple[tuple[str, tuple[str, ...], tuple[str | None, ...]], ...] = (
    ("latency", (*PLACES, *EVENT_PLACES), ("5-50", "20-400", "500-3000")),
    ("drop", (*PLACES, *EVENT_PLACES), (None,)),
    ("lost-answer", PLACES, (None,)),
    ("disconnect", (*PLACES, *EVENT_PLACES), (None,)),
    ("disconnect-after", PLACES, (None,)),
    ("error", PLACES, (None,)),
    ("error-after", PLACES, (None,)),
    ("429", PLACES, ("1", "5")),
    ("418", PLACES, ("2", "5")),
    ("timestamp", PLACES, (None,)),
    ("not-found", ("order.status",), ("1", "5", "15")),
    ("duplicate", EVENT_PLACES, (None,)),
    ("reorder", EVENT_PLACES, (None, "200")),
    ("stall", EVENT_PLACES, ("1", "5", "20")),
    ("server-shutdown", ("all",), ("0", "2")),
    ("restart", ("all",), ("0", "2", "10")),
    ("halt", ("all",), ("AAAUSDT", "BBBUSDT")),
    ("resume", ("all",), ("AAAUSDT", "BBBUSDT")),
    ("clock-skew", ("all",), ("0", "-400", "3000")),
)
ONCE = ("server-shutdown", "restart", "halt", "resume", "clock-skew")

SETTINGS = ("profit_interval=0.0002", "rebuy_interval=0.0005", "buy_down_interval=0.0001", "chunks=3")
FEES = ("--fee-asset", "BNB=0.003")
"""So cheap that the account's thousand BNB are used up soon: fees change, also between the fills of one order."""


def symbols_of(count: int) -> list[str]:
    """Name so many symbols, each with an asset of its own."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [f"{letters[number % 26] * 3}{letters[number // 26] if number >= 26 else ''}USDT" for number in range(count)]


def write_listing(path: Path, symbols: list[str]) -> None:
    """Write an exchangeInfo of made-up symbols."""
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.0001", "maxQty": "9000", "stepSize": "0.0001"},
        {"filterType": "NOTIONAL", "minNotional": "5"},
    ]
    listed = [
        {
            "symbol": symbol,
            "status": "TRADING",
            "baseAsset": symbol.removesuffix("USDT"),
            "quoteAsset": "USDT",
            "filters": filters,
        }
        for symbol in symbols
    ]
    path.write_text(json.dumps({"symbols": listed}))


class Trial:
    """One place, one exchange, one source of chance.

    `rules` are those of the exchange, `program` is what is run, `answer_s` is how long it waits for an answer.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        symbols: int,
        speed: int = 10,
        settings: Sequence[str] = SETTINGS,
        rules: Sequence[str] = FEES,
        program: Sequence[str] = (PROGRAM.as_posix(),),
        answer_s: int = 2,
    ) -> None:
        self.draw = random.Random(seed)
        self.symbols = symbols_of(symbols)
        self.struck: Counter[str] = Counter()
        listing = folder / "listing.json"
        write_listing(listing, self.symbols)
        market = ("--exchange-info", str(listing), "--seed", str(seed % 2**31), "--speed", str(speed))
        self.exchange = LocalExchange(folder, *market, *rules, limited=False)
        self.place = Place(folder / "home", program, NAIVE_LOG__FORMAT="json")
        self._settings = settings
        self._answer_s = answer_s
        self.daemon: Daemon | None = None

    def start(self) -> None:
        """Start the exchange, set the symbols up, start the daemon on them."""
        self.exchange.start()
        self.place.environment |= {
            "NAIVE_EXCHANGE__NAME": "binance",
            "NAIVE_MARKET__FEED": "binance",
            "NAIVE_EXCHANGE__BINANCE__REST_URL": self.exchange.rest_url,
            "NAIVE_EXCHANGE__BINANCE__WS_API_URL": self.exchange.ws_api_url,
            "NAIVE_EXCHANGE__BINANCE__STREAM_URL": self.exchange.stream_url,
            "NAIVE_EXCHANGE__BINANCE__API_KEY": self.exchange.api_key,
            "NAIVE_EXCHANGE__BINANCE__API_SECRET": self.exchange.api_secret,
            "NAIVE_EXCHANGE__BINANCE__STALE_AFTER_S": "5",
            "NAIVE_EXCHANGE__BINANCE__ANSWER_TIMEOUT_S": str(self._answer_s),
            "NAIVE_EXCHANGE__BINANCE__REFRESH_S": "5",
            "NAIVE_EXCHANGE__BINANCE__RECV_WINDOW_MS": "2000",
            "NAIVE_EXECUTION__REQUEST_TIMEOUT_S": str(self._answer_s + 3),
            "NAIVE_EXECUTION__NEVER_PLACED_AFTER_S": "12",
            "NAIVE_EXECUTION__RECONCILE_INTERVAL_S": "10",
        }
        answer = self.place("settings", "set", *self.symbols, *self._settings)
        assert answer.code == 0, answer.err
        answer = self.place("start", "--no-wait", *self.symbols)
        assert answer.code == 0, answer.err
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start the daemon and wait until it trades; one that finds no exchange is started again, as systemd does."""
        for attempt in eventually():
            with attempt:
                self.daemon = self.place.run()
                try:
                    self.daemon.log.await_event("ready")
                except AssertionError:
                    if not self.daemon.ends_within(2) or self.daemon.await_end() != UNREACHABLE:
                        pytest.fail(self.daemon.log.text()[-4000:])
                    raise

    def strike(self) -> None:
        """Switch one drawn fault on, for a drawn while."""
        kind, places, values = self.draw.choice(FAULTS)
        wish: dict[str, Any] = {"where": self.draw.choice(places), "value": self.draw.choice(values)}
        if kind not in ONCE:
            wish |= {"probability": self.draw.choice((0.05, 0.2, 0.5, 1.0)), "seconds": self.draw.choice((1, 3, 8))}
        try:
            self.exchange.fault(kind, **wish)
        except OSError:  # it is down by a fault of before, or has just cut us off: that is fault enough
            return
        self.struck[kind] += 1

    def rest(self, seconds: float) -> None:
        """Let the daemon trade for a while; it must not end by itself."""
        assert self.daemon is not None
        assert not self.daemon.ends_within(seconds), self.daemon.log.text()[-4000:]

    def kill_exchange(self, pause_s: float) -> None:
        """Kill the exchange with -9, and start it again on the same port and state after a while."""
        self.exchange.kill()
        self.rest(pause_s)
        self.exchange.start()
        self.struck["exchange killed"] += 1

    def kill_daemon(self) -> None:
        """Kill the daemon with -9, and start it again."""
        assert self.daemon is not None
        self.daemon.kill()
        self.struck["daemon killed"] += 1
        self.start_daemon()

    def heal(self) -> None:
        """Switch every fault off and let the market stand still."""
        for attempt in eventually():
            with attempt:
                try:
                    self.exchange.heal()
                    self.exchange.pause()
                except OSError as error:
                    raise AssertionError("the exchange is still down") from error

    def await_agreement(self) -> Books:
        """Wait until journal and exchange agree, and give the books; or say on what they do not."""
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AssertionError),
            wait=tenacity.wait_fixed(0.5),
            stop=tenacity.stop_after_delay(AGREED_WITHIN_S),
            reraise=True,
        ):
            with attempt:
                books = Books(self.place.url, fills_whole=False)
                found = disagreements(books, self.exchange)
                assert not found, "\n".join(found)
                answer = self.place("reconcile", "--json")
                assert answer.code == 0, answer.err  # its accounts may be starting still
        books.check()
        assert answer.data["differences"] == [], answer.out
        assert answer.data["orphans"] == 0
        return books

    def end(self) -> None:
        """End everything, whatever has happened."""
        try:
            self.place.clear()
        finally:
            self.exchange.stop()

    def told(self, books: Books) -> str:
        """Tell in a line what there was."""
        placed = len(books.orders)
        fills = sum((fill["quantity"] * fill["price"] for fill in books.fills), Decimal())
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.struck.items()))
        return (
            f"{placed} orders, {len(books.fills)} fills ({fills:.0f} USDT), {books.completed} cycles completed; "
            f"journal and exchange agree. Struck: {faults}"
        )
