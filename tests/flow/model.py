"""What many accounts on the naive strategy must come to: orders and works, from settings and printed trades alone.

Each pair of account and symbol has one trader. It waits for a trade, buys below it, sells what it got, and begins anew
with the settings of then; it keeps its settings until it has sold. A pair that is off does nothing; what rests of it on
the exchange is filled all the same.
"""

from collections import defaultdict
from decimal import ROUND_DOWN, Decimal
from enum import Enum, auto

import msgspec

FEE = Decimal("0.001")
TICK = Decimal("0.01")
STEP = Decimal("0.0001")

Pair = tuple[str, str]
"""Account and symbol."""
Graph = dict[str, dict["Terms", frozenset[str]]]
"""For each symbol that is streamed, the accounts of each distinct settings."""


class Terms(msgspec.Struct, frozen=True):
    """The settings in which the accounts of a trial differ."""

    chunks: int
    budget: Decimal
    buy_down: Decimal
    profit: Decimal

    def buy(self, price: Decimal) -> "Resting":
        """Say what is bought when a trade was printed at `price`."""
        limit = _floor(price * (1 - self.buy_down), TICK)
        return Resting("BUY", limit, _floor(self.budget / self.chunks / limit, STEP))

    def sell(self, bought: "Resting") -> "Resting":
        """Say what is sold when a buy was filled: what is left of it after the fee, with both fees and the profit."""
        limit = bought.price * (1 + FEE) * (1 + self.profit) * (1 + FEE)
        return Resting("SELL", _floor(limit, TICK), _floor(bought.quantity * (1 - FEE), STEP))


class Resting(msgspec.Struct, frozen=True):
    """An order that rests."""

    side: str
    price: Decimal
    quantity: Decimal


class Stage(Enum):
    """Where a pair's trader is."""

    WAITING = auto()
    BUYING = auto()
    HOLDING = auto()
    """It has bought, and nobody sells: the pair is off, or its account is."""
    SELLING = auto()


class Trader(msgspec.Struct):
    """One pair: its settings as they are now, those of its open cycle, and its order."""

    terms: Terms
    is_on: bool = False
    stage: Stage = Stage.WAITING
    cycle_terms: Terms | None = None
    order: Resting | None = None
    bought: Resting | None = None
    """What it holds while nobody sells it."""
    early: Resting | None = None
    """What it may have bought already, at the very trade that ended its cycle: the next one has the same price."""


class Model:
    """All pairs. Whatever is done is done to the trial, too; then both must come to the same."""

    def __init__(self, terms: dict[Pair, Terms]) -> None:
        self.traders = {pair: Trader(terms=of_pair) for pair, of_pair in terms.items()}

    def switch(self, pair: Pair, *, on: bool) -> None:
        """Switch a pair on or off; who has bought meanwhile sells as soon as it is on."""
        trader = self.traders[pair]
        trader.is_on = on
        if on and trader.stage is Stage.HOLDING:
            self._sell(trader)

    def change(self, pair: Pair, terms: Terms) -> None:
        """Give a pair other settings, for its next cycle."""
        self.traders[pair].terms = terms

    def trade(self, symbol: str, price: Decimal) -> None:
        """Print a trade. Who ends a cycle by it begins the next one with the next trade."""
        for (_, traded), trader in self.traders.items():
            if traded == symbol:
                self._trade(trader, price)

    def graph(self) -> Graph:
        """Give the works, as the streams' owner groups them."""
        found: dict[str, dict[Terms, set[str]]] = defaultdict(lambda: defaultdict(set))
        for (account, symbol), trader in self.traders.items():
            if trader.is_on:
                for terms in {trader.terms, trader.cycle_terms or trader.terms}:
                    found[symbol][terms].add(account)
        return {
            symbol: {terms: frozenset(accounts) for terms, accounts in groups.items()}
            for symbol, groups in found.items()
        }

    def resting(self) -> dict[Pair, Resting]:
        """Give the orders on the exchange."""
        return {pair: trader.order for pair, trader in self.traders.items() if trader.order is not None}

    def early(self) -> dict[Pair, Resting]:
        """Give the orders that may be on the exchange already; the next trade at the same price makes them certain."""
        return {pair: trader.early for pair, trader in self.traders.items() if trader.early is not None}

    def symbols(self) -> set[str]:
        """Name the symbols that are streamed."""
        return {symbol for (_, symbol), trader in self.traders.items() if trader.is_on}

    def _trade(self, trader: Trader, price: Decimal) -> None:
        match trader.stage, trader.order:
            case Stage.WAITING, _ if trader.is_on:
                assert trader.early in (None, trader.terms.buy(price))
                trader.stage, trader.cycle_terms = Stage.BUYING, trader.terms
                trader.order, trader.early = trader.terms.buy(price), None
            case Stage.BUYING, Resting() as buy if price < buy.price:
                trader.stage = Stage.HOLDING
                if trader.is_on:
                    self._sell(trader)
                else:
                    trader.bought, trader.order = buy, None
            case Stage.SELLING, Resting() as sell if price > sell.price:
                trader.stage, trader.cycle_terms, trader.order = Stage.WAITING, None, None
                trader.early = trader.terms.buy(price)

    def _sell(self, trader: Trader) -> None:
        bought = trader.bought or trader.order
        assert bought is not None
        assert trader.cycle_terms is not None
        trader.stage, trader.order, trader.bought = Stage.SELLING, trader.cycle_terms.sell(bought), None


def _floor(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_DOWN) * step
