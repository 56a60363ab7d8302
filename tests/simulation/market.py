"""The market: prices that swing, jump and crash, printed in all sizes; and the connection that brings them in."""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from naive_daemon import names
from naive_daemon.domain.events import AskMarketHealth, MarketHealth, Trade
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.market.live import AskStreams
from naive_daemon.market.player import Play, Silence
from naive_daemon.otp import Actor
from tests.simulation.plan import OPENING_PRICE

TICK = Decimal("0.01")
PULL = 98
"""A walk keeps so many hundredths of its distance from the middle with each print, so that it comes back."""
STEP_MAX = 25
GAP_MAX = Decimal("0.05")
CRASH_MAX = Decimal("0.5")
QUANTITIES = tuple(map(Decimal, ("0.05", "0.2", "0.7", "3", "20")))
BACK_AT, ENOUGH = Decimal(20), Decimal(1_000)
LOW = Decimal(30)
WIDENS = Decimal("1.01")
"""Each swing goes that much further than the one before: who has bought at a top, or would buy at a low, waits for one.
"""


class Print(NamedTuple):
    """What is traded next: it becomes a trade when its moment has come, with that moment's time and number."""

    symbol: str
    price: Decimal
    quantity: Decimal


class Market:
    """Draws the next prints of each symbol. Trade numbers go up by one."""

    def __init__(self, seed: int, symbols: Sequence[str]) -> None:
        self._draw = random.Random(f"{seed}/market")
        self.symbols = tuple(symbols)
        self._middle = dict.fromkeys(symbols, OPENING_PRICE)
        self._offset = dict.fromkeys(symbols, 0)
        self._number = 0
        self._top, self._low = 3 * OPENING_PRICE, LOW

    def prints(self) -> list[Print]:
        """Give what is traded in a beat: one to three prints of each symbol."""
        draw = self._draw
        return [self._next(symbol) for symbol in self.symbols for _ in range(draw.choice((1, 1, 2, 3)))]

    def jump(self, size: float) -> None:
        """Open a gap: without a print between, the price of every symbol stands elsewhere."""
        for symbol in self.symbols:
            share = GAP_MAX * Decimal(round(2 * size - 1, 3))
            self._middle[symbol] = max(self._middle[symbol] * (1 + share), 10 * TICK).quantize(TICK)

    def crash(self, size: float) -> list[Print]:
        """Print a crash and the way back, of one symbol, large enough for every order on the way."""
        symbol = self._draw.choice(self.symbols)
        price = self._price(symbol)
        low = max((price * (1 - CRASH_MAX * Decimal(round(size, 3)))).quantize(TICK), TICK)
        return [Print(symbol, each, BACK_AT) for each in (low, price)]

    def swing(self, *, is_up: bool) -> list[Print]:
        """Print lower or higher than ever before; large enough for all that rests there."""
        self._top, self._low = self._top * WIDENS, self._low / WIDENS
        price = (self._top if is_up else self._low).quantize(TICK)
        return [Print(symbol, price, ENOUGH) for symbol in self.symbols]

    def trade(self, what: Print, now_ns: int) -> Trade:
        """Print it."""
        self._number += 1
        return Trade(*what, self._number, now_ns)

    def _next(self, symbol: str) -> Print:
        draw = self._draw
        self._offset[symbol] = self._offset[symbol] * PULL // 100 + draw.randint(-STEP_MAX, STEP_MAX)
        return Print(symbol, self._price(symbol), draw.choice(QUANTITIES))

    def _price(self, symbol: str) -> Decimal:
        return max(self._middle[symbol] + self._offset[symbol] * TICK, TICK)


class MarketConnection(Actor):
    """Stands where a live market's connection does: hands on the prints of the symbols that are wanted, as they come.

    Receives: Play, Silence, AskMarketHealth, MarketHealth and trades from the world; the request AskStreams.
    Sends: TradeArrived and DeliverTrade to feeds; publishes MarketHealth, and `told` hears of it right after.
    """

    runs_on = "thread"

    def __init__(self, health: Callable[[], MarketHealth], told: Callable[[MarketHealth], None]) -> None:
        super().__init__()
        self._wanted: set[str] = set()
        self._health = health
        self._told = told

    def init(self) -> None:
        """Say how the market is, which may not be as a former connection has said, and to whoever asks."""
        self.subscribe(names.MARKET_HEALTH_ASKED)
        self._say(self._health())

    def on_receive(self, message: Any) -> Any:
        """Hand on a trade, or note what is wanted."""
        match message:
            case Trade(symbol):
                if symbol in self._wanted:
                    feed = self.system.whereis(names.feed(symbol))
                    if feed is not None:
                        feed.tell(TradeArrived(message))
                        feed.tell(DeliverTrade())
            case Play(symbol):
                self._wanted.add(symbol)
            case Silence(symbol):
                self._wanted.discard(symbol)
            case MarketHealth():
                self._say(message)
            case AskMarketHealth():
                self._say(self._health())
            case AskStreams():
                return ()
            case _:
                super().on_receive(message)
        return None

    def _say(self, health: MarketHealth) -> None:
        self.system.pubsub.publish(names.MARKET_HEALTH, health)
        self._told(health)
