"""Many accounts on one symbol: the daemon's own tree on one thread, without servers, and a market by hand."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Self

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.market.feed import Await, DeliverTrade, TradeArrived
from naive_daemon.otp import Actor, ActorSystem, WhichChildren
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.strategy.protocol import Decision, Position, StrategyEvent, Wake
from naive_daemon.trading.account_messages import AccountsRead
from naive_daemon.trading.switch_messages import SettingsRead
from naive_daemon.tree import PaperExchange, Ports, root

SYMBOL = "BTCUSDT"
INSTRUMENT = Instrument(
    symbol=SYMBOL, base_asset="BTC", quote_asset="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001")
)
PRICE = Decimal(60_000)
STEP_NS = NS_PER_S // 10
START_NS = 600 * NS_PER_S


def settings(number: int, chunks: int) -> TradeSettings:
    """Give the trade settings of one of many accounts: there are three distinct ones."""
    return TradeSettings(
        chunks=chunks,
        budget=Decimal(100_000),
        buy_down_interval=Decimal("0.001") * (1 + number % 3),
        profit_interval=Decimal("0.01"),
        rebuy_interval=Decimal("0.004"),
    )


class _Sleeper(Actor):
    """Waits, and is never woken."""


class Crowd:
    """Open with `with`: `accounts` of them trade one symbol, of which every trader waits for its price."""

    def __init__(self, accounts: int, chunks: int = 1) -> None:
        self._names = [f"account-{number}" for number in range(accounts)]
        self._chunks = chunks
        self._trade_id = 0
        self._price = PRICE

    def __enter__(self) -> Self:
        first, *others = self._names
        self._clock = VirtualClock(1_700_000_000 * NS_PER_S)
        self.system = ActorSystem.simulated(self._clock)
        balances = {"USDT": Decimal(10**9)}
        ports = Ports(
            owner="bench",
            account=first,
            instruments={SYMBOL: INSTRUMENT},
            exchange=PaperExchange(fill_model=FillModel.THROUGH, maker_fee=Decimal("0.001"), balances=balances),
            open_journal=MemoryJournal,
        )
        self.system.start(root(ports))
        self.system.tell(names.ACCOUNT_DESK, AccountsRead(tuple(AccountSettings(name=name) for name in others)))
        self.system.run_until_idle()
        rows = [
            SymbolSettings(account=name, symbol=SYMBOL, status=TradingStatus.ON, trade=settings(number, self._chunks))
            for number, name in enumerate(self._names)
        ]
        self.system.tell(names.SWITCHES, SettingsRead(tuple(rows)))
        self.system.advance_to(self._clock.now_ns() + START_NS)
        return self

    def __exit__(self, *_: object) -> None:
        self.system.stop()

    def play(self, prices: Iterable[Decimal]) -> None:
        """Let the market print trades, each carried to its end."""
        feed = self.system.whereis(names.feed(SYMBOL))
        if feed is None:
            raise RuntimeError("nobody wants the market")
        for price in prices:
            self._trade_id += 1
            self.system.advance_to(self._clock.now_ns() + STEP_NS)
            feed.tell(TradeArrived(Trade(SYMBOL, price, Decimal(1), self._trade_id, self._clock.now_ns())))
            self.system.run_until_idle()
            feed.tell(DeliverTrade())
            self.system.run_until_idle()

    def buy(self) -> None:
        """Have every trader place its order."""
        self.play([PRICE])

    def fall(self, times: int) -> None:
        """Let the price fall so far that all have bought, and one trader more of each account begins; so many times."""
        for _ in range(times):
            self._price *= Decimal("0.99")
            self.play([self._price, self._price])

    def add_sleepers(self, count: int) -> None:
        """Have so many more wait in the feed, each for a price of its own that does not come."""
        for number in range(count):
            sleeper = self.system.start(_Sleeper())
            wake = Wake(below=Decimal(number) / 100, above=PRICE * 2 + number)
            self.system.tell(names.feed(SYMBOL), Await(sleeper, wake))
        self.system.run_until_idle()

    def quiet_prices(self, count: int) -> list[Decimal]:
        """Give prices at which nobody is woken and nothing is filled."""
        return [self._price - Decimal("0.01") * (number % 2) for number in range(count)]

    def traders(self) -> int:
        """Count the traders that live."""
        found = (self.system.whereis(names.traders(name, SYMBOL)) for name in self._names)
        return sum(len(self.system.ask(each, WhichChildren())) for each in found if each is not None)


class Decisions:
    """How often the naive strategy was asked."""

    count = 0


@contextmanager
def counted() -> Iterator[Decisions]:
    """Count decisions on trades; those that are shared are asked for once."""
    decisions, decide = Decisions(), NaiveStrategy.decide

    def counting(
        self: NaiveStrategy, event: StrategyEvent, position: Position, instrument: Instrument
    ) -> tuple[Decision, ...]:
        decisions.count += isinstance(event, Trade)
        return decide(self, event, position, instrument)

    NaiveStrategy.decide = counting
    try:
        yield decisions
    finally:
        NaiveStrategy.decide = decide
