"""What the exchange says of its limits and of their use, taken over into a budget. Pure.

REST says it in headers (`X-MBX-USED-WEIGHT-1M`, `X-MBX-ORDER-COUNT-10S`), the WebSocket API in `rateLimits`;
exchangeInfo says what the limits are (Binance Spot API, "LIMITS").
"""

import re
from collections.abc import Iterable, Mapping

from naive_daemon.exchange.binance.budget import Budget, Kind, Limit
from naive_daemon.exchange.binance.wire import RateLimit

_INTERVALS_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
_LETTERS = {"s": "SECOND", "m": "MINUTE", "h": "HOUR", "d": "DAY"}
_KINDS = {"REQUEST_WEIGHT": Kind.WEIGHT, "ORDERS": Kind.ORDERS}
_HEADER = re.compile(r"x-mbx-(used-weight|order-count)-([0-9]{1,6})([smhd])").fullmatch
_COUNT_DIGITS_MAX = 12


def apply_headers(budget: Budget, headers: Mapping[str, str], asked_ms: int) -> None:
    """Take over what an answer of REST says is used, to what was asked then; names in lower case."""
    for name, value in headers.items():
        match = _HEADER(name)
        if match is None or not value.isdecimal() or len(value) > _COUNT_DIGITS_MAX:
            continue
        kind = Kind.WEIGHT if match[1] == "used-weight" else Kind.ORDERS
        budget.correct(kind, int(match[2]) * _INTERVALS_MS[_LETTERS[match[3]]], int(value), asked_ms)


def apply_rate_limits(budget: Budget, limits: Iterable[RateLimit], asked_ms: int) -> None:
    """Take over what an answer of the WebSocket API says is used, to what was asked then."""
    for limit in limits:
        kind, interval_ms = _KINDS.get(limit.rate_limit_type), _INTERVALS_MS.get(limit.interval)
        if kind is not None and interval_ms is not None and limit.count is not None:
            budget.correct(kind, limit.interval_num * interval_ms, limit.count, asked_ms)


def limits_of(limits: Iterable[RateLimit]) -> tuple[Limit, ...]:
    """Give the limits that exchangeInfo names; those of kinds that are not counted here, or make no sense, are not."""
    return tuple(
        Limit(_KINDS[each.rate_limit_type], each.interval_num * _INTERVALS_MS[each.interval], each.limit)
        for each in limits
        if each.rate_limit_type in _KINDS
        and each.interval in _INTERVALS_MS
        and each.interval_num > 0
        and each.limit > 0
    )
