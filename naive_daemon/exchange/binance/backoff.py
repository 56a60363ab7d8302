"""Pauses between attempts to connect (execution.md, rule 9). Pure: time is told, chance is injected.

Owned by whoever connects. Invariant: a connection that comes up and drops at once does not reset the pause, so that
it can not spin; with these figures an address is tried fewer than 60 times in 5 minutes, of 300 that Binance allows.
"""

import random

FIRST_S = 0.125
MAX_S = 60.0
JITTER = 0.5
"""A pause is drawn between this part of itself and the whole, so that many clients do not come back together."""
HELD_S = 10.0
"""A connection that has lived for so long has held: the next loss starts with the first pause again."""


class Backoff:
    """125 ms, doubled with each attempt up to 60 s."""

    def __init__(self, generator: random.Random, *, first_s: float = FIRST_S, max_s: float = MAX_S) -> None:
        self._generator = generator
        self._first_s = first_s
        self._max_s = max_s
        self._pause_s = first_s

    def next_pause_s(self) -> float:
        """Give how many seconds to wait before the next attempt, and lengthen the one after it."""
        pause_s = self._pause_s
        self._pause_s = min(pause_s * 2, self._max_s)
        return pause_s * (1 - (1 - JITTER) * self._generator.random())

    def note_lifetime(self, lifetime_s: float) -> None:
        """Say how long the connection lived that was just lost."""
        if lifetime_s >= HELD_S:
            self._pause_s = self._first_s
