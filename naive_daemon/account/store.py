"""The state of one account, a plain class in the account actor's state. The exchange holds the truth of it."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.events import BalanceUpdated
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import Order


class Balance(msgspec.Struct, frozen=True):
    """What there is of one asset; `locked` is reserved for resting orders. `time_ns` is when the exchange said so."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    time_ns: int = 0


class AccountStateStore:
    """Balances by asset, open orders by client order id; updates older than what is known are refused."""

    def __init__(self) -> None:
        self._balances: dict[str, Balance] = {}
        self._orders: dict[str, Order] = {}

    def set_balance(self, event: BalanceUpdated) -> bool:
        """Take a balance; False when a newer one is known."""
        known = self._balances.get(event.asset)
        if known is not None and known.time_ns > event.time_ns:
            return False
        self._balances[event.asset] = Balance(event.free, event.locked, event.time_ns)
        return True

    def balance(self, asset: str) -> Balance:
        """Give the balance of an asset; nothing of what was never named."""
        return self._balances.get(asset, Balance())

    def balances(self) -> dict[str, Balance]:
        """Give all balances."""
        return dict(self._balances)

    def upsert_order(self, order: Order) -> None:
        """Keep a live order as it is now, forget one that is over."""
        if order.status.is_terminal:
            self._orders.pop(order.client_order_id, None)
        else:
            self._orders[order.client_order_id] = order

    def orders(self, symbol: str | None = None) -> list[Order]:
        """Give the live orders, of one symbol or of all."""
        return [order for order in self._orders.values() if symbol is None or order.symbol == symbol]
