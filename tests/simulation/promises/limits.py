"""Which limits an entry was held against, and what was at risk at least when it left: by the exchange's own word.

What the execution manager counts is at least what is counted here: orders and fills of before the entry's intent, and
of those only what has not ended when it arrives. So no order that was let out rightly is found to be beyond a limit.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from tests.simulation.promises.annals import Annals
from tests.simulation.promises.at_exchange import AtExchange
from tests.simulation.promises.violation import demand
from tests.trading.table import Table

PROMISE = "a limit that is known is kept"


class _Intent(msgspec.Struct, frozen=True):
    """The place of an intent among all, and of the limits that were known as it was committed among all limits."""

    number: int
    known: int | None


class Limits:
    """Hears of each intent as it is committed, and looks at each entry as it arrives."""

    def __init__(self, table: Table, annals: Annals, there: AtExchange) -> None:
        self._table = table
        self._annals = annals
        self._there = there
        self._written: dict[str, list[RiskLimits]] = {}
        self._intents: dict[str, _Intent] = {}

    def note(self, account: str) -> list[RiskLimits]:
        """Note what limits there are, the newest last, and give all that there have been."""
        written = self._written.setdefault(account, [RiskLimits()])
        newest = self._table.safeguards.limits.get(account, RiskLimits())
        if newest != written[-1]:
            written.append(newest)
        return written

    def take_intent(self, order: Order, known: RiskLimits | None) -> None:
        """Hear of an intent; `known` are the limits that its manager knows, None while there is none that does."""
        written = self.note(order.key.account)
        place = written.index(known) if known in written else None
        self._intents[order.client_order_id] = _Intent(len(self._intents), place)

    def take_arrival(self, order: Order) -> None:
        """See that an entry is within the limits that its manager knew, or within any that came since."""
        intent = self._intents.get(order.client_order_id)
        if order.side is not Side.BUY or intent is None or intent.known is None:
            return
        open_orders = [one for one in self._rest(order.key.account) if self._is_before(one, intent)]
        symbols = {each for account, each in self._annals.symbols if account == order.key.account}
        risked = {symbol: self._risked(order.key.account, symbol, open_orders, intent) for symbol in symbols}
        cost = order.price * order.quantity
        in_symbol, in_account = risked[order.symbol] + cost, sum(risked.values()) + cost
        limits = self.note(order.key.account)[intent.known :]
        is_within = any(
            (one.max_open_orders is None or len(open_orders) < one.max_open_orders)
            and (one.max_symbol_at_risk is None or in_symbol <= one.max_symbol_at_risk)
            and (one.max_account_at_risk is None or in_account <= one.max_account_at_risk)
            for one in limits
        )
        seen = f"{order.client_order_id} beside {len(open_orders)}, {in_symbol} of {in_account} at risk: {limits}"
        demand(is_within, PROMISE, seen)

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
