"""An exchange that is told the truth about, and a client between it and the manager that is not to be relied upon.

The exchange is a real matching engine. What is on its way to it and back may be late, lost, doubled or refused, as the
dice say; both outlive the client, as a network does. Nothing is made up: what a client says is certain is so.
"""

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import CancelRefused, OrderAccepted, OrderCancelled, OrderFilled, OrderUnknown, Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.exchange.paper.client import _there
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskBalances,
    AskOrder,
    AskSnapshot,
    OrderNotSent,
    OrderReport,
    Reconnected,
    Reconnecting,
    SendCancel,
    SendOrder,
)
from naive_daemon.otp import DEFERRED, Actor, Call, crash

ACCOUNT = "main"
EXCHANGE = "exchange"
ARRIVES_WITHIN_S = 12.0
"""The exchange refuses what is older, so nothing arrives later."""
LAG_MAX_S = 5.0
"""How long reads may lag behind."""


class Dice:
    """How likely each fault is: drawn once a run; 0 after `heal`."""

    KINDS = (
        "late", "lost", "doubled", "not sent", "unknown", "answer lost", "refused", "question fails", "question lost",
        "not found", "fills lag",
    )  # fmt: skip

    def __init__(self, seed: int) -> None:
        self.generator = random.Random(seed)
        self._odds = {kind: self.generator.choice((0.0, 0.1, 0.3)) for kind in self.KINDS}

    def falls(self, kind: str) -> bool:
        return self.generator.random() < self._odds[kind]

    def delay_s(self, longest_s: float) -> float:
        return self.generator.uniform(0.01, longest_s) if self.falls("late") else 0.0

    def heal(self) -> None:
        self._odds = dict.fromkeys(self.KINDS, 0.0)


class _Later(msgspec.Struct, frozen=True):
    do: Callable[[], None]


class Books:
    """What outlives every process: the engine, and how often each order came to it."""

    def __init__(self, instruments: dict[str, Instrument]) -> None:
        self.engine = PaperEngine(
            instruments,
            fill_model=FillModel.VOLUME,
            maker_fee=Decimal(0),
            balances={ACCOUNT: {"Q": Decimal(100_000), "AAA": Decimal(10_000), "BBB": Decimal(10_000)}},
        )
        self.arrivals: Counter[str] = Counter()
        self.placed_s: dict[str, float] = {}
        self.filled_s: dict[str, float] = {}


class FaultyExchange(Actor):
    """Takes orders, cancels and trades, and tells the account's client what came of them."""

    def __init__(self, books: Books, dice: Dice) -> None:
        super().__init__()
        self._books = books
        self._dice = dice

    def on_receive(self, message: Any) -> Any:
        engine, now_ns = self._books.engine, self.system.clock.now_ns()
        match message:
            case SendOrder(order):
                self._books.arrivals[order.client_order_id] += 1
                self._tell(engine.place(order, now_ns))
            case SendCancel(symbol, client_order_id):
                self._tell(engine.cancel(ACCOUNT, symbol, client_order_id, now_ns))
            case Trade():
                self._tell(engine.match(message))
            case _Later(do):
                do()
            case _:
                super().on_receive(message)
        return None

    def _tell(self, events: list[Any]) -> None:
        """Let each event come in its order, or late, twice, or never."""
        dice = self._dice
        for event in map(self._with_filled, events):
            now_s = self.system.clock.monotonic_s()
            if isinstance(event, OrderAccepted):
                self._books.placed_s[event.client_order_id] = now_s
            elif isinstance(event, OrderFilled):
                self._books.filled_s[event.client_order_id] = now_s
            for _ in range(2 if dice.falls("doubled") else 1):
                if not dice.falls("lost"):
                    self._later(dice.delay_s(8.0), event)

    def _with_filled(self, event: Any) -> Any:
        """Let a cancel say what had been filled, as Binance does."""
        if not isinstance(event, OrderCancelled):
            return event
        order = self._books.engine.order(ACCOUNT, event.client_order_id)
        assert order is not None
        return msgspec.structs.replace(event, filled=order.filled)

    def _later(self, delay_s: float, event: Any) -> None:
        def tell() -> None:
            self.system.tell(names.client(ACCOUNT), event)

        if delay_s:
            self.send_after(delay_s, _Later(tell))
        else:
            tell()


class FaultyClient(Actor):
    """Between the manager and the exchange. While it is not connected it hears nothing."""

    def __init__(self, books: Books, dice: Dice) -> None:
        super().__init__()
        self._books = books
        self._dice = dice
        self._is_connected = True

    def on_receive(self, message: Any) -> Any:
        match message:
            case SendOrder(order):
                self._send(order)
            case SendCancel():
                self._cancel(message)
            case AskOrder(symbol, client_order_id):
                return self._find_out(lambda: self._report(symbol, client_order_id))
            case AskSnapshot():
                return self._find_out(self._snapshot)
            case AskBalances():
                return ()
            case _Later(do):
                do()
            case "disconnect":
                if self._is_connected:
                    self._is_connected = False
                    self._tell(Reconnecting(ACCOUNT, "cut"))
            case "connect":
                if not self._is_connected:
                    self._is_connected = True
                    self._tell(Reconnected(ACCOUNT))
                    self._tell(self._snapshot())
            case _:  # what the exchange tells
                if self._is_connected:
                    self._tell(message)
        return None

    def _send(self, order: Order) -> None:
        dice = self._dice
        ids = {"account": ACCOUNT, "symbol": order.symbol, "client_order_id": order.client_order_id}
        if dice.falls("not sent"):
            self._tell_later(dice.delay_s(11.0), OrderNotSent(reason="no way out", retry_after_s=0.5, **ids))
            return
        if not dice.falls("answer lost"):
            self._to_exchange(dice.delay_s(ARRIVES_WITHIN_S), SendOrder(order))
        if dice.falls("unknown"):
            self._tell_later(dice.delay_s(5.0), OrderUnknown(time_ns=self.system.clock.now_ns(), reason="reset", **ids))

    def _cancel(self, cancel: SendCancel) -> None:
        dice = self._dice
        if dice.falls("refused"):
            self._tell(
                CancelRefused(
                    account=ACCOUNT,
                    symbol=cancel.symbol,
                    client_order_id=cancel.client_order_id,
                    time_ns=self.system.clock.now_ns(),
                    reason="busy",
                )
            )
        elif not dice.falls("lost"):
            self._to_exchange(dice.delay_s(ARRIVES_WITHIN_S), cancel)

    def _to_exchange(self, delay_s: float, message: Any) -> None:
        """Hand over; what is on its way arrives, whatever becomes of this client."""
        exchange = self.system.whereis(EXCHANGE)
        assert exchange is not None
        if delay_s:
            exchange._actor.send_after(delay_s, message)
        else:
            exchange.tell(message)

    def _find_out(self, find: Callable[[], Any]) -> Any:
        call, dice = self.caller(), self._dice
        if dice.falls("question fails"):
            call.fail(crash("503"))
        elif not dice.falls("question lost"):
            self._answer_later(call, find, dice.delay_s(20.0))
        return DEFERRED

    def _answer_later(self, call: Call, find: Callable[[], Any], delay_s: float) -> None:
        """Find it now and answer then, or find it then: an answer is as old as it likes."""
        if not delay_s:
            call.reply(find())
        elif self._dice.generator.random() < 0.5:
            found = find()
            self.send_after(delay_s, _Later(lambda: call.reply(found)))
        else:
            self.send_after(delay_s, _Later(lambda: call.reply(find())))

    def _report(self, symbol: str, client_order_id: str) -> OrderReport:
        nothing = OrderReport(symbol=symbol, client_order_id=client_order_id, order=None)
        order = self._books.engine.order(ACCOUNT, client_order_id)
        if order is None or (self._lags(self._books.placed_s, client_order_id) and self._dice.falls("not found")):
            return nothing
        fills = [fill for fill in self._books.engine.fills(ACCOUNT, symbol) if fill.client_order_id == client_order_id]
        if fills and self._lags(self._books.filled_s, client_order_id) and self._dice.falls("fills lag"):
            fills.pop()
        return msgspec.structs.replace(nothing, order=_there(order), fills=tuple(fills))

    def _lags(self, since_s: dict[str, float], client_order_id: str) -> bool:
        return self.system.clock.monotonic_s() - since_s.get(client_order_id, -LAG_MAX_S) < LAG_MAX_S

    def _snapshot(self) -> AccountSnapshot:
        orders = tuple(_there(order) for order in self._books.engine.open_orders(ACCOUNT))
        return AccountSnapshot(account=ACCOUNT, orders=orders, balances=())

    def _tell_later(self, delay_s: float, message: Any) -> None:
        if delay_s:
            self.send_after(delay_s, _Later(lambda: self._tell(message)))
        else:
            self._tell(message)

    def _tell(self, message: Any) -> None:
        self.system.tell(names.execution_manager(ACCOUNT), message)
