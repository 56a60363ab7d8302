"""Waiting prices, kept sorted: a trade that crosses nothing costs two comparisons, however many wait."""

from collections.abc import Hashable, Iterator
from decimal import Decimal
from itertools import count
from typing import Generic, TypeVar

import msgspec
from sortedcontainers import SortedList

from naive_daemon.strategy.protocol import Wake

Owner = TypeVar("Owner", bound=Hashable)

LOWEST = Decimal("-Infinity")
HIGHEST = Decimal("Infinity")


class PriceBand(msgspec.Struct, frozen=True):
    """Prices at which a trade changes nothing, both ends included; an end may be infinite."""

    low: Decimal = LOWEST
    high: Decimal = HIGHEST

    def meet(self, other: "PriceBand") -> "PriceBand":
        """Give the prices that lie in both; none when low is above high."""
        return PriceBand(max(self.low, other.low), min(self.high, other.high))


NOWHERE = PriceBand(HIGHEST, LOWEST)
_NOTHING = Wake()


class PriceAlerts(Generic[Owner]):
    """What each owner waits for; all of its waiting ends when any of it comes true, but for who hears every trade."""

    def __init__(self) -> None:
        self._wakes: dict[Owner, tuple[int, Wake]] = {}
        self._next: dict[Owner, int] = {}
        self._every: dict[Owner, int] = {}
        self._below: SortedList[tuple[Decimal, int, Owner]] = SortedList()
        self._above: SortedList[tuple[Decimal, int, Owner]] = SortedList()
        self._highest_below: Decimal | None = None
        self._lowest_above: Decimal | None = None
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._wakes)

    def set(self, owner: Owner, wake: Wake) -> None:
        """Wait for `wake`, and for nothing that was waited for before."""
        self.remove(owner)
        if wake == _NOTHING:
            return
        number = next(self._numbers)
        self._wakes[owner] = number, wake
        if wake.every_trade:
            self._every[owner] = number
        if wake.next_trade:
            self._next[owner] = number
        if wake.below is not None:
            self._below.add((wake.below, number, owner))
        if wake.above is not None:
            self._above.add((wake.above, number, owner))
        self._look()

    def remove(self, owner: Owner) -> None:
        """Wait for nothing any more."""
        number, wake = self._wakes.pop(owner, (0, None))
        if wake is None:
            return
        self._next.pop(owner, None)
        self._every.pop(owner, None)
        if wake.below is not None:
            self._below.remove((wake.below, number, owner))
        if wake.above is not None:
            self._above.remove((wake.above, number, owner))
        self._look()

    def hears_every_trade(self, owner: Owner) -> bool:
        """Say whether the owner is woken by each trade."""
        return owner in self._every

    def quiet(self) -> PriceBand:
        """Give the prices at which a trade wakes nobody."""
        if self._next or self._every:
            return NOWHERE
        low, high = self._highest_below, self._lowest_above
        return PriceBand(LOWEST if low is None else low, HIGHEST if high is None else high)

    def is_crossed_by(self, price: Decimal) -> bool:
        """Say whether a trade at `price` wakes anybody."""
        return (
            bool(self._next)
            or bool(self._every)
            or (self._highest_below is not None and price < self._highest_below)
            or (self._lowest_above is not None and price > self._lowest_above)
        )

    def crossed_by(self, price: Decimal) -> list[Owner]:
        """Take out and give who is woken by a trade at `price`, in the order in which they began to wait.

        Who hears every trade is given, and stays.
        """
        woken = self.reached_by(price)
        for owner in woken:
            if owner not in self._every:
                self.remove(owner)
        return woken

    def reached_by(self, price: Decimal) -> list[Owner]:
        """Give who is woken by a trade at `price`, in the order in which they began to wait; nobody's waiting ends."""
        if not self.is_crossed_by(price):
            return []
        woken = {owner: number for number, owner in self._reached(price)}
        return sorted(woken, key=woken.__getitem__)

    def _reached(self, price: Decimal) -> Iterator[tuple[int, Owner]]:
        for each in (self._next, self._every):
            yield from ((number, owner) for owner, number in each.items())
        for below, number, owner in reversed(self._below):
            if price >= below:
                break
            yield number, owner
        for above, number, owner in self._above:
            if price <= above:
                break
            yield number, owner

    def _look(self) -> None:
        self._highest_below = self._below[-1][0] if self._below else None
        self._lowest_above = self._above[0][0] if self._above else None
