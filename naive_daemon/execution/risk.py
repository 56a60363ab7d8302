"""What an account risks now, and which limit an entry would break. Pure; owned by the execution manager.

Quote at risk is counted by cycle and to the safe side: what its buys have cost or may still cost, in the quote asset,
from the moment the buy is sent until the journal says that the cycle has ended. Every sum here is exact.

The clock may be set, forward and back. What was lost counts by the day of its own time, and as today's while that
is still to come; an order that was sent in the future, before the clock was set back, is none of the last minute.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from decimal import Decimal

from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.money import EXACT, ZERO, plain, total
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import RiskJournal

NS_PER_MIN = 60 * 1_000_000_000
NS_PER_DAY = 24 * 60 * NS_PER_MIN
DAYS_MAX = 8
"""Days whose results are kept: today's, and those that a clock showed which was set back since."""


def day_began_ns(now_ns: int) -> int:
    """Give when the UTC day of a moment began."""
    return now_ns - now_ns % NS_PER_DAY


class RiskBook:
    """One account's risk. `quote_asset_of` gives the asset a symbol is paid in; losses and risks add up by it."""

    def __init__(self, quote_asset_of: Callable[[str], str]) -> None:
        self.limits = RiskLimits()
        self._quote_asset_of = quote_asset_of
        self._cost: dict[CycleKey, dict[str, Decimal]] = {}
        self._by_symbol: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._by_asset: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._sent_ns: deque[int] = deque()
        self._realised: dict[int, defaultdict[str, Decimal]] = {}
        self._offered: list[tuple[str, Decimal]] = []

    def restore(self, journal: RiskJournal, now_ns: int) -> None:
        """Begin from the journal. What was to leave in the last minute counts as if it had."""
        for symbol, pnl in journal.realised_pnl.items():
            self._add(self._day(now_ns), self._quote_asset_of(symbol), pnl)
        for order in journal.open_cycle_orders:
            self.take_order(order)
        self._sent_ns.extend(journal.sent_ns)

    def take_order(self, order: Order) -> None:
        """Count an order as it is now; sells risk nothing."""
        if order.side is not Side.BUY:
            return
        cost = order.filled_quote
        if not order.status.is_terminal:
            cost = EXACT.add(cost, EXACT.multiply(order.price, order.remaining))
        known = self._cost.setdefault(order.key, {})
        self._change(order.symbol, EXACT.subtract(cost, known.get(order.client_order_id, ZERO)))
        known[order.client_order_id] = cost
        if not any(known.values()):
            del self._cost[order.key]

    def take_sent(self, now_ns: int) -> None:
        """Count an order that is sent, limited or not: a limit that is set later is kept from that moment on."""
        self._forget_sent(now_ns)
        self._sent_ns.append(now_ns)

    def take_end(self, cycle: Cycle) -> None:
        """Count a cycle that has ended: it risks nothing more, and what it brought is its day's."""
        for cost in self._cost.pop(cycle.key, {}).values():
            self._change(cycle.key.symbol, EXACT.minus(cost))
        if cycle.result is not None:
            day = self._day(cycle.result.finished_ns)
            self._add(day, self._quote_asset_of(cycle.key.symbol), cycle.result.realised_pnl)

    def offer(self, order: Order) -> None:
        """Count an entry that was refused as if it were placed, until `end_offers`: no room is offered twice."""
        cost = EXACT.multiply(order.price, order.quantity)
        self._offered.append((order.symbol, cost))
        self._change(order.symbol, cost)

    def end_offers(self) -> None:
        """Count only what there is again."""
        for symbol, cost in self._offered:
            self._change(symbol, EXACT.minus(cost))
        self._offered.clear()

    def at_risk(self, symbol: str) -> Decimal:
        """Give a symbol's quote at risk."""
        return self._by_symbol[symbol]

    def spent_beside(self, order: Order) -> Decimal:
        """Give what the other buys of an order's cycle have cost or may still cost.

        It may be among them itself: its intent was committed when the journal was read, and it comes only now.
        """
        costs = self._cost.get(order.key, {})
        return total(cost for order_id, cost in costs.items() if order_id != order.client_order_id)

    def refusal(self, order: Order, open_orders: int, now_ns: int) -> str | None:
        """Say which limit an entry would break, with its figures; None when it breaks none.

        `open_orders`: the account's live orders without this one. What it costs itself may be counted already, as for
        `spent_beside`.
        """
        limits, asset = self.limits, self._quote_asset_of(order.symbol)
        open_orders += len(self._offered)
        cost = EXACT.multiply(order.price, order.quantity)
        itself = self._cost.get(order.key, {}).get(order.client_order_id, ZERO)
        if limits.max_open_orders is not None and open_orders >= limits.max_open_orders:
            return f"limit max_open_orders={limits.max_open_orders}: {open_orders} are open"
        for key, limit, risked in (
            ("max_symbol_at_risk", limits.max_symbol_at_risk, self._by_symbol[order.symbol]),
            ("max_account_at_risk", limits.max_account_at_risk, self._by_asset[asset]),
        ):
            beside = EXACT.subtract(risked, itself)
            if limit is not None and EXACT.add(beside, cost) > limit:
                return f"limit {key}={plain(limit)}: {plain(beside)} {asset} at risk, {plain(cost)} more wanted"
        self._forget_sent(now_ns)
        sent = len(self._sent_ns) + len(self._offered)
        if limits.max_orders_per_min is not None and sent >= limits.max_orders_per_min:
            return f"limit max_orders_per_min={limits.max_orders_per_min}: so many were sent in the last minute"
        return self._loss_refusal(asset, now_ns)

    def _loss_refusal(self, asset: str, now_ns: int) -> str | None:
        limit = self.limits.max_daily_loss
        if limit is None:
            return None
        today_ns = day_began_ns(now_ns)
        loss = EXACT.minus(total(day[asset] for day_ns, day in self._realised.items() if day_ns >= today_ns))
        if loss < limit:
            return None
        return f"limit max_daily_loss={plain(limit)}: {plain(loss)} {asset} lost since midnight UTC"

    def _forget_sent(self, now_ns: int) -> None:
        while self._sent_ns and not now_ns - NS_PER_MIN < self._sent_ns[0] <= now_ns:
            self._sent_ns.popleft()

    def _day(self, time_ns: int) -> defaultdict[str, Decimal]:
        """Give what the day of a moment has brought, by quote asset; the oldest of too many is forgotten."""
        day = self._realised.setdefault(day_began_ns(time_ns), defaultdict(Decimal))
        if len(self._realised) > DAYS_MAX:
            del self._realised[min(self._realised)]
        return day

    def _change(self, symbol: str, amount: Decimal) -> None:
        if amount:
            self._add(self._by_symbol, symbol, amount)
            self._add(self._by_asset, self._quote_asset_of(symbol), amount)

    @staticmethod
    def _add(sums: defaultdict[str, Decimal], key: str, amount: Decimal) -> None:
        sums[key] = EXACT.add(sums[key], amount)
