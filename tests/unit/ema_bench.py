"""A bench for one position of ema_cross: it stands for trader, exchange and market, and checks each decision.

Checked: never two live orders of a side, never more sold than is held, whatever is filled in between; a cycle ends only
with nothing that could be sold, or with what it lacks (`gone`: what was taken from the account).
"""

from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleResult
from naive_daemon.domain.events import (
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Trade,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO, floor_to, total
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.strategy.ema_cross import EmaCrossStrategy, exit_price
from naive_daemon.strategy.protocol import (
    Cancel,
    Decision,
    EntriesClosed,
    Finish,
    OrderChanged,
    Place,
    Position,
    Refuse,
    Resumed,
    Signal,
    StrategyEvent,
    Wake,
)
from naive_daemon.strategy.result import awaits_free, held, is_dust_refused, was_refused

MARKET = Instrument(
    symbol="AAAQ",
    base_asset="AAA",
    quote_asset="Q",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.1"),
    min_notional=Decimal(10),
)
SETTINGS = TradeSettings(strategy="ema_cross", parameters=(("order_size", "80"), ("stop_loss", "0.05")))
CYCLE = Cycle(
    key=CycleKey("main", "AAAQ", 1, 1), budget=Decimal(100), fee=Decimal("0.001"), settings=SETTINGS, started_ns=1
)
STRATEGY = EmaCrossStrategy()


def told(order: Order, **more: Any) -> dict[str, Any]:
    return {"account": "main", "symbol": "AAAQ", "client_order_id": order.client_order_id, "time_ns": 1, **more}


class Bench:
    """`fee_in`: the asset that commission is paid in."""

    def __init__(self, cycle: Cycle = CYCLE, market: Instrument = MARKET, fee_in: str = "AAA") -> None:
        self.market = market
        self.fee_in = fee_in
        self.position = Position(cycle=cycle)
        self.result: CycleResult | None = None
        self.price = Decimal(100)
        self.now_ns = 10
        self.wake = Wake()
        self.decided: tuple[Decision, ...] = ()
        self.cancels: set[str] = set()
        self.number = 0
        self.gone = ZERO
        self.see(Resumed(self.now_ns))

    # What happens ---------------------------------------------------------------------------------------------------

    def trade(self, price: str | Decimal) -> None:
        """Print a trade; the strategy sees it only where it waits for it."""
        self.now_ns += 1
        self.price = Decimal(price)
        wake = self.wake
        if (
            wake.next_trade
            or (wake.below is not None and self.price < wake.below)
            or (wake.above is not None and self.price > wake.above)
        ):
            self.wake = Wake()
            self.see(Trade("AAAQ", self.price, Decimal(1), self.now_ns, self.now_ns))

    def signal(self, side: Side, *, is_new: bool = True, at_ns: int | None = None) -> None:
        self.now_ns += 1
        signal = Signal(side, self.price, self.now_ns if at_ns is None else at_ns, is_new)
        self.position = msgspec.structs.replace(self.position, signal=signal)
        self.see(signal)

    def close(self, *, cancel: bool) -> None:
        self.see(EntriesClosed(self.now_ns, cancel))

    def restart(self) -> None:
        """Take over as after a crash: what is not in the orders is gone, and the last signal is told again."""
        signal, self.position = (
            self.position.signal,
            msgspec.structs.replace(self.position, signal=None, refused_price=None, free=None),
        )
        self.wake = Wake()
        self.see(Resumed(self.now_ns))
        self.tell_free(self.free())
        if signal is not None and self.result is None:
            self.position = msgspec.structs.replace(self.position, signal=msgspec.structs.replace(signal, is_new=False))
            self.see(msgspec.structs.replace(signal, is_new=False))

    def accept(self, order: Order) -> None:
        self.take(OrderAccepted(**told(order, exchange_order_id="7")))

    def lose(self, order: Order) -> None:
        self.take(OrderUnknown(**told(order)))

    def reject(self, order: Order) -> None:
        self.take(OrderRejected(**told(order, reason="no funds")))

    def reject_if_short(self, order: Order) -> bool:
        """Refuse a sell of more than the account has, as an exchange does; the trader then asks what is free."""
        free = self.free()
        if order.side is Side.BUY or order.quantity <= free:
            return False
        self.take(OrderRejected(**told(order, reason="Account has insufficient balance for requested action.")))
        self.tell_free(free)
        return True

    def free(self) -> Decimal:
        """Give what the account has, while nothing of it is reserved."""
        return max(ZERO, EXACT.subtract(held(self.position, self.market), self.gone))

    def tell_free(self, free: Decimal) -> None:
        if self.result is None and awaits_free(self.position):
            self.position = msgspec.structs.replace(self.position, free=free)
            self.see(Resumed(self.now_ns))

    def end(self, order: Order) -> None:
        """Let an order leave the book: because it was cancelled, or because the exchange says so."""
        kind = OrderCancelled if order.client_order_id in self.cancels else OrderExpired
        self.take(kind(**told(order)))

    def fill(self, order: Order, quantity: Decimal) -> None:
        self.number += 1
        quote = EXACT.multiply(quantity, order.price)
        asset, traded = ("AAA", quantity) if order.side is Side.BUY else ("Q", quote)
        if self.fee_in != "AAA":
            asset, traded = self.fee_in, quote
        self.take(
            OrderFilled(
                **told(order),
                exchange_order_id="7",
                trade_id=str(self.number),
                price=order.price,
                quantity=quantity,
                commission=EXACT.multiply(traded, Decimal("0.001")),
                commission_asset=asset,
            )
        )

    def take(self, event: OrderEvent) -> None:
        orders = tuple(
            order.apply(event) if order.client_order_id == event.client_order_id else order
            for order in self.position.orders
        )
        self.position = msgspec.structs.replace(self.position, orders=orders)
        self.now_ns += 1
        self.see(OrderChanged(self.now_ns))

    # What is decided ------------------------------------------------------------------------------------------------

    def see(self, event: StrategyEvent) -> None:
        if self.result is not None:
            return
        self.decided = STRATEGY.decide(event, self.position, self.market)
        for decision in self.decided:
            match decision:
                case Place():
                    self._place(decision, event.time_ns)
                case Cancel(name):
                    assert name in {order.client_order_id for order in self.live()}
                    self.cancels.add(name)
                case Wake():
                    self.wake = decision
                case Refuse(_, price):
                    self.position = msgspec.structs.replace(self.position, refused_price=price)
                case Finish(result):
                    self._finish(result)
                case _:
                    raise AssertionError(decision)

    def _place(self, place: Place, time_ns: int) -> None:
        assert not self.live(), "a second live order"
        assert self.market.refusal(place.side, place.price, place.quantity) is None
        if place.side is Side.SELL:
            gone = self.position.cycle.dust_in if is_dust_refused(self.position) else ZERO
            assert place.quantity <= EXACT.subtract(held(self.position, self.market), gone), "more than is held"
        else:
            assert place.price * place.quantity <= min(self.position.cycle.budget, Decimal(80))
            assert not any(order.filled for order in self.position.orders), "bought twice"
        former = self.position.latest(place.side)
        leg = Leg(place.side, 1 if former is None else former.leg.attempt + 1)
        order = Order(
            client_order_id=str(leg),
            key=self.position.cycle.key,
            leg=leg,
            price=place.price,
            quantity=place.quantity,
            created_ns=time_ns,
        )
        self.position = msgspec.structs.replace(
            self.position, orders=(*self.position.orders, order), refused_price=None, free=None
        )

    def _finish(self, result: CycleResult) -> None:
        assert self.result is None
        assert not self.live(), "ended with an order that lives"
        buys, sells = self.position.orders_of(Side.BUY), self.position.orders_of(Side.SELL)
        bought, sold = total(order.filled for order in buys), total(order.filled for order in sells)
        if bought > ZERO:
            refused = any(was_refused(order) for order in sells)
            left = EXACT.subtract(result.dust_base, max(ZERO, self.position.cycle.dust_in) if refused else ZERO)
            left = EXACT.subtract(left, self.gone)
            rest = floor_to(left, self.market.step_size)
            limit = exit_price(min(self.price, buys[-1].price), self.market)
            assert self.market.is_too_small(limit, rest) or sells[-1].quantity == self.market.max_quantity
        assert (result.bought, result.sold) == (bought, sold)
        self.result = result

    def live(self) -> list[Order]:
        return [order for order in self.position.orders if not order.status.is_terminal]
