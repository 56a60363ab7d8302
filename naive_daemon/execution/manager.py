"""The execution manager of one account: every order goes out through it, and every account event comes in through it.

Receives: OpenOrder (from the journal, so the intent is durable), CancelOrder, CancelSymbol, LeaveSymbol, account
events from the exchange client.
Sends: SendOrder, SendCancel, AskOrders to the client; RecordEvent to the journal; BalanceUpdated to the account;
ExecutionStarted to the switches, who then say again which symbols are to have no order.
State: every live order, the latest that are over, and symbols that are being cleared.
Crashes when: the client refuses to say what the exchange has; the account's tree then starts again, from the journal.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import (
    BalanceUpdated,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.execution.client import AskOrders, OrdersFound, SendCancel, SendOrder
from naive_daemon.execution.journal import LoadAccount, OpenOrder, RecordEvent
from naive_daemon.execution.journal_store import AccountJournal
from naive_daemon.otp import DEFERRED, Actor, Deferred, RequestFailed, Timer, crash

OVER_KEPT_MAX = 10_000
LOAD_TIMEOUT_S = 60.0
CLEAR_PERIOD_S = 5.0
"""How long a cancelled order may stay live before it is cancelled again."""
NEVER_PLACED = "the exchange never had it"

_ENDINGS: Mapping[OrderStatus, type[OrderCancelled | OrderExpired | OrderRejected]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.EXPIRED: OrderExpired,
    OrderStatus.REJECTED: OrderRejected,
}
"""How an order ends, other than by its fills."""


class CancelOrder(msgspec.Struct, frozen=True):
    """Cancel one order; its own events tell what came of it."""

    client_order_id: str


class CancelSymbol(msgspec.Struct, frozen=True):
    """Cancel every live order of a symbol, and go on until it has none."""

    symbol: str


class LeaveSymbol(msgspec.Struct, frozen=True):
    """Cancel no more of a symbol: it is traded again."""

    symbol: str


class ExecutionStarted(msgspec.Struct, frozen=True):
    """The execution manager has started: what its predecessor was told and had not done is lost."""

    account: str


class _ClearAgain(msgspec.Struct, frozen=True):
    symbol: str


class ExecutionManager(Actor):
    """See the module."""

    def __init__(self, account: str) -> None:
        super().__init__()
        self._account = account
        self._live: dict[str, Order] = {}
        self._over: OrderedDict[str, Order] = OrderedDict()
        self._clearing: dict[str, Timer] = {}
        self._is_ready = False
        self._early: list[Any] = []

    def log_context(self) -> dict[str, object]:
        """Say whose orders these are."""
        return {"account": self._account}

    def init(self) -> Deferred:
        """Know the journal's live orders and what the exchange has of them, before anybody may trade."""
        self.request(self.system.whereis(names.JOURNAL), LoadAccount(self._account), self._take_journal, LOAD_TIMEOUT_S)
        return DEFERRED

    def on_receive(self, message: Any) -> None:
        """Handle a request or an account event; what comes before the start is done waits for it."""
        if not self._is_ready:
            self._early.append(message)
            return
        match message:
            case OpenOrder(order):
                self._open(order)
            case CancelOrder(client_order_id):
                self._cancel(client_order_id)
            case CancelSymbol(symbol) | _ClearAgain(symbol):
                self._clear(symbol)
            case LeaveSymbol(symbol):
                self._leave(symbol)
            case BalanceUpdated():
                self.system.tell(names.account(self._account), message)
            case CancelRefused():
                self.log.info("cancel refused", order=message.client_order_id, reason=message.reason)
            case OrderAccepted() | OrderFilled() | OrderCancelled() | OrderExpired() | OrderRejected() | OrderUnknown():
                self._take_event(message)
            case _:
                super().on_receive(message)

    # Start: the one code path of recovery ---------------------------------------------------------------------------

    def _take_journal(self, journal: AccountJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal of {self._account} could not be read: {journal.reason}"))
        for order in journal.live_orders:
            self._live[order.client_order_id] = order
        self.request(
            self.system.whereis(names.client(self._account)),
            AskOrders(tuple(self._live)),
            self._reconcile,
            LOAD_TIMEOUT_S,
        )

    def _reconcile(self, found: OrdersFound | RequestFailed) -> None:
        if isinstance(found, RequestFailed):
            self.exit(crash(f"the exchange does not say what it has of {self._account}: {found.reason}"))
        now_ns = self.system.clock.now_ns()
        adopted = 0
        for client_order_id in list(self._live):
            order = found.orders.get(client_order_id)
            if order is not None:
                adopted += 1
                self._adopt(order, [fill for fill in found.fills if fill.client_order_id == client_order_id], now_ns)
            elif found.is_final:
                self._take_event(self._rejection(self._live[client_order_id], now_ns, NEVER_PLACED))
        self._is_ready = True
        self.log.info("orders reconciled", adopted=adopted, live=len(self._live))
        early, self._early = self._early, []
        for message in early:
            self.on_receive(message)
        self.system.tell(names.SWITCHES, ExecutionStarted(self._account))
        self.acknowledge_start()

    def _adopt(self, order: Order, fills: list[OrderFilled], now_ns: int) -> None:
        """Take over what the exchange says of an order that the journal knew as live: what came of it meanwhile."""
        known = self._live[order.client_order_id]
        if not known.status.is_resting and order.exchange_order_id is not None:
            self._take_event(
                OrderAccepted(
                    account=self._account,
                    symbol=order.symbol,
                    client_order_id=order.client_order_id,
                    exchange_order_id=order.exchange_order_id,
                    time_ns=now_ns,
                )
            )
        for fill in fills:
            self._take_event(fill)
        ending = _ENDINGS.get(order.status)
        if ending is not None:
            self._take_event(
                ending(
                    account=self._account,
                    symbol=order.symbol,
                    client_order_id=order.client_order_id,
                    time_ns=now_ns,
                    reason=order.reason or f"{order.status.value} while nobody listened",
                )
            )

    # Requests -------------------------------------------------------------------------------------------------------

    def _open(self, order: Order) -> None:
        if order.client_order_id in self._live or order.client_order_id in self._over:
            self.log.warning("order is known already, not sent again", order=order.client_order_id)
            return
        self._live[order.client_order_id] = order
        if not self.system.tell(names.client(self._account), SendOrder(order)):
            # The client is down, so nothing left; it takes this manager with it when it starts again.
            self._take_event(self._rejection(order, self.system.clock.now_ns(), "not connected to the exchange"))

    def _cancel(self, client_order_id: str) -> None:
        order = self._live.get(client_order_id)
        if order is None:
            self.log.info("nothing to cancel", order=client_order_id)
            return
        self.system.tell(names.client(self._account), SendCancel(order.symbol, client_order_id))

    def _clear(self, symbol: str) -> None:
        """Cancel what lives of a symbol, and look again later: a cancel may be refused, or come before its order."""
        self._leave(symbol)
        live = [order.client_order_id for order in self._live.values() if order.symbol == symbol]
        for client_order_id in live:
            self._cancel(client_order_id)
        if live:
            self._clearing[symbol] = self.send_after(CLEAR_PERIOD_S, _ClearAgain(symbol))

    def _leave(self, symbol: str) -> None:
        timer = self._clearing.pop(symbol, None)
        if timer is not None:
            timer.cancel()

    # Account events -------------------------------------------------------------------------------------------------

    def _take_event(self, event: OrderEvent) -> None:
        known = self._live.get(event.client_order_id) or self._over.get(event.client_order_id)
        if known is None:
            self.log.warning("event of an unknown order", order=event.client_order_id, kind=type(event).__name__)
            return
        order = known.apply(event)
        if order is known:
            return
        self._keep(order)
        self.system.tell(names.JOURNAL, RecordEvent(order, event))

    def _keep(self, order: Order) -> None:
        if not order.status.is_terminal:
            self._live[order.client_order_id] = order
            return
        self._live.pop(order.client_order_id, None)
        self._over[order.client_order_id] = order
        if len(self._over) > OVER_KEPT_MAX:
            self._over.popitem(last=False)

    def _rejection(self, order: Order, now_ns: int, reason: str) -> OrderRejected:
        return OrderRejected(
            account=self._account,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            time_ns=now_ns,
            reason=reason,
        )
