"""What the exchange of a simulated world does with what arrives, and whom it tells of what happens.

A real matching engine, that no process of the daemon takes with it. Invariant: what the engine has is the truth, and
nothing is told that it has not said.
"""

from collections.abc import Callable

import msgspec

from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.events import (
    AccountEvent,
    BalanceUpdated,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from naive_daemon.domain.order import Order
from naive_daemon.exchange.binance.signal import Duplicate, NotFound, Refused
from naive_daemon.exchange.paper.client import _there
from naive_daemon.exchange.paper.engine import MARKET_CLOSED, UNKNOWN_ORDER, PaperEngine
from naive_daemon.execution.client import ExchangeOrder
from tests.simulation.exchange.network import Answer, Answered, Line, Network
from tests.simulation.odds import Odds

TakeOrder = Callable[[Order], None]
TakeEvents = Callable[[list[AccountEvent]], None]

LAG_MAX_S = 5.0
"""How long reads may lag behind what has happened."""


class Venue:
    """See the module. `on_events` is called with whatever the engine says of anybody's order, as it happens.

    `on_departure` is called with each order of the daemon as it is sent, `on_arrival` with each that reaches it and is
    not turned away at the door.
    """

    def __init__(self, clock: VirtualClock, odds: Odds, engine: PaperEngine, network: Network) -> None:
        self.engine = engine
        self.network = network
        self.on_departure: TakeOrder = lambda _: None
        self.on_arrival: TakeOrder = lambda _: None
        self.on_events: TakeEvents = lambda _: None
        self._clock = clock
        self._strikes = odds.strikes
        self._began_ns = self._stamp_ns = clock.now_ns()
        self._halted: dict[str, int] = {}
        self._lines: dict[str, Line] = {}
        self._balance_ns: dict[tuple[str, str], int] = {}
        self._changed_ns: dict[str, int] = {}

    @property
    def halted(self) -> frozenset[str]:
        """Give the symbols of which nothing is traded now."""
        return frozenset(self._halted)

    # What arrives ---------------------------------------------------------------------------------------------------

    def subscribe(self, account: str, line: Line) -> None:
        """Tell on a line whatever happens to the account from now on, and on no former one."""
        former = self._lines.get(account)
        if former is not None:
            former.is_cut = True
        self._lines[account] = line

    def place(self, order: Order) -> Answer:
        """Take an order that has arrived."""
        self.on_arrival(order)
        now_ns, account = self._clock.now_ns(), order.key.account
        if order.symbol in self._halted:
            self.on_events([_rejected(order, now_ns, MARKET_CLOSED)])
            return Refused(-1013, MARKET_CLOSED)
        known = self.engine.order(account, order.client_order_id)
        if known is not None and known.status.is_resting:
            return Duplicate()
        events = self.engine.place(order, now_ns)
        first = events[0]
        self._emit(events)
        return Refused(-2010, first.reason) if isinstance(first, OrderRejected) else Answered(first)

    def cancel(self, account: str, symbol: str, client_order_id: str) -> Answer:
        """Take a cancel that has arrived."""
        events = self.engine.cancel(account, symbol, client_order_id, self._clock.now_ns())
        self._emit(events)
        return NotFound(UNKNOWN_ORDER) if isinstance(events[0], CancelRefused) else Answered(None)

    def find(self, account: str, client_order_id: str) -> Answer:
        """Look for one order; what has just been placed may not be found yet."""
        order = self.engine.order(account, client_order_id)
        if order is None:
            return NotFound("Order does not exist. (-2013)")
        if self._lags(client_order_id) and self._strikes("not found", "question") is not None:
            return NotFound("Order does not exist. (-2013)")
        return Answered(_there(order))

    def fills(self, account: str, there: ExchangeOrder) -> Answer:
        """Give an order's fills; the latest may be missing for a while."""
        known = self.engine.fills(account, there.symbol)
        fills = [fill for fill in known if fill.client_order_id == there.client_order_id]
        if fills and self._lags(there.client_order_id) and self._strikes("fills lag", "question") is not None:
            fills.pop()
        return Answered(tuple(fills))

    def open_orders(self, account: str) -> Answer:
        """Give what rests of the account, whoever placed it; what has just been placed may be missing yet."""
        return Answered(
            tuple(
                _there(order)
                for order in self.engine.open_orders(account)
                if not self._lags(order.client_order_id) or self._strikes("not found", "snapshot") is None
            )
        )

    def balances(self, account: str) -> Answer:
        """Give what the account owns, each amount as old as its latest change."""
        return Answered(
            tuple(
                BalanceUpdated(
                    account=account,
                    asset=asset,
                    free=balance.free,
                    locked=balance.locked,
                    time_ns=self._balance_ns.get((account, asset), self._began_ns),
                )
                for asset, balance in self.engine.balances(account).items()
            )
        )

    def _lags(self, client_order_id: str) -> bool:
        changed_ns = self._changed_ns.get(client_order_id)
        return changed_ns is not None and self._clock.now_ns() - changed_ns < LAG_MAX_S * NS_PER_S

    # What happens ---------------------------------------------------------------------------------------------------

    def _emit(self, events: list[AccountEvent]) -> None:
        if not events:
            return
        told = [self._with_details(event) for event in events]
        self.on_events(told)
        for event in told:
            if isinstance(event, OrderRejected | CancelRefused):
                continue  # the answer to a request says so, and nothing else
            line = self._lines.get(event.account)
            if line is None:
                continue
            if line.is_over:
                del self._lines[event.account]
            else:
                self.network.tell(line, event)

    def _with_details(self, event: AccountEvent) -> AccountEvent:
        """Let a cancel say what had been filled, and a balance be later than every one before it."""
        if isinstance(event, BalanceUpdated):
            self._stamp_ns = max(self._stamp_ns + 1, self._clock.now_ns())
            self._balance_ns[event.account, event.asset] = self._stamp_ns
            return msgspec.structs.replace(event, time_ns=self._stamp_ns)
        if isinstance(event, OrderCancelled):
            order = self.engine.order(event.account, event.client_order_id)
            return event if order is None else msgspec.structs.replace(event, filled=order.filled)
        if isinstance(event, OrderAccepted | OrderFilled):
            self._changed_ns[event.client_order_id] = self._clock.now_ns()
        return event


def _rejected(order: Order, time_ns: int, reason: str) -> OrderRejected:
    return OrderRejected(
        account=order.key.account,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        time_ns=time_ns,
        reason=reason,
    )
