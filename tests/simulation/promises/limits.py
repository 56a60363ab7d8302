"""Which limits an entry was held against, and what was at risk at least when it left: by the exchange's own word.

What the execution manager counts is at least what is counted here: orders and fills of before the entry's intent, and
of those only what has not ended when it arrives; orders of a minute and losses of a day only as long as neither limits,
manager nor clock is another. So no order that was let out rightly is found to be beyond a limit.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.otp.clock import Clock
from tests.simulation.promises.annals import Annals
from tests.simulation.promises.at_exchange import AtExchange
from tests.simulation.promises.violation import demand
from tests.trading.table import Table

PROMISE = "a limit that is known is kept"
NS_PER_MIN, NS_PER_DAY = 60 * NS_PER_S, 86_400 * NS_PER_S
RECENT_MAX = 64
"""More than there may be in a minute."""
UNKNOWN = Decimal("-Infinity")
SET_NS = 1_000_000
"""By less than this the clock is never set."""


class _Intent(msgspec.Struct, frozen=True):
    """The place of an intent among all, and of the limits that were known as it was committed among all limits.

    `manager`: who sends it; `clock`: how often the clock had been set; `made_ns`: when its trader made
    it, `at_ns`: when it was committed; `lost`: what the day has lost, when it is the first one.
    """

    number: int
    known: int | None
    manager: object
    clock: int
    made_ns: int
    at_ns: int
    lost: Decimal


class Limits:
    """Hears of each intent as it is committed, and looks at each entry as it arrives. `shown`: the daemon's clock."""

    def __init__(self, table: Table, annals: Annals, there: AtExchange, shown: Clock) -> None:
        self._table = table
        self._annals = annals
        self._there = there
        self._shown = shown
        self._written: dict[str, list[RiskLimits]] = {}
        self._intents: dict[str, _Intent] = {}
        self._recent: defaultdict[str, deque[_Intent]] = defaultdict(lambda: deque(maxlen=RECENT_MAX))
        self._lost: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._ahead_ns = self._read_ahead_ns()
        self._clocks = 0
        self._days = {shown.now_ns() // NS_PER_DAY}

    def note(self, account: str) -> list[RiskLimits]:
        """Note what limits there are, the newest last, and give all that there have been."""
        self._note_clock()
        written = self._written.setdefault(account, [RiskLimits()])
        newest = self._table.safeguards.limits.get(account, RiskLimits())
        if newest != written[-1]:
            written.append(newest)
        return written

    def take_intent(self, order: Order, known: RiskLimits | None, manager: object = None) -> None:
        """Hear of an intent; `known` are the limits that its manager knows, None while there is none that does."""
        account = order.key.account
        written = self.note(account)
        place = written.index(known) if known in written else None
        self._intents[order.client_order_id] = _Intent(
            number=len(self._intents),
            known=place,
            manager=manager,
            clock=self._clocks,
            made_ns=order.created_ns,
            at_ns=self._shown.now_ns(),
            lost=self._lost[account],
        )

    def take_result(self, account: str, earned: Decimal) -> None:
        """Hear of what a cycle has brought that has ended."""
        self._lost[account] -= earned

    def take_arrival(self, order: Order) -> None:
        """See that an entry is within the limits that its manager knew, or within any that came since."""
        intent, account = self._intents.get(order.client_order_id), order.key.account
        if intent is None:
            return
        written = self.note(account)
        sent = self._sent_in_a_minute(account, intent)
        self._recent[account].append(intent)
        if order.side is not Side.BUY or intent.known is None:
            return
        lost = intent.lost if len(self._days) == 1 else UNKNOWN
        open_orders = [one for one in self._rest(account) if self._is_before(one, intent)]
        symbols = {each for one, each in self._annals.symbols if one == account}
        risked = {symbol: self._risked(account, symbol, open_orders, intent) for symbol in symbols}
        cost = order.price * order.quantity
        in_symbol, in_account = risked[order.symbol] + cost, sum(risked.values()) + cost
        limits = written[intent.known :]
        is_within = any(
            (one.max_open_orders is None or len(open_orders) < one.max_open_orders)
            and (one.max_symbol_at_risk is None or in_symbol <= one.max_symbol_at_risk)
            and (one.max_account_at_risk is None or in_account <= one.max_account_at_risk)
            and (one.max_orders_per_min is None or sent < one.max_orders_per_min)
            and (one.max_daily_loss is None or lost < one.max_daily_loss)
            for one in limits
        )
        beside = f"{len(open_orders)} open and {sent} of the last minute"
        seen = f"{order.client_order_id} beside {beside}, {in_symbol} of {in_account} at risk, {lost} lost: {limits}"
        demand(is_within, PROMISE, seen)

    def _sent_in_a_minute(self, account: str, intent: _Intent) -> int:
        """Count the orders that had arrived already, were meant before this one, and less than a minute ago by now.

        What a former manager has sent the next one knows by when it was made; while nobody sets the clock.
        """
        now_ns = self._shown.now_ns()
        if intent.clock != self._clocks:
            return 0
        return sum(
            one.number < intent.number
            and one.clock == self._clocks
            and one.at_ns > now_ns - NS_PER_MIN
            and (one.manager is intent.manager or now_ns - NS_PER_MIN < one.made_ns <= now_ns)
            for one in self._recent[account]
        )

    def _note_clock(self) -> None:
        """Note that the clock was set, and which days it has shown."""
        ahead_ns = self._read_ahead_ns()
        if abs(ahead_ns - self._ahead_ns) > SET_NS:
            self._ahead_ns = ahead_ns
            self._clocks += 1
            self._days.add(self._shown.now_ns() // NS_PER_DAY)

    def _read_ahead_ns(self) -> int:
        return self._shown.now_ns() - round(self._shown.monotonic_s() * NS_PER_S)

    def _rest(self, account: str) -> Iterable[Order]:
        """Give what rests on the exchange of an account."""
        there = self._there
        return [there.arrived[each] for slot, each in there.live.items() if slot[0] == account]

    def _is_before(self, order: Order, intent: _Intent) -> bool:
        other = self._intents.get(order.client_order_id)
        return other is not None and other.number < intent.number

    def _risked(self, account: str, symbol: str, open_orders: Iterable[Order], intent: _Intent) -> Decimal:
        """Give what buys of open cycles have cost, by the journal, and what those that rest may still cost."""
        cost = Decimal(0)
        for cycle in self._annals.symbols[account, symbol].open.values():
            buys = cycle.orders[Side.BUY]
            if buys and self._is_before(buys[0].first, intent):
                cost += cycle.quote[Side.BUY]
        resting = [one for one in open_orders if one.side is Side.BUY and one.symbol == symbol]
        return cost + sum(one.price * self._there.left(one.client_order_id) for one in resting)
