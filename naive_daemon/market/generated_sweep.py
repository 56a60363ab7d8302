"""Large orders of a generated market: each sweeps the book, so one trade is far out, and the next is back.

They alternate, buyers and sellers, one in each few seconds at a random moment; never two trades in a row. What is
drawn follows from the key and the number of the trade alone, so there is no state to keep.
"""

import random

# Far enough for the default settings to sell what they bought at the highest mean when the mean is at its lowest.
_LEAST, _MOST = 3_500_000, 13_000_000  # in billionths of the start price
_PERIOD_S = 5
_PERIOD_TRADES_MIN = 4


class Sweeps:
    """The sweeps of one market; `key` is its seed."""

    def __init__(self, key: str, trades_per_second: int) -> None:
        self._key = key
        self._period = max(_PERIOD_TRADES_MIN, _PERIOD_S * trades_per_second // 2 * 2)
        self._number = -1
        self._place = 0
        self._far = 0

    def at(self, count: int) -> int:
        """Give how far out the trade number `count` is, in billionths of the start price; 0 for most."""
        number, place = divmod(count, self._period)
        if number != self._number:
            self._number = number
            self._draw(number)
        return self._far if place == self._place else 0

    def _draw(self, number: int) -> None:
        draw = random.Random(f"{self._key}/sweep/{number}")  # noqa: S311 - no secret
        self._place = 2 * draw.randrange(self._period // 2) + 1
        far = draw.randint(_LEAST, _MOST)
        self._far = far if number % 2 == 0 else -far
