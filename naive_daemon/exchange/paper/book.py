"""One symbol's resting orders, in price-time priority. Owned by the engine.

`BookSide.best` is always a price that can be compared, also when the side is empty, so that a trade that crosses
nothing costs two comparisons, however many orders rest.
"""

import enum
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, islice

from sortedcontainers import SortedList

from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.resting import Resting

# No trade prints at or beyond these, so an empty side is never crossed.
_NO_BID = Decimal("-Infinity")
_NO_ASK = Decimal("Infinity")


class FillModel(enum.StrEnum):
    """When a resting order fills.

    THROUGH: whole, once a trade prints strictly below a buy or strictly above a sell.
    VOLUME: at or through its price, all orders together up to the traded quantity.
    """

    THROUGH = "through"
    VOLUME = "volume"


class BookSide:
    """The buys or the sells of one symbol."""

    __slots__ = ("_is_buy", "_levels", "_prices", "best")

    def __init__(self, side: Side) -> None:
        self._is_buy = side is Side.BUY
        self._levels: dict[Decimal, dict[Resting, None]] = {}
        self._prices = SortedList()
        self.best = self._best()

    def add(self, resting: Resting) -> None:
        """Put an order behind those that rest at its price."""
        price = resting.order.price
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = {}
            self._prices.add(price)
            self.best = self._best()
        level[resting] = None

    def remove(self, resting: Resting) -> None:
        """Take an order off the book; it must be there."""
        price = resting.order.price
        level = self._levels[price]
        del level[resting]
        if not level:
            del self._levels[price]
            self._prices.remove(price)
            self.best = self._best()

    def crossed(self, price: Decimal, *, at_price: bool) -> Iterator[Resting]:
        """Go over the orders that a trade at `price` reaches, best price first, then oldest first.

        Without `at_price` only those that the trade goes strictly through. The book must not change meanwhile.
        """
        for level_price in reversed(self._prices) if self._is_buy else self._prices:
            through = price < level_price if self._is_buy else price > level_price
            if not through and not (at_price and price == level_price):
                return
            yield from self._levels[level_price]

    def levels(self, limit: int) -> list[tuple[Decimal, Decimal]]:
        """Give the best `limit` prices, best first, with what is still to be filled at each, in base."""
        prices = islice(reversed(self._prices) if self._is_buy else self._prices, limit)
        return [(price, sum((resting.order.remaining for resting in self._levels[price]), ZERO)) for price in prices]

    def _best(self) -> Decimal:
        if not self._prices:
            return _NO_BID if self._is_buy else _NO_ASK
        best: Decimal = self._prices[-1 if self._is_buy else 0]
        return best


class Book:
    """A symbol's two sides, its last price, and its resting orders by account and client order id."""

    __slots__ = ("_accounts", "asks", "bids", "instrument", "last_price")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.last_price: Decimal | None = None
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self._accounts: dict[str, dict[str, Resting]] = {}

    def add(self, resting: Resting) -> None:
        """Let an order rest."""
        order = resting.order
        self._accounts.setdefault(order.key.account, {})[order.client_order_id] = resting
        self._side(order).add(resting)

    def remove(self, resting: Resting) -> None:
        """Take an order off the book; it must be there."""
        order = resting.order
        del self._accounts[order.key.account][order.client_order_id]
        self._side(order).remove(resting)

    def resting(self, account: str) -> list[Resting]:
        """Give the account's orders here, oldest first."""
        return list(self._accounts.get(account, {}).values())

    def count(self, account: str) -> int:
        """Count the account's orders here."""
        return len(self._accounts.get(account, ()))

    def reached(self, trade: Trade, fill_model: FillModel) -> list[tuple[Resting, Decimal]]:
        """Give the orders that `trade` fills and how much of each, best price first, then oldest first.

        THROUGH: buys before sells. VOLUME: both sides draw on the one traded quantity, the trade's maker side first.
        """
        if fill_model is FillModel.VOLUME:
            return self._shares(trade)
        bids = self.bids.crossed(trade.price, at_price=False)
        asks = self.asks.crossed(trade.price, at_price=False)
        return [(resting, resting.order.remaining) for resting in chain(bids, asks)]

    def _shares(self, trade: Trade) -> list[tuple[Resting, Decimal]]:
        bids = self.bids.crossed(trade.price, at_price=True)
        asks = self.asks.crossed(trade.price, at_price=True)
        left = trade.quantity
        shares: list[tuple[Resting, Decimal]] = []
        for resting in chain(bids, asks) if trade.buyer_is_maker else chain(asks, bids):
            if left <= 0:
                break
            share = min(left, resting.order.remaining)
            left = EXACT.subtract(left, share)
            shares.append((resting, share))
        return shares

    def _side(self, order: Order) -> BookSide:
        return self.bids if order.side is Side.BUY else self.asks
