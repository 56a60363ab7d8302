"""A trial: the installed daemon trades many accounts on the local exchange, and must always come to what a model says.

Compared are the daemon's live graph, the streams and sessions that are open on the exchange, and the orders that rest
there; in the end also the journal, to the last fill.
"""

import csv
import json
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import tenacity

from naive_daemon.console.client import ConsoleClient
from naive_daemon.console.protocol import AskFlow, FlowShown
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.flow import SHOWN_MAX
from tests.e2e.books import Books, read, write
from tests.e2e.place import Place
from tests.exchange.audit import disagreements
from tests.exchange.local_exchange import LocalExchange
from tests.exchange.trial import symbols_of, write_listing
from tests.flow.model import Graph, Model, Pair, Resting, Terms

if TYPE_CHECKING:
    from tests.e2e.daemon import Daemon

MAIN = "main"
TERMS = (
    Terms(1, Decimal(300), Decimal("0.001"), Decimal("0.002")),
    Terms(2, Decimal(500), Decimal("0.002"), Decimal("0.002")),
    Terms(3, Decimal(700), Decimal("0.003"), Decimal("0.004")),
    Terms(1, Decimal(450), Decimal("0.0015"), Decimal("0.003")),
    Terms(2, Decimal(550), Decimal("0.0025"), Decimal("0.001")),
)
LIVE = ("NEW", "PARTIALLY_FILLED")
TRIES_A_TRADE = 10
AT_ONCE = 4
"""So many operators type at the same time."""


class Trial:
    """One exchange, one daemon, so many accounts on so many symbols with so many distinct settings."""

    def __init__(self, folder: Path, accounts: int, symbols: int, settings: int, within_s: float) -> None:
        self.symbols = symbols_of(symbols)
        self.within_s = within_s
        self.terms = TERMS[:settings]
        listing = folder / "listing.json"
        write_listing(listing, self.symbols)
        self.exchange = LocalExchange(
            folder, "--exchange-info", str(listing), "--account-count", str(accounts), limited=False
        )
        self.place = Place(folder / "home", NAIVE_LOG__FORMAT="json")
        self.daemon: Daemon | None = None

    @cached_property
    def accounts(self) -> list[str]:
        """Name the accounts; the first is the configured one."""
        with (self.exchange.folder / "accounts.csv").open() as listing:
            return [MAIN, *(name for name, _ in csv.reader(listing))]

    @cached_property
    def model(self) -> Model:
        """What must come of it: each symbol has all settings, and each account has all of them, too."""
        return Model(
            {
                (account, symbol): self.terms[(number + place) % len(self.terms)]
                for (number, account), (place, symbol) in product(enumerate(self.accounts), enumerate(self.symbols))
            }
        )

    # What is done ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the exchange and the daemon, add the accounts, give them their settings, and switch all on."""
        self.exchange.start()
        self.exchange.pause()
        self.place.environment |= {
            "NAIVE_EXCHANGE__NAME": "binance",
            "NAIVE_MARKET__FEED": "binance",
            "NAIVE_EXCHANGE__BINANCE__REST_URL": self.exchange.rest_url,
            "NAIVE_EXCHANGE__BINANCE__WS_API_URL": self.exchange.ws_api_url,
            "NAIVE_EXCHANGE__BINANCE__STREAM_URL": self.exchange.stream_url,
            "NAIVE_EXCHANGE__BINANCE__API_KEY": self.exchange.api_key,
            "NAIVE_EXCHANGE__BINANCE__API_SECRET": self.exchange.api_secret,
        }
        self.start_daemon()
        self.command("account", "add", "--from", str(self.exchange.folder / "accounts.csv"), "--timeout", self._timeout)
        # No trader reports that it may buy again: each pair has one, however far the price falls here.
        self.command("settings", "set", *self.symbols, "--all-accounts", "rebuy_interval=0.5", "dust=keep")
        self._write_terms(self.model.traders)
        self.go_on_all(self.symbols)

    def start_daemon(self) -> None:
        """Start the daemon, and wait until it is ready."""
        self.daemon = self.place.run()
        self.daemon.log.await_event("ready")

    def kill_daemon(self) -> None:
        """Kill the daemon with -9."""
        assert self.daemon is not None
        self.daemon.kill()

    def trade(self, price: str) -> None:
        """Print a trade of each symbol."""
        self._print(price)
        for symbol in self.symbols:
            self.model.trade(symbol, Decimal(price))

    def change(self, pairs: Iterable[Pair]) -> None:
        """Give pairs the next settings of those that there are."""
        changed = list(pairs)
        for pair in changed:
            place = self.terms.index(self.model.traders[pair].terms)
            self.model.change(pair, self.terms[(place + 1) % len(self.terms)])
        self._write_terms(changed)

    def stop_all(self, symbols: list[str]) -> None:
        """Stop symbols of all accounts."""
        self._switch("stop", None, symbols)

    def stop_each(self, accounts: list[str], symbols: list[str]) -> None:
        """Stop symbols of these accounts, with a command for each."""
        self._switch_each("stop", accounts, symbols)

    def go_on_all(self, symbols: list[str]) -> None:
        """Start symbols of all accounts again."""
        self._switch("start", None, symbols)

    def go_on_each(self, accounts: list[str], symbols: list[str]) -> None:
        """Start symbols of these accounts again, with a command for each."""
        self._switch_each("start", accounts, symbols)

    def command(self, *arguments: str) -> Any:
        """Run a command, which must succeed; gives what it says as JSON."""
        return self.place(*arguments, "--json").data

    def end(self) -> None:
        """End everything, whatever has happened."""
        self.place.clear()
        self.exchange.stop()

    def shown(self) -> Any:
        """Give the live graph, by the console that the command asks, too."""
        client = ConsoleClient(self.place.home, time.monotonic)
        return json.loads(msgspec.json.encode(client.ask(AskFlow(shown_max=SHOWN_MAX), FlowShown).graph))

    # What is compared -----------------------------------------------------------------------------------------------

    def await_agreement(self, still_at: str | None = None) -> str:
        """Wait until graph, streams, sessions and orders are what the model says, or say what is not; tells of them.

        Meanwhile the market goes on printing at `still_at`: who had not begun anew when it first did, hears of it now.
        """
        began = time.monotonic()
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AssertionError),
            wait=tenacity.wait_fixed(0.1),
            stop=tenacity.stop_after_delay(self.within_s),
            reraise=True,
        ):
            with attempt:
                if still_at is not None and attempt.retry_state.attempt_number % TRIES_A_TRADE == 0:
                    self._print(still_at)
                self._compare_orders()
                self._compare_connections()
                told = self._compare_graph()
                self._compare_journal()
        spent_s = time.monotonic() - began
        return f"{told}, {len(self.model.resting())} orders rest; all as the model has it, in {spent_s:.1f} s"

    def audit(self) -> str:
        """Hold the journal of each account against the exchange, to the last fill; tells how much there was."""
        everything = {path: self.exchange.admin("GET", path) for path in ("/admin/orders", "/admin/fills")}
        fills = 0
        for account in self.accounts:
            books = Books(self.place.url, account, fills_whole=False)
            books.check()
            found = disagreements(books, _Looked(everything, self._there(account)))
            assert found == [], f"{account}: {found[:5]}"
            fills += len(books.fills)
        return f"{len(everything['/admin/orders'])} orders and {fills} fills of {len(self.accounts)} accounts agree"

    def _compare_orders(self) -> None:
        here = {account: self._there(account) for account in self.accounts}
        there: dict[tuple[str, str], list[Resting]] = {}
        for order in self.exchange.admin("GET", "/admin/orders"):
            if order["status"] in LIVE:
                resting = Resting(order["side"], Decimal(order["price"]), Decimal(order["origQty"]))
                there.setdefault((order["account"], order["symbol"]), []).append(resting)
        wanted = {(here[account], symbol): [order] for (account, symbol), order in self.model.resting().items()}
        for (account, symbol), order in self.model.early().items():
            if there.get((here[account], symbol)) == [order]:
                del there[here[account], symbol]
        assert there == wanted, _difference(there, wanted)

    def _compare_connections(self) -> None:
        open_now = self.exchange.admin("GET", "/admin/connections")
        streams = {f"{symbol.lower()}@trade": 1 for symbol in self.model.symbols()}
        assert open_now["market_streams"] == streams, _difference(open_now["market_streams"], streams)
        sessions = dict.fromkeys(map(self._there, self.accounts), 1)
        found = open_now["user_subscriptions"]
        assert found == sessions, _difference(found, sessions)

    def _compare_graph(self) -> str:
        shown = self.shown()
        found: Graph = {
            stream["id"].partition(":")[2]: {
                _terms_of(decision["data"]["what"]): frozenset(account["id"] for account in decision["clusters"])
                for decision in stream["clusters"]
            }
            for stream in shown["clusters"]
        }
        wanted = self.model.graph()
        assert found == wanted, _difference(found, wanted)
        works = sum(len(accounts) for groups in wanted.values() for accounts in groups.values())
        assert shown["sources"] == works
        assert all(stream["data"]["state"] == "open" for stream in shown["clusters"])
        decisions = sum(map(len, wanted.values()))
        return f"{works} works on {len(wanted)} streams with {decisions} decisions"

    def _compare_journal(self) -> None:
        """See that settings and journal explain the graph as well as the model does."""
        expected = {
            pair: {trader.terms} | ({trader.cycle_terms} if trader.cycle_terms else set())
            for pair, trader in self.model.traders.items()
        }
        found: dict[Pair, set[Terms]] = {}
        for account, symbol, *row in read(
            self.place.url,
            "SELECT account, symbol, chunks, budget, buy_down_interval, profit_interval FROM settings",
        ):
            found[account, symbol] = {Terms(*row)}
        for account, symbol, text in read(
            self.place.url, "SELECT account, symbol, settings::text FROM cycles WHERE outcome IS NULL"
        ):
            settings = msgspec.json.decode(text, type=TradeSettings, strict=False)
            terms = Terms(settings.chunks, settings.budget, settings.buy_down_interval, settings.profit_interval)
            found[account, symbol].add(terms)
        assert found == expected, _difference(found, expected)

    # How ------------------------------------------------------------------------------------------------------------

    def _print(self, price: str) -> None:
        for symbol in self.symbols:
            self.exchange.trade(symbol, price, "1000000000")

    @property
    def _timeout(self) -> str:
        return str(int(self.within_s))

    def _switch_each(self, command: str, accounts: list[str], symbols: list[str]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda account: self._switch(command, account, symbols), accounts))

    def _switch(self, command: str, account: str | None, symbols: list[str]) -> None:
        whose = ("--all-accounts",) if account is None else ("--account", account)
        self.command(command, *symbols, *whose, "--timeout", self._timeout)
        for pair in self.model.traders:
            if account in (None, pair[0]) and pair[1] in symbols:
                self.model.switch(pair, on=command == "start")

    def _write_terms(self, pairs: Iterable[Pair]) -> None:
        """Write settings behind the daemon's back, as an operator with a database console does: one statement each."""
        of_terms: dict[Terms, list[Pair]] = {}
        for pair in pairs:
            of_terms.setdefault(self.model.traders[pair].terms, []).append(pair)
        for terms, same in of_terms.items():
            named = ", ".join(f"('{account}', '{symbol}')" for account, symbol in same)
            write(
                self.place.url,
                f"UPDATE settings SET chunks = {terms.chunks}, budget = {terms.budget}, "
                f"buy_down_interval = {terms.buy_down}, profit_interval = {terms.profit} "
                f"WHERE (account, symbol) IN ({named})",
            )

    def _there(self, account: str) -> str:
        """Say what the exchange calls an account."""
        return "demo" if account == MAIN else account


class _Looked:
    """What the exchange has told of all accounts, as if it had told of one."""

    def __init__(self, everything: dict[str, Any], account: str) -> None:
        self._everything = everything
        self._account = account

    def admin(self, _: str, path: str) -> Any:
        return [row for row in self._everything[path] if row["account"] == self._account]


def _terms_of(what: str) -> Terms:
    """Read the settings that the daemon shows of a decision."""
    shown = dict(re.findall(r"(\w+)=(\S+)", what))
    return Terms(
        int(shown["chunks"]),
        Decimal(shown["budget"]),
        Decimal(shown["buy_down_interval"]),
        Decimal(shown["profit_interval"]),
    )


def _difference(found: dict[Any, Any], wanted: dict[Any, Any]) -> str:
    """Tell the first of what is not as it shall be."""
    differing = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    lines = [f"{key}: {found.get(key)} instead of {wanted.get(key)}" for key in differing[:3]]
    return f"{len(differing)} differ; {'; '.join(lines)}"
