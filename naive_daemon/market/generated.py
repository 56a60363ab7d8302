"""A market made up from a seed: for paper trading without a connection, and for tests.

The price swings fast around a mean that wanders slowly; both are pulled back and bounded, so that a few seconds show
dips and rebuys, and a year shows no runaway. Every few seconds one large order sweeps the book: a single trade far out,
and the next is back. Without sweeps a bounded market dries up: who sells at a high begins his next cycle there, each
cycle higher than the one before it, until all wait at the top. After a sweep the next cycle begins where the price was
before it, so cycles are finished for as long as the market runs.

Everything is integers (billionths of the start price) and Decimals on the instrument's grid; only a Gaussian draw is a
float, rounded at once. Invariant: the same arguments give the same trades, and `state` taken after any trade gives the
same rest of them.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from math import exp, sqrt
from typing import Self

import msgspec

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ceil_to, floor_to
from naive_daemon.market.generated_sweep import Sweeps

TRADES_PER_SECOND = 20
TRADES_PER_SECOND_MAX = 1_000_000

_WHOLE = 10**9  # the start price: offsets are in billionths of it
_BLOCK = 256  # trades between fresh seeds: a resumed market draws fewer than these again
_SIZES = 1_000  # how many different sizes trades come in
_NOTIONALS = 100  # the largest trade, in least notionals

# In billionths of the start price. The swing alone (0.28 % from end to end) is too narrow for the default settings to
# sell on, so that no cycle of theirs begins at its high.
_MEAN_USUAL, _MEAN_MAX, _MEAN_MEMORY_S = 1_200_000, 3_000_000, 21_600
_SWING_USUAL, _SWING_MAX, _SWING_MEMORY_S = 900_000, 1_400_000, 2


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """How far a market has walked: trades so far, its two offsets in billionths of the start price, its last price."""

    count: int = 0
    mean: int = 0
    swing: int = 0
    last_price: Decimal | None = None


class GeneratedState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a generated market is: all that is needed to go on from there.

    `start_price` is where it once started; the next trade has `next_trade_id` and the UTC time `next_ns`.
    """

    seed: int
    start_price: Decimal
    trades_per_second: int
    next_trade_id: int
    next_ns: int
    walk: Walk


_FRESH = Walk()


class GeneratedMarket:
    """An endless iterator over the trades of one instrument, evenly spaced in time.

    The first trade has `first_trade_id` and the time `start_ns`; its price is near `start_price`, which is in the
    quote asset and rounded down to a tick. To go on after a restart without a jump, give what the market had before:
    all of it by `resume`, or its last price, its next trade id and the time now. The instrument's tick and step must
    be more than 0. Raises ValueError for a price below one tick or a rate that is not from 1 to
    TRADES_PER_SECOND_MAX.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        seed: int,
        start_price: Decimal,
        start_ns: int,
        first_trade_id: int = 1,
        trades_per_second: int = TRADES_PER_SECOND,
        walk: Walk = _FRESH,
    ) -> None:
        if not 1 <= trades_per_second <= TRADES_PER_SECOND_MAX:
            raise ValueError(f"{trades_per_second} trades a second: from 1 to {TRADES_PER_SECOND_MAX} can be made")
        self._start_price = floor_to(start_price, instrument.tick_size)
        self._start_ticks = int(self._start_price / instrument.tick_size)
        if self._start_ticks < 1:
            raise ValueError(f"{instrument.symbol} can not start at {start_price}, which is less than a tick")
        self._instrument = instrument
        self._least_lots, self._most_lots = _lots(instrument, self._start_price)
        self._seed = seed
        self._trades_per_second = trades_per_second
        self._next_trade_id = first_trade_id
        self._next_ns = start_ns
        self._count = walk.count
        self._last_price = walk.last_price if walk.last_price is not None else self._start_price
        self._mean = _Offset(walk.mean, _MEAN_USUAL, _MEAN_MEMORY_S * trades_per_second, _MEAN_MAX)
        self._swing = _Offset(walk.swing, _SWING_USUAL, _SWING_MEMORY_S * trades_per_second, _SWING_MAX)
        self._sweeps = Sweeps(f"{instrument.symbol}/{seed}", trades_per_second)
        self._random = self._block_random()
        for _ in range(self._count % _BLOCK):
            self._draw()

    @classmethod
    def resume(cls, instrument: Instrument, state: GeneratedState, *, start_ns: int | None = None) -> Self:
        """Give the market that goes on from `state`, its next trade at `start_ns` where that is given.

        A walk that has gone further than any can now (a former version's) goes on around its last price.
        """
        start_price, walk = state.start_price, state.walk
        if walk.last_price is not None and (abs(walk.mean) > _MEAN_MAX or abs(walk.swing) > _SWING_MAX):
            start_price, walk = walk.last_price, Walk(count=walk.count, last_price=walk.last_price)
        return cls(
            instrument,
            seed=state.seed,
            start_price=start_price,
            start_ns=state.next_ns if start_ns is None else start_ns,
            first_trade_id=state.next_trade_id,
            trades_per_second=state.trades_per_second,
            walk=walk,
        )

    def __iter__(self) -> Iterator[Trade]:
        return self

    def __next__(self) -> Trade:
        mean_draw, swing_draw, size = self._draw()
        self._mean.move(mean_draw)
        self._swing.move(swing_draw)
        offset = self._mean.value + self._swing.value + self._sweeps.at(self._count)
        ticks = max(1, self._start_ticks * (_WHOLE + offset) // _WHOLE)
        price = ticks * self._instrument.tick_size
        trade = Trade(
            self._instrument.symbol,
            price,
            (self._least_lots + self._most_lots * size // _SIZES) * self._instrument.step_size,
            self._next_trade_id,
            self._next_ns,
            self._seller_came(price, size),
        )
        self._count += 1
        if self._count % _BLOCK == 0:
            self._random = self._block_random()
        self._next_trade_id += 1
        self._next_ns += NS_PER_S // self._trades_per_second
        self._last_price = price
        return trade

    @property
    def state(self) -> GeneratedState:
        """Where the market is now: take it after any trade, keep it, and `resume` with it."""
        return GeneratedState(
            seed=self._seed,
            start_price=self._start_price,
            trades_per_second=self._trades_per_second,
            next_trade_id=self._next_trade_id,
            next_ns=self._next_ns,
            walk=Walk(count=self._count, mean=self._mean.value, swing=self._swing.value, last_price=self._last_price),
        )

    def _block_random(self) -> random.Random:
        return random.Random(f"{self._instrument.symbol}/{self._seed}/{self._count // _BLOCK}")  # noqa: S311 - no secret

    def _draw(self) -> tuple[float, float, int]:
        return self._random.gauss(), self._random.gauss(), self._random.randrange(_SIZES)

    def _seller_came(self, price: Decimal, size: int) -> bool:
        """Say whether a seller met a resting buyer: he did when the price fell, and half the time when it stayed."""
        if price == self._last_price:
            return size % 2 == 0
        return price < self._last_price


class _Offset:
    """A value, in billionths, that is pulled back to 0 and pushed about (an Ornstein-Uhlenbeck process).

    `usual` is its standard deviation in the long run, were it not held within `bound`; `memory` is the number of steps
    until 1/e of a push is left.
    """

    def __init__(self, value: int, usual: int, memory: int, bound: int) -> None:
        self.value = value
        self._bound = bound
        self._kept = round(_WHOLE * exp(-1 / memory))
        self._push = usual * sqrt(1 - exp(-2 / memory))

    def move(self, draw: float) -> None:
        """Make one step; `draw` comes from the normal distribution."""
        moved = self.value * self._kept // _WHOLE + round(draw * self._push)
        self.value = min(max(moved, -self._bound), self._bound)


def _lots(instrument: Instrument, price: Decimal) -> tuple[int, int]:
    """Give the smallest trade in lots, and by how many lots the largest is larger."""
    step = instrument.step_size
    least = max(1, int(ceil_to(instrument.min_notional / price, step) / step), int(instrument.min_quantity / step))
    return least, least * _NOTIONALS
