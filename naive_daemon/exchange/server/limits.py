"""Rate limits (Binance, "Limits"): request weight by address, orders by account, and the ban of who does not listen.

Owned by the server's thread. Windows are aligned to the clock, as Binance's are. A limit of 0 is switched off.
"""

from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_MS, NS_PER_S, Clock
from naive_daemon.exchange.server.refusal import TOO_MANY_ORDERS, TOO_MANY_REQUESTS, RefusedError

_MINUTE_NS = 60 * NS_PER_S
_DAY_NS = 86_400 * NS_PER_S
_OWNERS_MAX = 10_000
_UNLIMITED = 1_000_000_000


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is allowed. `connections_5min`: attempts to connect to a stream, by address.

    Whoever sends `ban_after` requests more within the minute in which he was told to stop is banned for `ban_s`.
    """

    weight_1min: int = 6_000
    orders_10s: int = 50
    orders_1day: int = 160_000
    connections_5min: int = 300
    messages_1s: int = 5
    ban_after: int = 50
    ban_s: int = 120


class _Window:
    """Counts by owner within intervals that are aligned to the clock."""

    def __init__(self, length_ns: int, limit: int) -> None:
        self.length_ns = length_ns
        self.limit = limit
        self._number = -1
        self._counts: dict[str, int] = {}

    def count(self, owner: str, now_ns: int) -> int:
        number = now_ns // self.length_ns
        if number != self._number or len(self._counts) > _OWNERS_MAX:
            self._number = number
            self._counts.clear()
        return self._counts.get(owner, 0)

    def add(self, owner: str, amount: int, now_ns: int) -> int:
        used = max(0, self.count(owner, now_ns) + amount)
        self._counts[owner] = used
        return used

    def clear(self) -> None:
        self._counts.clear()

    def is_full(self, owner: str, now_ns: int) -> bool:
        return bool(self.limit) and self.count(owner, now_ns) >= self.limit

    def ends_ms(self, now_ns: int) -> int:
        return (now_ns // self.length_ns + 1) * self.length_ns // NS_PER_MS


class Limiter:
    """Counts, refuses, and bans."""

    def __init__(self, limits: RateLimits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._weight = _Window(_MINUTE_NS, limits.weight_1min)
        self._ignored = _Window(_MINUTE_NS, limits.ban_after)
        self._orders_10s = _Window(10 * NS_PER_S, limits.orders_10s)
        self._orders_1day = _Window(_DAY_NS, limits.orders_1day)
        self._connections = _Window(5 * _MINUTE_NS, limits.connections_5min)
        self._banned_until_ms: dict[str, int] = {}

    def take_weight(self, address: str, weight: int) -> int:
        """Count a request in and give what is used; raises RefusedError: 429, or 418 for who went on regardless."""
        now_ns = self._clock.now_ns()
        self._check_ban(address, now_ns)
        used = self._weight.add(address, weight, now_ns)
        if self.limits.weight_1min and used > self.limits.weight_1min:
            if self._ignored.is_full(address, now_ns):
                self.ban(address, self.limits.ban_s)
                self._check_ban(address, now_ns)
            self._ignored.add(address, 1, now_ns)
            raise RefusedError(
                TOO_MANY_REQUESTS,
                f"Too much request weight used; current limit is {self.limits.weight_1min} request weight per 1 MINUTE."
                " Please use WebSocket Streams for live updates to avoid polling the API.",
                status=429,
                retry_at_ms=self._weight.ends_ms(now_ns),
            )
        return used

    def used_weight(self, address: str) -> int:
        """Give the weight used in this minute."""
        return self._weight.count(address, self._clock.now_ns())

    def check_order(self, account: str) -> None:
        """Raise RefusedError (429, -1015) when the account may place no order now."""
        now_ns = self._clock.now_ns()
        for window, interval in ((self._orders_10s, "10 SECOND"), (self._orders_1day, "1 DAY")):
            if window.is_full(account, now_ns):
                raise RefusedError(
                    TOO_MANY_ORDERS,
                    f"Too many new orders; current limit is {window.limit} orders per {interval}.",
                    status=429,
                    retry_at_ms=window.ends_ms(now_ns),
                )

    def add_order(self, account: str) -> tuple[int, int]:
        """Count an order in that was taken; gives how many there are."""
        now_ns = self._clock.now_ns()
        return self._orders_10s.add(account, 1, now_ns), self._orders_1day.add(account, 1, now_ns)

    def give_back_order(self, account: str) -> None:
        """Count a maker's order out when it fills: only orders that do not trade use up the limit."""
        now_ns = self._clock.now_ns()
        self._orders_10s.add(account, -1, now_ns)
        self._orders_1day.add(account, -1, now_ns)

    def orders(self, account: str) -> tuple[int, int]:
        """Give how many orders count now, in 10 s and in the day."""
        now_ns = self._clock.now_ns()
        return self._orders_10s.count(account, now_ns), self._orders_1day.count(account, now_ns)

    def take_connection(self, address: str) -> None:
        """Count an attempt to connect in; raises RefusedError."""
        now_ns = self._clock.now_ns()
        self._check_ban(address, now_ns)
        if self._connections.is_full(address, now_ns):
            raise RefusedError(
                TOO_MANY_REQUESTS, "Too many connection attempts.", status=429,
                retry_at_ms=self._connections.ends_ms(now_ns),
            )  # fmt: skip
        self._connections.add(address, 1, now_ns)

    def ban(self, address: str, seconds: float) -> None:
        """Take nothing from an address for a while."""
        self._banned_until_ms[address] = self._clock.now_ns() // NS_PER_MS + int(seconds * 1_000)

    def pardon(self) -> None:
        """End every ban, and forget who did not listen."""
        self._banned_until_ms.clear()
        self._ignored.clear()

    @staticmethod
    def refused_as_banned(until_ms: int) -> RefusedError:
        """Give the refusal of who is banned."""
        return RefusedError(
            TOO_MANY_REQUESTS,
            f"Way too many requests; IP banned until {until_ms}. "
            "Please use the websocket for live updates to avoid bans.",
            status=418,
            retry_at_ms=until_ms,
        )

    def table(self, weight: int, orders: tuple[int, int] | None = None) -> list[dict[str, Any]]:
        """Give the `rateLimits` of an answer of the WebSocket API."""
        rows = [_row("REQUEST_WEIGHT", "MINUTE", 1, self.limits.weight_1min, weight)]
        if orders is not None:
            rows.insert(0, _row("ORDERS", "SECOND", 10, self.limits.orders_10s, orders[0]))
            rows.insert(1, _row("ORDERS", "DAY", 1, self.limits.orders_1day, orders[1]))
        return rows

    def listed(self) -> list[dict[str, Any]]:
        """Give the `rateLimits` of exchangeInfo."""
        return [
            _row("REQUEST_WEIGHT", "MINUTE", 1, self.limits.weight_1min),
            _row("ORDERS", "SECOND", 10, self.limits.orders_10s),
            _row("ORDERS", "DAY", 1, self.limits.orders_1day),
            _row("CONNECTIONS", "MINUTE", 5, self.limits.connections_5min),
        ]

    def _check_ban(self, address: str, now_ns: int) -> None:
        until_ms = self._banned_until_ms.get(address)
        if until_ms is None:
            return
        if until_ms <= now_ns // NS_PER_MS:
            del self._banned_until_ms[address]
            return
        raise self.refused_as_banned(until_ms)


def _row(kind: str, interval: str, number: int, limit: int, count: int | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit or _UNLIMITED,
    }
    if count is not None:
        row["count"] = count
    return row
