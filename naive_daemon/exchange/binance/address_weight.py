"""How much may be asked of the exchange from one address, by all accounts of a daemon together: weight, and bans.

Owned by whoever owns the accounts; used from several loops, under its lock. Binance counts weight by address and orders
by account (Binance Spot API, "LIMITS"), so this is what accounts share. Pure: time is told, in milliseconds of the
exchange's clock.

Invariants: what was granted in a window, with what the exchange says of it, is never over the limit; during a ban
nothing is granted; accounts that have had more than their even share of a window leave the others a quarter of what
their priority may use.
"""

import threading
from collections.abc import Hashable, Iterable

from naive_daemon.exchange.binance.limits import DEFAULT_LIMITS, Kind, Limit, Priority, Window, relimited

OVER_PERCENT = 75
"""Who has had more than its even share goes up to this part of what its priority may; cancels always go all the way."""


class AddressWeight:
    """See the module. Members are whatever joined; one that never did may ask all the same."""

    def __init__(self, limits: Iterable[Limit] = DEFAULT_LIMITS) -> None:
        self._lock = threading.Lock()
        self._windows = [Window(limit) for limit in limits if limit.kind is Kind.WEIGHT]
        self._members: set[Hashable] = set()
        self._used: dict[tuple[Hashable, int], int] = {}
        self._reserved: dict[Hashable, tuple[int, int]] = {}
        self._banned_until_ms = 0
        self.ban_reason = ""

    def join(self, member: Hashable) -> None:
        """Count a member among those who share."""
        with self._lock:
            self._members.add(member)

    def leave(self, member: Hashable) -> None:
        """Count it no more."""
        with self._lock:
            self._members.discard(member)
            self._reserved.pop(member, None)

    def take(self, member: Hashable, amount: int, priority: Priority, now_ms: int) -> bool:
        """Grant a request, or not now. What was reserved for the member is used first."""
        with self._lock:
            self._turn_to(now_ms)
            if now_ms < self._banned_until_ms:
                return False
            paid = min(amount, self._reserve_of(member, now_ms))
            if not all(self._allows(window, member, amount - paid, priority) for window in self._windows):
                return False
            if paid:
                self._reserved[member] = (self._reserved[member][0] - paid, now_ms)
            self._add(member, amount - paid)
            return True

    def reserve(self, member: Hashable, amount: int, priority: Priority, now_ms: int) -> bool:
        """Keep so much for what the member will ask for in this window; else False. The end of the window frees it."""
        if not self.take(member, amount, priority, now_ms):
            return False
        with self._lock:
            self._reserved[member] = (self._reserve_of(member, now_ms) + amount, now_ms)
        return True

    def next_chance_ms(self, member: Hashable, amount: int, priority: Priority, now_ms: int) -> int:
        """Say when what is not granted now may be granted: after now, and unless others come first."""
        with self._lock:
            self._turn_to(now_ms)
            ends = [window.end_ms for window in self._windows if not self._allows(window, member, amount, priority)]
            return max(now_ms + 1, self._banned_until_ms, *ends)

    def settle(self, amount: int, at_ms: int, now_ms: int) -> None:
        """Note that what was granted at a moment has got its answer, or will get none."""
        with self._lock:
            self._turn_to(now_ms)
            for window in self._windows:
                window.settle(amount, at_ms)

    def correct(self, window_ms: int, count: int, asked_ms: int) -> None:
        """Take over what the exchange says is used in a window by this address: it knows of others, too."""
        with self._lock:
            for window in self._windows:
                if window.limit.window_ms == window_ms:
                    window.correct(count, asked_ms)

    def relimit(self, limits: Iterable[Limit]) -> None:
        """Take over the exchange's limits."""
        with self._lock:
            self._windows = relimited(self._windows, tuple(each for each in limits if each.kind is Kind.WEIGHT))

    def ban_until(self, until_ms: int, reason: str = "") -> None:
        """Grant nothing before a moment. A ban that is longer already stays."""
        with self._lock:
            if until_ms > self._banned_until_ms:
                self._banned_until_ms, self.ban_reason = until_ms, reason

    def banned_until_ms(self) -> int:
        """Give when nothing was banned any more; 0 without a ban."""
        return self._banned_until_ms

    def pace_s(self, amount: int) -> float:
        """Give how seldom each member may ask for so much, so that all of them together stay within upkeep's part."""
        with self._lock:
            paces = [
                len(self._members) * amount * window.limit.window_ms / 1_000 / max(1, window.room(Priority.UPKEEP))
                for window in self._windows
            ]
            return max(paces, default=0.0)

    def _allows(self, window: Window, member: Hashable, amount: int, priority: Priority) -> bool:
        if not window.allows(amount, priority):
            return False
        if amount == 0 or window.used == 0 or priority is Priority.CANCEL:
            return True
        room = window.room(priority)
        own = self._used.get((member, window.limit.window_ms), 0)
        is_even = own + amount <= room // max(1, len(self._members))
        return is_even or window.used + amount <= room * self._over_percent // 100

    @property
    def _over_percent(self) -> int:
        return OVER_PERCENT if len(self._members) > 1 else 100

    def _add(self, member: Hashable, amount: int) -> None:
        for window in self._windows:
            window.add(amount)
            key = member, window.limit.window_ms
            self._used[key] = self._used.get(key, 0) + amount

    def _reserve_of(self, member: Hashable, now_ms: int) -> int:
        """Give what is left of the member's reserve; one of a window that is over is worth nothing."""
        amount, at_ms = self._reserved.get(member, (0, 0))
        if all(at_ms // window.limit.window_ms == window.number for window in self._windows):
            return amount
        self._reserved.pop(member, None)
        return 0

    def _turn_to(self, now_ms: int) -> None:
        for window in self._windows:
            if window.turn_to(now_ms):
                length = window.limit.window_ms
                self._used = {key: used for key, used in self._used.items() if key[1] != length}
