"""Faults on demand: which are switched on, and whether one happens now. Owned by the server's thread.

Every draw comes from one seeded generator, so a run with the same requests in the same order has the same faults.
"""

import random
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_MS, NS_PER_S, Clock
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.money import parse_decimal

REQUEST_KINDS = {
    "latency": "the answer comes later: --value MS or MS-MS; of events: they come later, in order",
    "drop": "the request is never processed and never answered; of events: they are lost",
    "lost-answer": "the request is processed and never answered",
    "disconnect": "the connection is cut before the request is processed, or instead of an event",
    "disconnect-after": "the connection is cut once the request is processed",
    "error": "503 before the request is processed (-1000)",
    "error-after": "503 once the request is processed (-1007: outcome unknown)",
    "429": "too many requests (-1003): --value SECONDS until it may be tried again",
    "418": "the sender's address is banned: --value SECONDS",
    "timestamp": "-1021: the clocks are said to differ",
    "not-found": "an order is not found (-2013) for --value SECONDS after it was placed",
}
EVENT_KINDS = {
    "duplicate": "an event is sent twice",
    "reorder": "an event comes after the one that follows it, or after --value MS",
    "stall": "the connection stays open and sends no event for --value SECONDS",
}
ACTION_KINDS = {
    "cut": "connections of --where stream, user or all are cut now",
    "server-shutdown": "streams are told that the server ends, and are closed after --value SECONDS",
    "restart": "every connection is dropped, none is taken for --value SECONDS; the state comes from the disk",
    "halt": "the symbol --value takes no orders",
    "resume": "the symbol --value takes orders again",
    "delist": "the symbol --value is gone, its resting orders expire",
    "filters": "other filters: --value 'SYMBOL tick_size=0.1 min_notional=10 ...', until the exchange restarts",
    "revoke": "the key, or all keys of the account, --value is worth nothing any more",
    "clock-skew": "the exchange's clock is --value MS ahead",
}
KINDS = {**REQUEST_KINDS, **EVENT_KINDS, **ACTION_KINDS}
WHERE = ("order.place", "order.cancel", "order.status", "account", "market", "stream", "user", "all")
_GRIDS = ("tick_size", "step_size")
_FILTERS = (*_GRIDS, "min_price", "max_price", "min_quantity", "max_quantity", "min_notional", "max_notional")
_GRAIN = Decimal("0.00000001")
_FAULTS_MAX = 1_000
_SECONDS_MAX = 86_400
_LATENCY_MAX_MS = 600_000


def place_of(account: str) -> str:
    """Name the place that is all requests of one account."""
    return f"account:{account}"


class FaultWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault as it is asked for; `count` times at most, for `seconds` at most, both without end unless given."""

    kind: str
    where: str = "all"
    probability: float = 1.0
    count: int | None = None
    seconds: float | None = None
    value: str | None = None


class Fault:
    """A fault that is switched on."""

    def __init__(self, number: int, wish: FaultWish, now_ns: int) -> None:
        self.number = number
        self.wish = wish
        self.left = wish.count
        self.happened = 0
        self.until_ns = None if wish.seconds is None else now_ns + int(wish.seconds * NS_PER_S)

    def is_over(self, now_ns: int) -> bool:
        """Say whether it has happened often enough or for long enough."""
        return self.left == 0 or (self.until_ns is not None and now_ns >= self.until_ns)

    def seconds(self, default: float) -> float:
        """Give its value as seconds."""
        return _number(self.wish, default)

    def shown(self) -> dict[str, Any]:
        """Give what `fault list` tells."""
        return {"id": self.number, **msgspec.structs.asdict(self.wish), "left": self.left, "happened": self.happened}


class Faults:
    """The faults that are on. `is_on` is False while there is none: then nobody asks further."""

    def __init__(self, draw: random.Random, clock: Clock) -> None:
        self.draw = draw
        self._clock = clock
        self._faults: list[Fault] = []
        self._number = 0

    @property
    def is_on(self) -> bool:
        """Say whether any fault is switched on."""
        return bool(self._faults)

    def add(self, wish: FaultWish) -> Fault:
        """Switch a fault on; raises UsageError when it makes no sense."""
        check(wish)
        if len(self._faults) >= _FAULTS_MAX:
            raise UsageError("there are too many faults", hint="clear them")
        self._number += 1
        fault = Fault(self._number, wish, self._now_ns())
        self._faults.append(fault)
        return fault

    def clear(self, number: int | None = None) -> int:
        """Switch one fault off, or all; gives how many."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if number is not None and fault.number != number]
        return before - len(self._faults)

    def listed(self) -> list[dict[str, Any]]:
        """Give the faults that are on."""
        self._drop_over()
        return [fault.shown() for fault in self._faults]

    def happens(self, kind: str, where: Iterable[str]) -> Fault | None:
        """Draw whether a fault of a kind happens now at one of these places; it is counted then."""
        for fault in self._faults:
            wish = fault.wish
            if wish.kind != kind or wish.where not in where or fault.is_over(self._now_ns()):
                continue
            if wish.probability < 1 and self.draw.random() >= wish.probability:
                continue
            fault.happened += 1
            if fault.left is not None:
                fault.left -= 1
                if not fault.left:
                    self._faults = [other for other in self._faults if other is not fault]
            return fault
        return None

    def hides(self, age_s: float, where: Iterable[str], default_s: float) -> bool:
        """Draw whether an order of this age is said not to exist; an old one is not even drawn for."""
        now_ns = self._now_ns()
        young = (
            fault.seconds(default_s) > age_s
            for fault in self._faults
            if fault.wish.kind == "not-found" and fault.wish.where in where and not fault.is_over(now_ns)
        )
        return any(young) and self.happens("not-found", where) is not None

    def latency_s(self, fault: Fault) -> float:
        """Draw how late something is, in seconds."""
        low, high = _range_ms(fault.wish)
        return self.draw.uniform(low, high) * NS_PER_MS / NS_PER_S

    def _now_ns(self) -> int:
        return int(self._clock.monotonic_s() * NS_PER_S)

    def _drop_over(self) -> None:
        now_ns = self._now_ns()
        self._faults = [fault for fault in self._faults if not fault.is_over(now_ns)]


def check(wish: FaultWish) -> None:
    """Raise UsageError when a fault makes no sense."""
    if wish.kind not in KINDS:
        raise UsageError(f"there is no fault {wish.kind!r}", hint=f"there are {', '.join(KINDS)}")
    if not 0 < wish.probability <= 1:
        raise UsageError(f"a probability of {wish.probability} is none", hint="more than 0, at most 1")
    if (wish.count is not None and wish.count < 1) or (wish.seconds is not None and not wish.seconds > 0):
        raise UsageError("count and seconds are more than 0")
    if wish.kind in ("halt", "resume", "delist", "filters", "revoke", "clock-skew") and not wish.value:
        raise UsageError(f"{wish.kind} needs a value", hint=KINDS[wish.kind])
    if wish.kind in ("latency", "reorder"):
        _range_ms(wish)
    elif wish.kind in ("429", "418", "not-found", "stall", "server-shutdown", "restart"):
        _number(wish, 0)
    elif wish.kind == "clock-skew":
        skew_ns(wish)
    elif wish.kind == "filters":
        filters_of(wish)


def skew_ns(wish: FaultWish) -> int:
    """Give the value of a clock-skew."""
    try:
        return int(wish.value or "") * NS_PER_MS
    except ValueError:
        raise UsageError(f"{wish.value!r} is no number of milliseconds") from None


def filters_of(wish: FaultWish) -> tuple[str, dict[str, Decimal]]:
    """Give the symbol of a change of filters, and what they are by the instrument's fields."""
    symbol, *words = (wish.value or "").split() or [""]
    filters = {}
    for name, _, text in (word.partition("=") for word in words):
        try:
            filters[name] = parse_decimal(text)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from None
        if name not in _FILTERS or filters[name] < (_GRAIN if name in _GRIDS else 0):
            raise UsageError(f"{name}={text} is no filter", hint=f"there are {', '.join(_FILTERS)}, none below 0")
    if not filters:
        raise UsageError(f"{wish.value!r} changes no filter", hint=KINDS["filters"])
    return symbol, filters


def _number(wish: FaultWish, default: float) -> float:
    if wish.value is None:
        return default
    try:
        number = float(wish.value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= _SECONDS_MAX:
        raise UsageError(f"{wish.value!r} is no number of seconds from 0 to 86400")
    return number


def _range_ms(wish: FaultWish) -> tuple[float, float]:
    low, dash, high = (wish.value or "50").partition("-")
    try:
        bounds = float(low), float(high if dash else low)
    except ValueError:
        bounds = (-1.0, -1.0)
    if not 0 <= bounds[0] <= bounds[1] <= _LATENCY_MAX_MS:
        raise UsageError(f"{wish.value!r} is no number of milliseconds, nor two with a dash", hint="like 50 or 20-200")
    return bounds
