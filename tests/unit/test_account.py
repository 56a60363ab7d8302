"""The account: its state, whom it tells what came of an order, and that what is older changes nothing."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.account.account import Account, AccountQuery, AccountStarted, OrderNotice
from naive_daemon.account.store import Balance
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.events import BalanceUpdated, OrderAccepted, OrderCancelled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import AskBalances
from naive_daemon.execution.journal_messages import LoadAccount
from naive_daemon.execution.journal_store import AccountJournal, OrderRecorded, RiskJournal
from naive_daemon.otp import DEFERRED, Actor, ActorSystem, Call
from tests.trading.recorder import Recorder
from tests.unit.account_desk import INSTRUMENTS, Desk

KEY = CycleKey("main", "AAAQ", 1, 1)
ORDER = Order(
    client_order_id="id1",
    key=KEY,
    leg=Leg(Side.BUY),
    price=Decimal(2),
    quantity=Decimal(10),
    created_ns=1,
    status=OrderStatus.OPEN,
)
ACCEPTED = OrderAccepted(account="main", symbol="AAAQ", client_order_id="id1", exchange_order_id="9", time_ns=5)
CANCELLED = OrderCancelled(account="main", symbol="AAAQ", client_order_id="id1", time_ns=6)


def balance(free: int, time_ns: int) -> BalanceUpdated:
    return BalanceUpdated(account="main", asset="Q", free=Decimal(free), locked=Decimal(1), time_ns=time_ns)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


class Slow(Actor):
    """Answers what it has `answers` for, by the type of request; the newest of all others when it is told to."""

    def __init__(self, answers: Mapping[type, Any]) -> None:
        super().__init__()
        self._answers = answers
        self._calls: list[Call] = []

    def on_receive(self, message: Any) -> Any:
        if type(message) in self._answers:
            return self._answers[type(message)]
        self._calls.append(self.caller())
        return DEFERRED

    def answer(self, answer: Any) -> None:
        self._calls.pop().reply(answer)


class Hearer(Recorder):
    """Hears that the account has started."""

    def init(self) -> None:
        self.subscribe(names.account("main"))


def test_it_starts_from_journal_and_exchange_and_lets_traders_know() -> None:
    system = ActorSystem.simulated(VirtualClock())
    loaded = AccountJournal(live_orders=(ORDER,), totals=(), commissions={}, orders_count=1, fills_count=0)
    system.start(Recorder({LoadAccount: lambda _: loaded}), names.JOURNAL)
    system.start(Recorder({AskBalances: lambda _: (balance(7, 1),)}), names.client("main"))
    hearer = Hearer()
    system.start(hearer)
    system.start(Account("main"), names.account("main"))
    system.run_until_idle()
    assert hearer.take() == [AccountStarted("main")]
    view = system.ask(names.account("main"), AccountQuery())
    assert view.orders == (ORDER,)
    assert view.balances == {"Q": Balance(Decimal(7), Decimal(1), 1)}


def test_a_notice_goes_to_the_trader_or_to_its_leader_while_the_trader_is_not_there() -> None:
    system = ActorSystem.simulated(VirtualClock())
    loaded = AccountJournal(live_orders=(), totals=(), commissions={}, orders_count=0, fills_count=0)
    system.start(Recorder({LoadAccount: lambda _: loaded}), names.JOURNAL)
    system.start(Recorder({AskBalances: lambda _: ()}), names.client("main"))
    account = system.start(Account("main"), names.account("main"))
    trader, leader = Recorder(), Recorder()
    ref = system.start(trader, names.trader("main", "AAAQ", 1))
    system.start(leader, names.leader("main", "AAAQ"))
    account.tell(OrderRecorded(ORDER, ACCEPTED))
    system.run_until_idle()
    assert (trader.take(), leader.take()) == ([OrderNotice(KEY, ACCEPTED)], [])
    system.terminate(ref, 1)
    account.tell(OrderRecorded(ORDER.apply(CANCELLED), CANCELLED))
    system.run_until_idle()
    assert leader.take() == [OrderNotice(KEY, CANCELLED)]
    assert system.ask(account, AccountQuery()).orders == ()


def test_a_session_begins_with_what_the_exchange_answers_and_not_with_an_event_before_it() -> None:
    system = ActorSystem.simulated(VirtualClock(NS_PER_S))
    loaded = AccountJournal(live_orders=(ORDER,), totals=(), commissions={}, orders_count=1, fills_count=0)
    journal, client = Slow({LoadAccount: loaded}), Slow({})
    system.start(journal, names.JOURNAL)
    system.start(client, names.client("main"))
    account = system.start(Account("main", INSTRUMENTS), names.account("main"))
    account.tell(BalanceUpdated(account="main", asset="BNB", free=Decimal(1), locked=Decimal(0), time_ns=2))
    system.run_until_idle()
    journal.answer(RiskJournal(open_cycle_orders=(), realised_pnl={}))
    system.run_until_idle()
    client.answer((balance(999, 1),))
    system.run_until_idle()
    (session,) = system.ask(account, AccountQuery()).sessions
    assert (session.asset, session.starting_balance, session.realised_pnl) == ("Q", 1_000, 0)


def test_an_account_that_owns_nothing_when_it_starts_has_a_session_all_the_same() -> None:
    desk = Desk(balances=())
    desk.tell(balance(99, 2), OrderRecorded(ORDER))
    (session,) = desk.view().sessions
    assert (session.asset, session.starting_balance, session.realised_pnl) == ("Q", 0, 100)
