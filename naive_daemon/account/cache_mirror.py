"""Tells the cache what the account has: instruments, balances, orders, positions. Nobody waits for it.

Owned by the account actor, and there only when there is a cache.
"""

from collections.abc import Iterable, Mapping

import msgspec

from naive_daemon import names
from naive_daemon.account.balances import Balance
from naive_daemon.cache.messages import DropLive, KeepAccount, KeepInstruments, KeepOrder, KeepPosition
from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.events import BalanceUpdated, OrderEvent
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.position import Position, PositionFill
from naive_daemon.otp import Actor


class TellBalances(msgspec.Struct, frozen=True):
    """To oneself: the time has come to tell the cache of balances that have changed."""


class CacheMirror:
    """See the module. Balances that change within `debounce_s` are told once."""

    def __init__(self, actor: Actor, account: str, debounce_s: float) -> None:
        self._actor = actor
        self._account = account
        self._debounce_s = debounce_s
        self._is_waiting = False
        self._told_ns = 0

    def tell_start(self) -> None:
        """Tell that the account starts: what had lived may have ended while nobody listened."""
        self._tell(DropLive(self._account))

    def tell_instruments(self, instruments: Mapping[str, Instrument]) -> None:
        """Tell what is traded."""
        if instruments:
            self._tell(KeepInstruments(tuple(instruments.values())))

    def tell_balances_later(self) -> None:
        """Have `TellBalances` come soon, once."""
        if not self._is_waiting:
            self._is_waiting = True
            self._actor.send_after(self._debounce_s, TellBalances())

    def tell_balances(self, balances: Mapping[str, Balance]) -> None:
        """Tell all balances as they are now; each state is newer than the one before."""
        self._is_waiting = False
        self._told_ns = max(self._actor.system.clock.now_ns(), self._told_ns + 1)
        events = tuple(
            BalanceUpdated(account=self._account, asset=asset, free=one.free, locked=one.locked, time_ns=one.time_ns)
            for asset, one in balances.items()
        )
        self._tell(KeepAccount(AccountState(account=self._account, balances=events, time_ns=self._told_ns)))

    def tell_order(self, order: Order, event: OrderEvent | None) -> None:
        """Tell of an order: with its event, or anew, then with its position."""
        self._tell(KeepOrder(order, event, str(order.key) if event is None else None))

    def tell_orders(self, orders: Iterable[Order]) -> None:
        """Tell of orders as they are now."""
        for order in orders:
            self.tell_order(order, None)

    def tell_position(self, position: Position, fill: PositionFill | None = None) -> None:
        """Tell of a position: with the fill that has changed it, or anew, as when it was the first."""
        is_first = len(position.fill_ids) == 1
        self._tell(KeepPosition(position, None if is_first else fill))

    def tell_positions(self, positions: Iterable[Position]) -> None:
        """Tell of positions as they are now."""
        for position in positions:
            self.tell_position(position)

    def _tell(self, message: DropLive | KeepInstruments | KeepAccount | KeepOrder | KeepPosition) -> None:
        self._actor.system.tell(names.CACHE, message)
