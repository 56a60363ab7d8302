"""The journal actor: durable first, in order, in few commits; and what becomes of it while the store is away."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.domain.events import OrderAccepted, OrderRejected
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.execution.journal import UNAVAILABLE, Journal, JournalConfig
from naive_daemon.execution.journal_messages import (
    AccountClaimed,
    ClaimAccount,
    LoadCycle,
    LoadOrder,
    LoadSymbol,
    OpenOrder,
    PassOn,
    PlaceIntent,
    RecordCycles,
    RecordEvent,
    ReleaseAccount,
)
from naive_daemon.execution.journal_store import JournalEntry, OrderRecorded
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.otp import ActorSystem, Call
from tests.trading.recorder import Recorder

KEY = CycleKey("main", "AAAQ", 1, 1)


def order(number: int = 1, side: Side = Side.BUY) -> Order:
    return Order(
        client_order_id=f"id{number}",
        key=KEY,
        leg=Leg(side, number),
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=number,
    )


def accepted(number: int = 1) -> RecordEvent:
    event = OrderAccepted(
        account="main", symbol="AAAQ", client_order_id=f"id{number}", exchange_order_id="9", time_ns=5
    )
    return RecordEvent(order(number).apply(event), event)


class Store(MemoryJournal):
    """Counts commits; `failure` is raised, after having written when `writes_before` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[int] = []
        self.loads: list[list[CycleKey]] = []
        self.unreadable: CycleKey | None = None
        self.failure: Exception | None = None
        self.writes_before = False

    def write(self, entries: Sequence[JournalEntry]) -> None:
        if self.failure is None or self.writes_before:
            super().write(entries)
            self.commits.append(len(entries))
        if self.failure is not None:
            raise self.failure

    def load_cycles(self, keys: Sequence[CycleKey]) -> tuple[tuple[Order, ...], ...]:
        if self.failure is not None:
            raise self.failure
        if self.unreadable in keys:
            raise ValueError("expected int")
        self.loads.append(list(keys))
        return super().load_cycles(keys)


class Bench:
    """A journal between a store and two who write down what is passed on to them."""

    def __init__(self, **config: Any) -> None:
        self.system = ActorSystem.simulated(VirtualClock())
        self.store = Store()
        self.manager, self.account = Recorder(), Recorder()
        self.system.start(self.manager, names.execution_manager("main"))
        self.system.start(self.account, names.account("main"))
        self.ref = self.system.start(Journal(self.store, JournalConfig(batch_max=3, **config)), names.JOURNAL)

    def tell(self, *messages: Any) -> "Bench":
        for message in messages:
            self.ref.tell(message)
        self.system.run_until_idle()
        return self

    def passed_on(self) -> list[Any]:
        """Give what the execution manager was told, of orders to open only the orders."""
        return [told.order if isinstance(told, OpenOrder) else told for told in self.manager.take()]

    def wait(self, seconds: float) -> "Bench":
        self.system.advance_to(self.system.clock.now_ns() + round(seconds * NS_PER_S))
        self.system.run_until_idle()
        return self


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


def test_what_gathers_shares_commits_and_is_passed_on_in_order() -> None:
    bench = Bench().tell(*(PlaceIntent(order(number)) for number in range(1, 8)))
    assert bench.store.commits == [3, 3, 1]
    assert [message.order.client_order_id for message in bench.manager.take()] == [f"id{n}" for n in range(1, 8)]
    assert bench.account.take() == [OrderRecorded(order(number)) for number in range(1, 8)]
    bench.tell(accepted())
    assert bench.account.take() == [OrderRecorded(accepted().order, accepted().event)]


def test_cycles_of_one_message_are_in_one_commit() -> None:
    cycles = tuple(
        Cycle(
            key=CycleKey("main", "AAAQ", 1, number),
            budget=Decimal(1),
            fee=Decimal(0),
            settings=TradeSettings(),
            started_ns=0,
        )
        for number in (1, 2, 3, 4, 5)
    )
    assert Bench().tell(RecordCycles(cycles)).store.commits == [5]


def test_nothing_is_written_or_sent_for_an_account_that_was_given_back_until_it_is_ours_again() -> None:
    bench, answers = Bench(), list[Any]()
    claim = Call(ClaimAccount("main"), answers.append, answers.append)
    cycle = Cycle(key=KEY, budget=Decimal(1), fee=Decimal(0), settings=TradeSettings(), started_ns=0)
    late = (PlaceIntent(order(2)), accepted(), RecordCycles((cycle,)))
    other = order(3)
    other = msgspec.structs.replace(other, key=msgspec.structs.replace(KEY, account="second"))
    bench.tell(PlaceIntent(order()), ReleaseAccount("main"), *late, PlaceIntent(other))
    assert bench.store.orders() == (order(), other)
    bench.store.held_elsewhere["main"] = "process 7 on elsewhere"
    bench.tell(claim, *late)
    assert (bench.store.orders(), bench.store.cycles()) == ((order(), other), ())
    del bench.store.held_elsewhere["main"]
    load = Call(LoadSymbol("main", "AAAQ"), lambda _: None, answers.append)
    bench.tell(claim, load, PlaceIntent(order(4)))
    assert answers == [AccountClaimed("main", "process 7 on elsewhere"), AccountClaimed("main")]
    assert bench.store.orders() == (order(), other, order(4))
    assert bench.passed_on() == [order(), order(4)]


@pytest.mark.parametrize("is_away", [False, True], ids=["written at once", "waiting meanwhile"])
def test_what_a_leader_went_on_with_is_not_written_behind_the_next_claim_either(is_away: bool) -> None:
    bench, answers = Bench(retry_first_s=1.0), list[Any]()
    claim = Call(ClaimAccount("main"), lambda _: None, answers.append)
    load = Call(LoadSymbol("main", "AAAQ"), lambda _: None, answers.append)
    cycle = Cycle(key=KEY, budget=Decimal(1), fee=Decimal(0), settings=TradeSettings(), started_ns=0)
    bench.tell(ReleaseAccount("main"))
    other = msgspec.structs.replace(order(9), key=msgspec.structs.replace(KEY, account="second"))
    if is_away:
        bench.store.failure = TransientError("away")
        bench.tell(PlaceIntent(other))
    bench.tell(RecordCycles((cycle,)), claim, PlaceIntent(order(2)), PlaceIntent(order(3, Side.SELL)))
    bench.store.failure = None
    bench.wait(10)
    assert [one for one in bench.store.orders() if one.key == KEY] == []
    assert bench.passed_on() == []
    bench.tell(accepted(), load, PlaceIntent(order(4)))
    assert [one.client_order_id for one in bench.store.orders() if one.key == KEY] == ["id1", "id4"]
    assert bench.passed_on() == [order(4)]
    assert answers == []


def test_a_request_reads_what_was_told_before_it() -> None:
    bench = Bench()
    answers: list[Any] = []
    bench.tell(PlaceIntent(order()), Call(LoadCycle(KEY), answers.append, answers.append), PlaceIntent(order(2)))
    assert answers == [(order(),)]


def test_an_order_is_read_by_its_id_behind_what_was_told_before() -> None:
    bench = Bench()
    answers: list[Any] = []
    asked = (Call(LoadOrder(name), answers.append, answers.append) for name in ("id2", "id1"))
    bench.tell(PlaceIntent(order()), *asked, PlaceIntent(order(2)))
    assert answers == [None, order()]


def test_requests_that_gathered_are_read_at_once_in_the_order_of_things() -> None:
    bench = Bench()
    answers: list[Any] = []
    keys = [msgspec.structs.replace(KEY, trader=number) for number in (1, 2, 3)]

    def ask(key: CycleKey) -> Call:
        return Call(LoadCycle(key), answers.append, answers.append)

    symbol = Call(LoadSymbol("main", "AAAQ"), answers.append, answers.append)
    bench.tell(*map(ask, keys), symbol, PlaceIntent(order()), *map(ask, keys))
    assert bench.store.loads == [keys, keys]
    assert answers == [(), (), (), bench.store.load_symbol("main", "BBBQ"), (order(),), (), ()]


def test_what_can_not_be_read_costs_only_who_asked_for_it() -> None:
    bench = Bench()
    bench.tell(PlaceIntent(order()))
    bench.store.unreadable = msgspec.structs.replace(KEY, trader=2)
    answers: list[Any] = []
    failures: list[Any] = []
    keys = [KEY, bench.store.unreadable, KEY]
    bench.tell(*(Call(LoadCycle(key), answers.append, failures.append) for key in keys))
    assert answers == [(order(),), (order(),)]
    assert [str(failure) for failure in failures] == ["ValueError: expected int"]
    assert bench.ref.is_alive()


def test_what_is_passed_on_never_overtakes_an_order() -> None:
    bench = Bench().tell(PlaceIntent(order()), PassOn(names.execution_manager("main"), "cancel"), PlaceIntent(order(2)))
    assert bench.passed_on() == [order(), "cancel", order(2)]


def test_an_order_may_leave_for_a_moment_after_its_commit() -> None:
    bench = Bench()
    bench.store.failure = TransientError("away")
    bench.tell(PlaceIntent(order(1, Side.SELL)))
    bench.store.failure = None
    bench.wait(10)
    committed_s = bench.system.clock.monotonic_s()
    bench.tell(PlaceIntent(order(2), Decimal(5)))
    waited, last = bench.manager.take()
    assert last == OpenOrder(order(2), Decimal(5), committed_s + SEND_WITHIN_S)
    assert 0 < waited.until_s - SEND_WITHIN_S < committed_s


@pytest.mark.parametrize("writes_before", [False, True])
def test_while_the_store_is_away_entries_are_refused_and_exits_wait(writes_before: bool) -> None:
    bench = Bench()
    bench.store.failure, bench.store.writes_before = TransientError("away"), writes_before
    bench.tell(PlaceIntent(order(1)), PlaceIntent(order(2, Side.SELL)), PlaceIntent(order(3)))
    bench.wait(1)
    bench.tell(PlaceIntent(order(4)), accepted(5))
    assert (bench.passed_on(), bench.account.take()) == ([], [])
    bench.store.failure = None
    bench.wait(10)
    assert bench.passed_on() == [order(2, Side.SELL)]
    told = bench.account.take()
    refused = [each.order.client_order_id for each in told if isinstance(each.event, OrderRejected)]
    assert refused == ["id1", "id3", "id4"]
    assert {each.event.reason for each in told if isinstance(each.event, OrderRejected)} == {UNAVAILABLE}
    assert isinstance(told[-1].event, OrderAccepted)
    bench.tell(PlaceIntent(order(6)))
    assert bench.passed_on() == [order(6)]


def test_a_request_waits_for_the_store_too() -> None:
    bench = Bench()
    answers: list[Any] = []
    bench.store.failure = TransientError("away")
    bench.tell(PlaceIntent(order(1, Side.SELL)), Call(LoadCycle(KEY), answers.append, answers.append))
    assert answers == []
    bench.store.failure = None
    bench.wait(10)
    assert answers == [(order(1, Side.SELL),)]


def test_what_the_store_refuses_for_good_ends_the_journal() -> None:
    bench = Bench()
    bench.store.failure = PermanentError("no such table")
    bench.tell(PlaceIntent(order()))
    assert not bench.ref.is_alive()
    assert bench.passed_on() == []


def test_a_store_that_is_away_for_too_long_ends_the_journal() -> None:
    bench = Bench(waiting_max=5)
    bench.store.failure = TransientError("away")
    bench.tell(*(accepted() for _ in range(5)))
    assert bench.ref.is_alive()
    bench.tell(accepted())
    assert not bench.ref.is_alive()
    assert bench.store.commits == []
