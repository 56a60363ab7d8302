"""The way of account events to the execution manager: each happening once, balances never back in time.

Owned by one gateway, used on its loop only. Answers, two connections that overlap, and a snapshot may all tell of the
same happening. Invariant: what has the same key is delivered once, as long as it is among the latest `KEYS_MAX`; the
first one counts, and that another contradicts it is noted.

The bound decides about work alone, never about money, and is held by each of a thousand accounts: what is told again
after so much else finds an order that has the trade ids of all of its fills, in the execution manager's books or in the
journal, and changes nothing. The same comes again within seconds: with two connections, or an answer beside an event.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from naive_daemon.domain.events import AccountEvent, BalanceUpdated, OrderAccepted, OrderFilled
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.reading import Told
from naive_daemon.execution.client import AccountSnapshot

KEYS_MAX = 2_000

_Essence = tuple[Decimal, Decimal]


class Delivery:
    """See the module. `tell` is thread safe and never blocks."""

    def __init__(self, tell: Callable[[Any], None], oddities: Oddities) -> None:
        self._tell = tell
        self._oddities = oddities
        self._delivered: OrderedDict[tuple[object, ...], _Essence | None] = OrderedDict()
        self._balance_ns: dict[str, int] = {}

    def tell(self, message: Any) -> None:
        """Tell something that is no event of the account: it goes as it is."""
        self._tell(message)

    def events(self, told: Iterable[Told]) -> None:
        """Deliver what has not been delivered."""
        for each in told:
            if self._is_new(each):
                self._tell(each.event)

    def snapshot(self, snapshot: AccountSnapshot, buffer: Iterable[Told]) -> None:
        """Deliver a snapshot, then what came while it was read, without what it holds already (execution.md, rule 7).

        Fills stay: a snapshot holds how much was filled, but not for what price.
        """
        self._tell(snapshot)
        for balance in snapshot.balances:
            self._note_balance(balance)
        times = {order.client_order_id: order.time_ns for order in snapshot.orders}
        self.events(
            each
            for each in buffer
            if not (
                isinstance(each.event, OrderAccepted)
                and each.event.time_ns <= times.get(each.event.client_order_id, -1)
            )
        )

    def _is_new(self, told: Told) -> bool:
        if isinstance(told.event, BalanceUpdated):
            return self._note_balance(told.event)
        if told.key is None:
            return True
        essence = _essence(told.event)
        if told.key in self._delivered:
            if self._delivered[told.key] != essence:
                self._oddities.note("trade id again with other data", f"{told.key[1]}")
            return False
        self._delivered[told.key] = essence
        if len(self._delivered) > KEYS_MAX:
            self._delivered.popitem(last=False)
        return True

    def _note_balance(self, balance: BalanceUpdated) -> bool:
        # The same time twice is not older: two changes in one millisecond come in their order.
        if balance.time_ns < self._balance_ns.get(balance.asset, 0):
            return False
        self._balance_ns[balance.asset] = balance.time_ns
        return True


def _essence(event: AccountEvent) -> _Essence | None:
    """Give what must be the same whenever a fill is told; None for what is no fill."""
    return (event.price, event.quantity) if isinstance(event, OrderFilled) else None
