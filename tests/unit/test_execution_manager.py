"""The execution manager: what it sends, what it makes of events, and how it starts from journal and exchange."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.events import (
    BalanceUpdated,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import AskOrders, OrdersFound, SendCancel, SendOrder
from naive_daemon.execution.journal import LoadAccount, OpenOrder, RecordEvent
from naive_daemon.execution.journal_store import AccountJournal
from naive_daemon.execution.manager import (
    CLEAR_PERIOD_S,
    NEVER_PLACED,
    CancelOrder,
    CancelSymbol,
    ExecutionManager,
    ExecutionStarted,
    LeaveSymbol,
)
from naive_daemon.otp import ActorSystem, Ref, SimulatedSystem, StartFailedError
from tests.trading.recorder import Recorder

IN_FLIGHT, OPEN = OrderStatus.IN_FLIGHT, OrderStatus.OPEN


def order(number: int, status: OrderStatus = IN_FLIGHT, symbol: str = "AAAQ", **changes: Any) -> Order:
    made = Order(
        client_order_id=f"id{number}",
        key=CycleKey("main", symbol, number, 1),
        leg=Leg(Side.BUY),
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=number,
        status=status,
        exchange_order_id=None if status is IN_FLIGHT else str(number),
    )
    return msgspec.structs.replace(made, **changes)


def accepted(number: int) -> OrderAccepted:
    return OrderAccepted(
        account="main", symbol="AAAQ", client_order_id=f"id{number}", exchange_order_id=str(number), time_ns=0
    )


def filled(number: int, quantity: int = 10, trade_id: str = "1") -> OrderFilled:
    return OrderFilled(
        account="main",
        symbol="AAAQ",
        client_order_id=f"id{number}",
        exchange_order_id=str(number),
        trade_id=trade_id,
        price=Decimal(2),
        quantity=Decimal(quantity),
        commission=Decimal(0),
        commission_asset="AAA",
        time_ns=0,
    )


class Desk:
    """A manager between a journal and a client that only write down."""

    def __init__(self, live: tuple[Order, ...] = (), found: OrdersFound | None = None) -> None:
        self.system: SimulatedSystem = ActorSystem.simulated(VirtualClock())
        loaded = AccountJournal(live_orders=live, totals=(), commissions={}, orders_count=0, fills_count=0)
        self.journal = Recorder({LoadAccount: lambda _: loaded})
        self.client = Recorder({AskOrders: lambda _: found or OrdersFound({}, is_final=True)})
        self.account = Recorder()
        self.system.start(self.journal, names.JOURNAL)
        self.system.start(self.client, names.client("main"))
        self.system.start(self.account, names.account("main"))
        self.manager: Ref = self.system.start(ExecutionManager("main"), names.execution_manager("main"))

    def tell(self, *messages: Any) -> "Desk":
        for message in messages:
            self.manager.tell(message)
        self.system.run_until_idle()
        return self

    def recorded(self) -> list[tuple[str, str]]:
        """Give what the journal was told to record: the order's id and its status after it."""
        told = [each for each in self.journal.take() if isinstance(each, RecordEvent)]
        return [(each.order.client_order_id, each.order.status.value) for each in told]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


def test_an_order_is_sent_once_and_every_event_of_it_is_recorded() -> None:
    desk = Desk().tell(OpenOrder(order(1)), OpenOrder(order(1)))
    assert desk.client.take()[1:] == [SendOrder(order(1))]
    desk.tell(accepted(1), filled(1, 4, "1"), filled(1, 4, "1"), filled(1, 6, "2"), OpenOrder(order(1)))
    assert desk.recorded() == [("id1", "open"), ("id1", "partly_filled"), ("id1", "filled")]
    assert desk.client.take() == []


def test_cancels_go_to_the_exchange_only_for_what_lives() -> None:
    desk = Desk().tell(*(OpenOrder(order(n, symbol=s)) for n, s in ((1, "AAAQ"), (2, "AAAQ"), (3, "BBBQ"))))
    desk.client.take()
    desk.tell(CancelOrder("id1"), CancelOrder("stranger"))
    assert desk.client.take() == [SendCancel("AAAQ", "id1")]
    desk.tell(OrderCancelled(account="main", symbol="AAAQ", client_order_id="id1", time_ns=0), CancelOrder("id1"))
    assert desk.client.take() == []
    desk.tell(CancelSymbol("AAAQ"))
    assert desk.client.take() == [SendCancel("AAAQ", "id2")]


def test_a_symbol_is_cancelled_again_until_nothing_lives_or_it_is_traded_again() -> None:
    desk = Desk((order(1, OPEN), order(2, OPEN)), OrdersFound({}, is_final=False)).tell(CancelSymbol("AAAQ"))
    period_ns = round(CLEAR_PERIOD_S * NS_PER_S)
    both, one = [SendCancel("AAAQ", "id1"), SendCancel("AAAQ", "id2")], [SendCancel("AAAQ", "id2")]
    assert desk.client.take()[1:] == both
    desk.tell(CancelSymbol("AAAQ"))  # twice is no faster
    assert desk.client.take() == both
    desk.tell(OrderCancelled(account="main", symbol="AAAQ", client_order_id="id1", time_ns=0))
    for _ in range(2):
        desk.system.advance_to(desk.system.clock.now_ns() + period_ns)
        assert desk.client.take() == one
    desk.tell(LeaveSymbol("AAAQ"))
    desk.system.advance_to(desk.system.clock.now_ns() + 2 * period_ns)
    assert desk.client.take() == []


def test_it_says_that_it_has_started() -> None:
    system = ActorSystem.simulated(VirtualClock())
    loaded = AccountJournal(live_orders=(), totals=(), commissions={}, orders_count=0, fills_count=0)
    system.start(Recorder({LoadAccount: lambda _: loaded}), names.JOURNAL)
    system.start(Recorder({AskOrders: lambda _: OrdersFound({}, is_final=True)}), names.client("main"))
    switches = Recorder()
    system.start(switches, names.SWITCHES)
    system.start(ExecutionManager("main"), names.execution_manager("main"))
    system.run_until_idle()
    assert switches.take() == [ExecutionStarted("main")]


def test_a_cancel_refused_because_the_order_has_just_filled_ends_as_filled() -> None:
    desk = Desk().tell(OpenOrder(order(1)), accepted(1), CancelOrder("id1"))
    refused = CancelRefused(account="main", symbol="AAAQ", client_order_id="id1", time_ns=0, reason="Unknown order")
    desk.tell(filled(1), refused)
    assert desk.recorded()[-1] == ("id1", "filled")


def test_a_fill_before_the_accept_and_one_after_the_cancel_count() -> None:
    desk = Desk().tell(OpenOrder(order(1)), filled(1, 4), accepted(1))
    assert desk.recorded() == [("id1", "partly_filled")]
    desk.tell(OrderCancelled(account="main", symbol="AAAQ", client_order_id="id1", time_ns=0), filled(1, 2, "2"))
    assert desk.recorded() == [("id1", "cancelled"), ("id1", "cancelled")]


def test_events_of_strangers_are_logged_and_balances_passed_on() -> None:
    balance = BalanceUpdated(account="main", asset="Q", free=Decimal(1), locked=Decimal(0), time_ns=0)
    desk = Desk().tell(accepted(9), balance)
    assert desk.recorded() == []
    assert desk.account.take() == [balance]


def test_without_a_client_an_order_is_rejected_and_not_forgotten() -> None:
    desk = Desk()
    desk.system.terminate(desk.client.ref, 1)
    desk.tell(OpenOrder(order(1)))
    assert desk.recorded() == [("id1", "rejected")]


@pytest.mark.parametrize(
    ("known", "there", "fills", "becomes"),
    [
        (order(1), None, (), [("id1", "rejected")]),
        (order(1), order(1, OPEN), (), [("id1", "open")]),
        (order(1, OrderStatus.UNKNOWN), order(1, OPEN), (), [("id1", "open")]),
        (order(1, OPEN), order(1, OPEN), (), []),
        (
            order(1, OPEN),
            order(1, OrderStatus.PARTLY_FILLED, filled=Decimal(4)),
            (filled(1, 4),),
            [("id1", "partly_filled")],
        ),
        (
            order(1),
            order(1, OrderStatus.FILLED, filled=Decimal(10)),
            (filled(1, 4, "1"), filled(1, 6, "2")),
            [("id1", "open"), ("id1", "partly_filled"), ("id1", "filled")],
        ),
        (order(1, OPEN), order(1, OrderStatus.CANCELLED), (), [("id1", "cancelled")]),
        (order(1, OPEN), order(1, OrderStatus.EXPIRED), (), [("id1", "expired")]),
        (
            order(1, OPEN),
            order(1, OrderStatus.CANCELLED, filled=Decimal(4)),
            (filled(1, 4),),
            [("id1", "partly_filled"), ("id1", "cancelled")],
        ),
        (
            order(1, OrderStatus.PARTLY_FILLED, filled=Decimal(4), trade_ids=frozenset({"1"})),
            order(1, OrderStatus.FILLED, filled=Decimal(10)),
            (filled(1, 4, "1"), filled(1, 6, "2")),
            [("id1", "filled")],
        ),
    ],
)
def test_at_its_start_it_learns_what_came_of_every_live_order(
    known: Order, there: Order | None, fills: tuple[OrderFilled, ...], becomes: list[tuple[str, str]]
) -> None:
    found = OrdersFound({} if there is None else {"id1": there}, is_final=True, fills=fills)
    assert Desk((known,), found).recorded() == becomes


def test_what_was_never_placed_says_so_and_is_left_alone_while_nobody_can_be_sure() -> None:
    desk = Desk((order(1),))
    told = [each.event for each in desk.journal.take() if isinstance(each, RecordEvent)]
    assert [event.reason for event in told if isinstance(event, OrderRejected)] == [NEVER_PLACED]
    assert len(told) == 1
    assert Desk((order(1),), OrdersFound({}, is_final=False)).recorded() == []


def test_it_does_not_start_without_knowing_what_the_exchange_has() -> None:
    system = ActorSystem.simulated(VirtualClock())
    loaded = AccountJournal(live_orders=(), totals=(), commissions={}, orders_count=0, fills_count=0)
    system.start(Recorder({LoadAccount: lambda _: loaded}), names.JOURNAL)
    with pytest.raises(StartFailedError, match="does not say what it has"):
        system.start(ExecutionManager("main"), names.execution_manager("main"))
