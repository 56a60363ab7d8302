"""Each fault between a daemon and the simulated exchange does what it says, and nothing else."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from naive_daemon.domain.events import (
    BalanceUpdated,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Trade,
)
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskBalances,
    AskOrder,
    AskSnapshot,
    BooksDoubted,
    ClientTrouble,
    MarketStatus,
    OrderNotSent,
    OrderReport,
    Reconnected,
    Reconnecting,
    SendCancel,
    SendOrder,
)
from naive_daemon.otp import ActorDiedError, Call
from tests.simulation.exchange.exchange_bench import START_NS, ExchangeBench
from tests.simulation.odds import Fault
from tests.simulation.plan import QUOTE, SYMBOLS, draw_plan

ACCOUNT = "main"
SYMBOL = SYMBOLS[0]
PRICE = Decimal(100)
DEAD_UNNOTICED = 0.9


class Bench(ExchangeBench):
    """Connected, with a market far above what is bought; `told` is empty."""

    def __init__(self, *faults: Fault) -> None:
        engine = PaperEngine(
            draw_plan(0).instruments,
            fill_model=FillModel.VOLUME,
            maker_fee=Decimal(0),
            balances={ACCOUNT: {QUOTE: Decimal(10_000), "AAA": Decimal(10)}},
        )
        super().__init__(ACCOUNT, engine, faults)
        self.arrived: list[str] = []
        self.exchange.on_arrival = lambda order: self.arrived.append(order.client_order_id)
        self._trades = 0
        self.trade(2 * PRICE)
        self.wait(0.5)

    def trade(self, price: Decimal, quantity: str = "1000") -> None:
        self._trades += 1
        self.exchange.trade(Trade(SYMBOL, price, Decimal(quantity), self._trades, self.clock.now_ns()))

    def place(self, made: Order) -> None:
        self.ref.tell(SendOrder(made))

    def ask(self, message: Any) -> Any:
        return self.system.ask(self.ref, message, 60.0)

    def there(self, made: Order) -> Order | None:
        return self.exchange.engine.order(ACCOUNT, made.client_order_id)


def order(name: str = "1", side: Side = Side.BUY, price: Decimal = PRICE, quantity: str = "1") -> Order:
    return Order(
        client_order_id=name,
        key=CycleKey(ACCOUNT, SYMBOL, 1, 1),
        leg=Leg(side),
        price=price,
        quantity=Decimal(quantity),
        created_ns=START_NS,
    )


def fault(kind: str, place: str, number: int = 1, size: float = 0.5) -> Fault:
    return Fault(kind, place, number, size)


def asked(message: Any) -> Call:
    """Give a request whose answer nobody waits for."""
    return Call(message, lambda _: None, lambda _: None)


def of_orders(told: Iterable[Any]) -> list[type]:
    """Give what was told, without balances."""
    return [type(each) for each in told if not isinstance(each, BalanceUpdated)]


@pytest.mark.parametrize(
    ("faults", "told", "arrives"),
    [
        ((), [OrderAccepted, OrderAccepted], True),
        ((fault("not sent", "order"),), [OrderNotSent], False),
        ((fault("request lost", "order"),), [OrderUnknown], False),
        ((fault("answer lost", "order"),), [OrderAccepted, OrderUnknown], True),
        ((fault("error", "order"),), [OrderUnknown], False),
        ((fault("error after", "order"),), [OrderAccepted, OrderUnknown], True),
        ((fault("late request", "order"),), [OrderUnknown, OrderAccepted, OrderAccepted], True),
        ((fault("late request", "order", size=0.9),), [OrderUnknown, OrderNotSent], False),
        ((fault("late answer", "order"),), [OrderAccepted, OrderUnknown, OrderAccepted], True),
        ((fault("rate limit", "order"),), [ClientTrouble, OrderNotSent, ClientTrouble], False),
        ((fault("lost", "accepted"),), [OrderAccepted], True),
        ((fault("duplicate", "accepted"),), [OrderAccepted, OrderAccepted], True),
    ],
    ids=lambda value: (
        " ".join(f"{one.kind} {one.place} {one.size}" for one in value if isinstance(one, Fault))
        if isinstance(value, tuple)
        else ""
    ),
)
def test_an_order_is_told_to_be_what_it_is_at_worst_unknown(
    faults: tuple[Fault, ...], told: list[type], arrives: bool
) -> None:
    bench = Bench(*faults)
    bench.place(order())
    assert of_orders(bench.wait(30)) == told
    assert (bench.there(order()) is not None) == arrives
    assert bench.arrived == ["1"] * arrives
    assert len(bench.exchange.network.odds.befallen) == len(faults)


@pytest.mark.parametrize(
    ("faults", "told", "is_taken_off"),
    [
        ((), [OrderCancelled], True),
        ((fault("request lost", "cancel"),), [CancelRefused], False),
        ((fault("error", "cancel"),), [CancelRefused], False),
        ((fault("error after", "cancel"),), [OrderCancelled, CancelRefused], True),
        ((fault("late request", "cancel"),), [CancelRefused, OrderCancelled], True),
        ((fault("lost", "cancelled"),), [], True),
    ],
    ids=["none", "request lost", "error", "error after", "late request", "event lost"],
)
def test_a_cancel_that_is_refused_may_have_been_done(
    faults: tuple[Fault, ...], told: list[type], is_taken_off: bool
) -> None:
    bench = Bench(*faults)
    bench.place(order())
    bench.wait(1)
    bench.ref.tell(SendCancel(SYMBOL, "1"))
    assert of_orders(bench.wait(30)) == told
    there = bench.there(order())
    assert there is not None
    assert there.status.is_terminal == is_taken_off


def test_an_order_handed_over_before_its_process_died_arrives_after_the_next_has_started() -> None:
    bench = Bench(fault("late request", "order", size=0.6))
    bench.place(order())
    bench.wait(0.1)
    bench.die()
    bench.begin()
    bench.wait(3)
    assert bench.arrived == []
    told = bench.wait(10)
    assert bench.arrived == ["1"]
    assert of_orders(told) == [OrderAccepted]  # on the new connection: nobody waits for the answer


def test_fills_go_on_while_no_process_runs_and_the_next_one_finds_them() -> None:
    bench = Bench()
    bench.place(order())
    bench.wait(1)
    bench.die()
    bench.trade(PRICE, "0.4")
    bench.begin()
    snapshot = next(each for each in bench.wait(1) if isinstance(each, AccountSnapshot))
    assert [(each.client_order_id, each.filled) for each in snapshot.orders] == [("1", Decimal("0.4"))]
    report: OrderReport = bench.ask(AskOrder(SYMBOL, "1"))
    assert [fill.quantity for fill in report.fills] == [Decimal("0.4")]


@pytest.mark.parametrize(("kind", "arrives"), [("death before", False), ("death after", True)])
def test_a_process_may_die_around_the_sending_of_an_order(kind: str, arrives: bool) -> None:
    bench = Bench(fault(kind, "client.send"))
    bench.place(order())
    assert bench.wait(5) == []
    assert bench.life.is_over
    assert bench.arrived == ["1"] * arrives


def test_a_client_of_a_process_that_is_over_sends_nothing() -> None:
    bench = Bench()
    bench.life.end("killed")
    bench.place(order())
    bench.wait(5)
    assert bench.arrived == []


def test_an_event_of_an_old_connection_never_comes_on_the_new_one() -> None:
    bench = Bench(fault("late", "accepted", size=1.0), fault("disconnect", "stream", number=2, size=0.1))
    bench.place(order())
    assert of_orders(bench.wait(30)) == [OrderUnknown, Reconnecting, Reconnected, AccountSnapshot]


def test_a_dead_connection_takes_orders_that_never_arrive_until_it_is_noticed() -> None:
    bench = Bench(fault("disconnect", "stream", size=DEAD_UNNOTICED))
    bench.place(order("1"))
    bench.wait(1)
    bench.place(order("2"))
    assert of_orders(bench.wait(3)) == []
    assert of_orders(bench.wait(30)) == [
        OrderUnknown,
        OrderUnknown,
        Reconnecting,
        Reconnected,
        AccountSnapshot,
    ]
    assert bench.arrived == ["1"]


def test_while_not_connected_no_entry_is_sent_and_exits_and_cancels_are() -> None:
    bench = Bench()
    bench.place(order("resting"))
    bench.wait(1)
    bench.exchange.network.cut(bench.exchange._lines[ACCOUNT], "cut", 0.0)
    bench.wait(0.01)
    bench.place(order("entry"))
    bench.place(order("exit", Side.SELL, 3 * PRICE))
    bench.ref.tell(SendCancel(SYMBOL, "resting"))
    told = bench.wait(0.05)
    assert [each.client_order_id for each in told if isinstance(each, OrderNotSent)] == ["entry"]
    assert "exit" in bench.arrived
    there = bench.there(order("resting"))
    assert there is not None
    assert there.status.is_terminal


@pytest.mark.parametrize("size", [0.1, DEAD_UNNOTICED])
def test_a_disconnect_in_the_midst_of_a_snapshot_is_one_loss_and_a_snapshot_comes_at_last(size: float) -> None:
    bench = Bench(fault("disconnect", "stream", size=0.1), fault("disconnect", "snapshot", number=2, size=size))
    bench.place(order())
    told = of_orders(bench.wait(60))
    assert told[-2:] == [Reconnected, AccountSnapshot]
    counts = Counter(told)
    assert counts[Reconnecting] == counts[Reconnected] == counts[AccountSnapshot] == (1 if size == 0.1 else 2)


def test_what_happens_while_a_snapshot_is_read_comes_after_it() -> None:
    bench = Bench(fault("late answer", "balances", number=2, size=0.1))
    bench.place(order())
    bench.wait(1)
    bench.die()
    bench.begin()
    bench.wait(1)
    bench.trade(PRICE)
    assert of_orders(bench.wait(10)) == [Reconnected, AccountSnapshot, OrderFilled]


def test_events_come_late_and_overtaken_and_older_balances_are_not_told_after_newer_ones() -> None:
    bench = Bench(fault("late", "filled", size=1.0), fault("reordered", "balance", number=2, size=1.0))
    bench.place(order())
    bench.wait(1)
    bench.trade(PRICE, "0.4")
    bench.trade(PRICE, "0.6")
    told = bench.wait(20)
    fills = [each.quantity for each in told if isinstance(each, OrderFilled)]
    assert fills == [Decimal("0.6"), Decimal("0.4")]
    owned = [each.free for each in told if isinstance(each, BalanceUpdated) and each.asset == "AAA"]
    assert owned == [Decimal(11)]


@pytest.mark.parametrize("kind", ["not found", "fills lag"])
def test_reads_lag_behind_for_a_while(kind: str) -> None:
    bench = Bench(*(fault(kind, "question", number) for number in range(1, 5)))
    bench.place(order())
    bench.wait(0.1)
    bench.trade(PRICE)
    bench.wait(0.1)
    if kind == "not found":
        assert bench.ask(AskOrder(SYMBOL, "1")).order is None
    else:
        with pytest.raises(ActorDiedError, match="do not add up"):
            bench.ask(AskOrder(SYMBOL, "1"))
    bench.wait(5)
    report = bench.ask(AskOrder(SYMBOL, "1"))
    assert report.order.filled == sum(fill.quantity for fill in report.fills) == 1


def test_a_snapshot_may_not_hold_yet_what_has_just_been_placed() -> None:
    bench = Bench(fault("not found", "snapshot"))
    bench.place(order())
    bench.wait(0.1)
    assert bench.ask(AskSnapshot()).orders == ()
    assert [each.client_order_id for each in bench.ask(AskSnapshot()).orders] == ["1"]


@pytest.mark.parametrize("kind", ["request lost", "answer lost", "error", "error after", "rate limit"])
def test_a_question_fails_or_is_asked_again(kind: str) -> None:
    bench = Bench(*(fault(kind, place, number) for place in ("question", "snapshot", "balances") for number in (2, 3)))
    bench.ask(AskOrder(SYMBOL, "1"))
    with pytest.raises(ActorDiedError):
        bench.ask(AskOrder(SYMBOL, "1"))
    bench.wait(15)
    assert isinstance(bench.ask(AskSnapshot()), AccountSnapshot)
    assert bench.ask(AskBalances())


def test_a_ban_stops_everything_and_ends_and_is_told_again_to_who_asks() -> None:
    bench = Bench(fault("rate limit", "snapshot", number=2, size=0.5))
    bench.ref.tell(asked(AskSnapshot()))
    (begun,) = [each for each in bench.wait(1) if isinstance(each, ClientTrouble)]
    assert (begun.kind, begun.reason is None) == ("ban", False)
    bench.ref.tell(asked(AskSnapshot()))
    bench.place(order("1"))
    bench.place(order("2"))
    bench.ref.tell(SendCancel(SYMBOL, "2"))
    told = bench.wait(5)
    assert of_orders(told)[0] is MarketStatus
    assert begun in told
    assert [each.client_order_id for each in told if isinstance(each, OrderCancelled | OrderNotSent)] == ["2", "1"]
    (over,) = [each for each in bench.wait(10) if isinstance(each, ClientTrouble)]
    assert (over.kind, over.reason) == ("ban", None)
    assert bench.arrived == []


@pytest.mark.parametrize("is_down", [True, False])
def test_an_exchange_that_is_away_is_not_reached_and_matches_only_if_it_is_not_down(is_down: bool) -> None:
    bench = Bench()
    bench.place(order())
    bench.wait(1)
    bench.exchange.go_away(30, is_down=is_down)
    bench.wait(12)
    bench.trade(PRICE)
    bench.place(order("exit", Side.SELL))
    assert [each.client_order_id for each in bench.wait(5) if isinstance(each, OrderNotSent)] == ["exit"]
    made = bench.there(order())
    assert made is not None
    assert (made.filled == 0) == is_down
    assert of_orders(bench.wait(60))[-2:] == [Reconnected, AccountSnapshot]
    assert bench.arrived == ["1"]


def test_a_halt_refuses_orders_is_told_and_ends() -> None:
    bench = Bench()
    bench.exchange.halt(SYMBOL, 5)
    bench.place(order())
    told = bench.wait(1)
    assert MarketStatus(ACCOUNT, frozenset({SYMBOL})) in told
    assert [each.reason for each in told if isinstance(each, OrderRejected)] == ["Market is closed."]
    assert MarketStatus(ACCOUNT, frozenset()) in bench.wait(10)


def test_a_halt_that_ends_while_a_connection_begins_is_known_to_be_over() -> None:
    bench = Bench(fault("late answer", "balances", number=2, size=0.1))
    bench.exchange.halt(SYMBOL, 5)
    assert MarketStatus(ACCOUNT, frozenset({SYMBOL})) in bench.wait(4)
    bench.exchange.network.cut(bench.exchange._lines[ACCOUNT], "cut", 0.0)
    assert MarketStatus(ACCOUNT, frozenset()) in bench.wait(10)


def test_a_refusal_for_a_missing_balance_doubts_the_books() -> None:
    bench = Bench()
    bench.place(order(quantity="1000"))
    assert of_orders(bench.wait(1)) == [BooksDoubted, OrderRejected]


def test_a_strangers_order_rests_without_having_arrived_as_one_of_the_daemons() -> None:
    bench = Bench()
    events: list[Any] = []
    bench.exchange.on_events = events.extend
    bench.exchange.place_stranger(ACCOUNT, SYMBOL)
    bench.wait(1)
    (stranger,) = bench.ask(AskSnapshot()).orders
    assert stranger.client_order_id == "web_1"
    assert bench.arrived == []
    assert of_orders(events) == [OrderAccepted]


def test_once_healed_nothing_is_left_of_what_was_away_halted_or_dead() -> None:
    bench = Bench(fault("disconnect", "stream", size=DEAD_UNNOTICED))
    bench.place(order())
    bench.wait(0.1)
    bench.exchange.halt(SYMBOL, 1000)
    bench.exchange.go_away(1000)
    bench.wait(100)
    bench.exchange.heal()
    bench.wait(65)
    assert bench.exchange.halted == frozenset()
    bench.place(order("2"))
    assert OrderAccepted in of_orders(bench.wait(1))


def test_an_order_that_came_to_its_client_too_late_is_not_sent() -> None:
    bench, made = Bench(), order()
    bench.ref.tell(SendOrder(made, until_s=bench.clock.monotonic_s()))
    assert of_orders(bench.wait(1.0)) == [OrderNotSent]
    assert bench.arrived == []
