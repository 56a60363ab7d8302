"""An execution manager at work: a real journal in memory, and a client that does what the test says.

The client writes down what it is told, and answers from `resting` and `reports`; nothing comes from it by itself.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
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
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskOrder,
    AskSnapshot,
    ExchangeOrder,
    OrderNotSent,
    OrderReport,
    SendCancel,
    SendOrder,
)
from naive_daemon.execution.journal import Journal
from naive_daemon.execution.journal_messages import PlaceIntent, RecordCycles
from naive_daemon.execution.journal_store import AccountJournal, CycleRecorded, JournalEntry, OrderRecorded
from naive_daemon.execution.manager import ExecutionConfig, ExecutionManager
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.messages import AskExecution, CancelOrder, EntriesHeld, ExecutionView
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.execution.reconciliation import Reconcile, ReconciliationReport
from naive_daemon.otp import DEFERRED, Actor, ActorSystem, Call, Ref, SimulatedSystem
from tests.trading.recorder import Recorder

ACCOUNT, OWNER = "main", "test"
START_NS = 1_700_000_000 * NS_PER_S
MIDNIGHT_NS = 1_700_006_400 * NS_PER_S
"""The midnight (UTC) after the start."""
SYMBOLS = ("AAAQ", "BBBQ", "CCCZ")
IN_FLIGHT, UNKNOWN, OPEN, PARTLY, FILLED = (
    OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN, OrderStatus.OPEN, OrderStatus.PARTLY_FILLED, OrderStatus.FILLED,
)  # fmt: skip
CANCELLED, EXPIRED, REJECTED = OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED


def make_order(number: int, side: Side = Side.BUY, symbol: str = "AAAQ", **changes: Any) -> Order:
    """Give the order of the trader `number`, as it is when it is sent: 10 for 2 each."""
    key, leg = CycleKey(ACCOUNT, symbol, number, 1), Leg(side, changes.pop("attempt", 1))
    made = Order(
        client_order_id=client_order_id(OWNER, key, leg),
        key=key,
        leg=leg,
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=START_NS + number,
        updated_ns=START_NS + number,
    )
    return msgspec.structs.replace(made, **changes)


def there(order: Order, status: OrderStatus = OPEN, filled: str = "0", **changes: Any) -> ExchangeOrder:
    """Give an order as the exchange has it."""
    made = ExchangeOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=f"x{order.client_order_id}",
        side=order.side,
        price=order.price,
        quantity=order.quantity,
        filled=Decimal(filled),
        status=status,
        time_ns=order.created_ns,
    )
    return msgspec.structs.replace(made, **changes)


def report(order: Order, status: OrderStatus | None, filled: str = "0", *fills: OrderFilled) -> OrderReport:
    """Give the answer to a question about an order; `status` None says that it was not found."""
    found = None if status is None else there(order, status, filled)
    return OrderReport(symbol=order.symbol, client_order_id=order.client_order_id, order=found, fills=fills)


def accepted(order: Order) -> OrderAccepted:
    return OrderAccepted(exchange_order_id=f"x{order.client_order_id}", **_event(order))


def filled(order: Order, quantity: str = "10", trade_id: str = "1", price: str = "2") -> OrderFilled:
    return OrderFilled(
        exchange_order_id=f"x{order.client_order_id}",
        trade_id=trade_id,
        price=Decimal(price),
        quantity=Decimal(quantity),
        commission=Decimal(0),
        commission_asset="Q",
        **_event(order),
    )


def cancelled(order: Order) -> OrderCancelled:
    return OrderCancelled(**_event(order))


def expired(order: Order) -> OrderExpired:
    return OrderExpired(**_event(order))


def rejected(order: Order, reason: str = "insufficient balance") -> OrderRejected:
    return OrderRejected(reason=reason, **_event(order))


def unknown(order: Order) -> OrderUnknown:
    return OrderUnknown(reason="reset", **_event(order))


def cancel_refused(order: Order) -> CancelRefused:
    return CancelRefused(reason="Unknown order sent.", **_event(order))


def not_sent(order: Order, retry_after_s: float = 1.0) -> OrderNotSent:
    return OrderNotSent(
        account=ACCOUNT,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        reason="no way out",
        retry_after_s=retry_after_s,
    )


def _event(order: Order) -> dict[str, Any]:
    return {"account": ACCOUNT, "symbol": order.symbol, "client_order_id": order.client_order_id, "time_ns": START_NS}


def make_cycle(
    order: Order, pnl: str | None = None, finished_ns: int = START_NS, bought: Decimal | None = None
) -> Cycle:
    """Give the cycle of an order; with what it brought, one that has ended."""
    result = None
    if pnl is not None:
        result = CycleResult(
            outcome=CycleOutcome.COMPLETED,
            finished_ns=finished_ns,
            bought=order.quantity if bought is None else bought,
            sold=order.quantity,
            buy_price=order.price,
            sell_price=order.price,
            fees={},
            realised_pnl=Decimal(pnl),
            dust_base=Decimal(0),
        )
    return Cycle(
        key=order.key,
        budget=Decimal(100),
        fee=Decimal(0),
        settings=TradeSettings(),
        started_ns=order.created_ns,
        result=result,
    )


class WrittenJournal(MemoryJournal):
    """A journal that also tells what was written, and in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, OrderStatus, OrderEvent]] = []
        self.before_load: Callable[[], object] = lambda: None

    def load_account(self, account: str) -> AccountJournal:
        self.before_load()
        return super().load_account(account)

    def write(self, entries: "Iterable[JournalEntry]") -> None:
        entries = list(entries)
        for entry in entries:
            if isinstance(entry, OrderRecorded) and entry.event is not None:
                self.events.append((entry.order.client_order_id, entry.order.status, entry.event))
        super().write(entries)


class ScriptedClient(Actor):
    """`is_mute`: questions are kept in `questions`, to be answered by the test or never."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []
        self.asked: list[str] = []
        self.resting: dict[str, ExchangeOrder] = {}
        self.reports: dict[str, OrderReport] = {}
        self.balances: tuple[BalanceUpdated, ...] = ()
        self.snapshots = 0
        self.standing: tuple[Any, ...] = ()  # what it says again to whoever asks for a snapshot
        self.is_mute = False
        self.questions: list[Call] = []

    def on_receive(self, message: Any) -> Any:
        match message:
            case SendOrder() | SendCancel():
                self.told.append(message)
                return None
            case AskSnapshot():
                self.snapshots += 1
                for news in self.standing:
                    self.system.tell(names.execution_manager(ACCOUNT), news)
            case AskOrder(_, client_order_id):
                self.asked.append(client_order_id)
        if self.is_mute:
            self.questions.append(self.caller())
            return DEFERRED
        return self.answer(message)

    def answer(self, request: Any) -> AccountSnapshot | OrderReport | tuple[BalanceUpdated, ...]:
        match request:
            case AskSnapshot():
                return self.snapshot()
            case AskOrder(symbol, client_order_id):
                nothing = OrderReport(symbol=symbol, client_order_id=client_order_id, order=None)
                return self.reports.get(client_order_id, nothing)
        return self.balances

    def snapshot(self) -> AccountSnapshot:
        return AccountSnapshot(account=ACCOUNT, orders=tuple(self.resting.values()), balances=self.balances)

    def rest(self, *orders: ExchangeOrder) -> None:
        self.resting = {order.client_order_id: order for order in orders}


class Subscriber(Recorder):
    """Hears why entries wait."""

    def init(self) -> None:
        for symbol in (None, *SYMBOLS):
            self.subscribe(names.entries(ACCOUNT, symbol))


class Desk:
    """A manager with everybody it talks to. `start` starts the manager, again after `crash`."""

    def __init__(self, *live: Order, cycles: Iterable[Cycle] = (), seed: int | None = None) -> None:
        self.clock = VirtualClock(START_NS)
        self.system: SimulatedSystem = ActorSystem.simulated(self.clock, seed=seed)
        self.store = WrittenJournal()
        self.store.write([CycleRecorded(cycle) for cycle in cycles])
        self.store.write([entry for order in live for entry in (*self._begun(order), OrderRecorded(order))])
        self.client = ScriptedClient()
        self.account, self.switches, self.control, self.ear = Recorder(), Recorder(), Recorder(), Subscriber()
        self.config = ExecutionConfig()
        for actor, name in (
            (Journal(self.store), names.JOURNAL),
            (self.client, names.client(ACCOUNT)),
            (self.account, names.account(ACCOUNT)),
            (self.switches, names.SWITCHES),
            (self.control, names.CONTROL),
            (self.ear, "ear"),
        ):
            self.system.start(actor, name)
        self.manager: Ref

    def start(self, **config: Any) -> "Desk":
        self.config = msgspec.structs.replace(self.config, **config)
        manager = ExecutionManager(ACCOUNT, OWNER, {symbol: _instrument(symbol) for symbol in SYMBOLS}, self.config)
        self.manager = self.system.start(manager, names.execution_manager(ACCOUNT))
        self.system.run_until_idle()
        return self

    def crash(self) -> None:
        """End the manager as a crash does: what it was told and had not read is lost."""
        self.system.terminate(self.manager, 1)

    def _begun(self, order: Order) -> list[JournalEntry]:
        """Give the order's cycle, unless it is in the journal."""
        return [] if order.key in self.store._cycles else [CycleRecorded(make_cycle(order))]

    # Act ------------------------------------------------------------------------------------------------------------

    def place(self, *orders: Order) -> "Desk":
        """Have orders journaled and sent, their cycles first, as leaders do."""
        for order in orders:
            self.store.write(self._begun(order))
            self.system.tell(names.JOURNAL, PlaceIntent(order))
        self.system.run_until_idle()
        return self

    def open(self, *orders: Order) -> "Desk":
        """Have orders sent, and accepted."""
        return self.place(*orders).tell(*(accepted(order) for order in orders))

    def end_cycles(self, *cycles: Cycle) -> "Desk":
        self.system.tell(names.JOURNAL, RecordCycles(cycles))
        self.system.run_until_idle()
        return self

    def tell(self, *messages: Any) -> "Desk":
        """Tell the manager, as its client and the daemon's other parts do."""
        for message in messages:
            self.manager.tell(message)
        self.system.run_until_idle()
        return self

    def cancel(self, *orders: Order) -> "Desk":
        return self.tell(*(CancelOrder(order.client_order_id) for order in orders))

    def wait(self, seconds: float) -> "Desk":
        self.system.advance_to(self.clock.now_ns() + round(seconds * NS_PER_S))
        self.system.run_until_idle()
        return self

    def reconcile(self) -> ReconciliationReport:
        found: ReconciliationReport = self.system.ask(self.manager, Reconcile())
        return found

    # See ------------------------------------------------------------------------------------------------------------

    def sent(self) -> list[Any]:
        """Give what the client was told since the last look: orders as they are, and ids of cancels."""
        told, self.client.told = self.client.told, []
        return [one.order if isinstance(one, SendOrder) else one.client_order_id for one in told]

    def asked(self) -> list[str]:
        asked, self.client.asked = self.client.asked, []
        return asked

    def life(self, order: Order) -> list[OrderStatus]:
        """Give every state of an order that was journaled, one after the other."""
        return [status for client_order_id, status, _ in self.store.events if client_order_id == order.client_order_id]

    def last(self, order: Order) -> OrderEvent:
        return next(event for one, _, event in reversed(self.store.events) if one == order.client_order_id)

    def journaled(self, order: Order) -> Order:
        return self.store._orders[order.client_order_id]

    def view(self) -> ExecutionView:
        view: ExecutionView = self.system.ask(self.manager, AskExecution())
        return view

    def heard(self) -> list[tuple[str | None, str | None]]:
        """Give what was said of entries since the last look: scope and reason."""
        return [(held.symbol, held.reason) for held in self.ear.take() if isinstance(held, EntriesHeld)]

    def held(self) -> dict[str | None, str | None]:
        """Give why entries wait now, by scope."""
        return {held.symbol: held.reason for held in self.view().held}


def _instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        base_asset=symbol[:-1],
        quote_asset=symbol[-1:],
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
    )
