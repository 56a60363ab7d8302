"""What every execution client does: that of the paper exchange, of Binance (here the local exchange), simulated.

The simulated one is a double for tests, so it is held to what the others do; time goes by there while a test waits.
"""

import queue
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import pytest
from pydantic import SecretStr

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.events import (
    BalanceUpdated,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    Trade,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.client import BinanceClient
from naive_daemon.exchange.binance.gateway import Gateway, open_gateway
from naive_daemon.exchange.paper.client import PaperClient
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskBalances,
    AskOrder,
    AskSnapshot,
    OrderReport,
    SendCancel,
    SendOrder,
)
from naive_daemon.execution.journal_messages import LoadAccount
from naive_daemon.execution.journal_store import AccountJournal
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.otp import Actor, ActorSystem, Ref
from tests.exchange.local_exchange import LocalExchange
from tests.simulation.exchange.exchange_bench import ExchangeBench
from tests.trading.recorder import Recorder

WAIT_S = 10.0
ACCOUNT = "main"
SYMBOL = "BTCUSDT"
INSTRUMENT: Instrument = GENERATED_INSTRUMENTS[SYMBOL]
PRICE = Decimal(20_000)
FUNDS = {"USDT": Decimal(1_000_000), "BTC": Decimal(10)}

T = TypeVar("T")


class Heard(Protocol):
    """What a client has told."""

    def get(self, *, timeout: float) -> Any:
        """Wait for the next message."""


class Client(Protocol):
    """A client at work, and the market that it trades on."""

    system: ActorSystem
    ref: Ref
    told: Heard

    def trade(self, price: Decimal) -> None:
        """Let the market print a trade, large enough for every order that it reaches."""


class _Told(Actor):
    def __init__(self, messages: "queue.Queue[Any]") -> None:
        super().__init__()
        self._messages = messages

    def on_receive(self, message: Any) -> None:
        self._messages.put(message)


class _Bench:
    def __init__(self) -> None:
        self.told: queue.Queue[Any] = queue.Queue()
        self.system = ActorSystem.live(WallClock(), threads=2)
        self.system.start(_Told(self.told), names.execution_manager(ACCOUNT))

    def start(self, client: Actor) -> None:
        self.ref = self.system.start(client, names.client(ACCOUNT))

    def end(self) -> None:
        self.system.terminate(self.ref, WAIT_S)
        self.system.stop()


class _Paper(_Bench):
    def __init__(self) -> None:
        super().__init__()
        empty = AccountJournal(live_orders=(), totals=(), commissions={}, orders_count=0, fills_count=0)
        self.system.start(Recorder({LoadAccount: lambda _: empty}), names.JOURNAL)
        self._number = 0
        self.start(PaperClient(ACCOUNT, _engine, GENERATED_INSTRUMENTS, FUNDS))

    def trade(self, price: Decimal) -> None:
        self._number += 1
        self.ref.tell(Trade(SYMBOL, price, Decimal(1_000), self._number, WallClock().now_ns()))


def _engine(balances: Any, first_order_number: int) -> PaperEngine:
    return PaperEngine(
        GENERATED_INSTRUMENTS,
        fill_model=FillModel.THROUGH,
        maker_fee=Decimal("0.001"),
        balances=balances,
        first_order_number=first_order_number,
    )


class _Binance(_Bench):
    def __init__(self, exchange: LocalExchange) -> None:
        super().__init__()
        self._exchange = exchange
        self._gateways: list[Gateway] = []
        self.start(BinanceClient(ACCOUNT, self._open))

    def trade(self, price: Decimal) -> None:
        self._exchange.trade(SYMBOL, str(price), "1000")

    def end(self) -> None:
        super().end()
        for gateway in self._gateways:
            assert gateway.end()

    def _open(self) -> Gateway:
        config = Binance(
            rest_url=self._exchange.rest_url,
            ws_api_url=self._exchange.ws_api_url,
            stream_url=self._exchange.stream_url,
            api_key=SecretStr(self._exchange.api_key),
            api_secret=SecretStr(self._exchange.api_secret),
        )
        self._gateways.append(open_gateway(ACCOUNT, config, dict(GENERATED_INSTRUMENTS), WallClock(), random.Random(1)))
        return self._gateways[-1]


class _Simulated(ExchangeBench):
    def __init__(self) -> None:
        super().__init__(ACCOUNT, _engine({ACCOUNT: FUNDS}, 1))
        self._number = 0

    def trade(self, price: Decimal) -> None:
        self._number += 1
        self.exchange.trade(Trade(SYMBOL, price, Decimal(1_000), self._number, self.clock.now_ns()))


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExchange]:
    folder = tmp_path_factory.mktemp("exchange")
    with LocalExchange(folder, "--fill-model", "through", "--symbol", SYMBOL, market="clients") as exchange:
        yield exchange


@pytest.fixture(params=["paper", "binance", "simulated"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Give a client that is connected, on a market whose latest price is far above what is bought."""
    match request.param:
        case "paper":
            bench: Any = _Paper()
        case "binance":
            bench = _Binance(request.getfixturevalue("exchange"))
        case _:
            bench = _Simulated()
    try:
        bench.trade(2 * PRICE)
        ask(bench, AskSnapshot())
        yield bench
    finally:
        bench.end()


_ids = iter(range(10**9))


def order(side: Side = Side.BUY, price: Decimal = PRICE, quantity: str = "0.01") -> Order:
    return Order(
        client_order_id=f"contract-{next(_ids)}",
        key=CycleKey(ACCOUNT, SYMBOL, 1, 1),
        leg=Leg(side),
        price=price,
        quantity=Decimal(quantity),
        created_ns=WallClock().now_ns(),
    )


def ask(client: Client, message: Any) -> Any:
    return client.system.ask(client.ref, message, WAIT_S)


def wait_for(client: Client, kind: type[T], matching: Callable[[T], bool] = lambda _: True) -> T:
    while True:
        message = client.told.get(timeout=WAIT_S)
        if isinstance(message, kind) and matching(message):
            return message


def rest(client: Client, made: Order) -> OrderAccepted:
    client.ref.tell(SendOrder(made))
    return wait_for(client, OrderAccepted, lambda event: event.client_order_id == made.client_order_id)


def cancel(client: Client, made: Order) -> OrderCancelled:
    client.ref.tell(SendCancel(made.symbol, made.client_order_id))
    return wait_for(client, OrderCancelled, lambda event: event.client_order_id == made.client_order_id)


def test_an_order_is_accepted_with_the_exchanges_own_id(client: Client) -> None:
    made = order()
    accepted = rest(client, made)
    assert (accepted.account, accepted.symbol) == (ACCOUNT, SYMBOL)
    assert accepted.exchange_order_id
    cancel(client, made)


def test_a_fill_has_a_price_a_commission_and_a_trade_id(client: Client) -> None:
    made = order()
    rest(client, made)
    client.trade(PRICE - 1)
    fill = wait_for(client, OrderFilled, lambda event: event.client_order_id == made.client_order_id)
    assert (fill.price, fill.quantity) == (PRICE, made.quantity)
    assert (fill.commission, fill.commission_asset) == (made.quantity * Decimal("0.001"), "BTC")
    assert fill.trade_id
    assert fill.is_maker


def test_a_fill_moves_the_balances_and_they_are_told(client: Client) -> None:
    before = {each.asset: each for each in ask(client, AskBalances())}
    made = order()
    rest(client, made)
    client.trade(PRICE - 1)
    received = made.quantity * Decimal("0.999")
    bought = before["BTC"].free + received
    assert wait_for(client, BalanceUpdated, lambda each: each.asset == "BTC" and each.free == bought)
    after = {each.asset: each for each in ask(client, AskBalances())}
    assert after["BTC"].free == bought
    assert after["USDT"].free == before["USDT"].free - PRICE * made.quantity
    assert after["USDT"].locked == before["USDT"].locked


def test_a_cancelled_order_is_cancelled_once_and_over(client: Client) -> None:
    made = order()
    rest(client, made)
    cancel(client, made)
    client.ref.tell(SendCancel(SYMBOL, made.client_order_id))
    refused = wait_for(client, CancelRefused, lambda event: event.client_order_id == made.client_order_id)
    assert refused.reason


def test_a_cancel_of_what_was_never_placed_is_refused(client: Client) -> None:
    client.ref.tell(SendCancel(SYMBOL, "contract-never-placed"))
    assert wait_for(client, CancelRefused).client_order_id == "contract-never-placed"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (order(price=Decimal("20000.001")), "Filter failure: PRICE_FILTER"),
        (order(quantity="0.0100001"), "Filter failure: LOT_SIZE"),
        (order(price=PRICE, quantity="0.00001"), "Filter failure: NOTIONAL"),
        (order(quantity="400"), "Account has insufficient balance for requested action."),
    ],
    ids=lambda value: value.split()[-1].strip(".") if isinstance(value, str) else "",
)
def test_a_refused_order_is_rejected_in_the_exchanges_words(client: Client, made: Order, words: str) -> None:
    client.ref.tell(SendOrder(made))
    rejected = wait_for(client, OrderRejected, lambda event: event.client_order_id == made.client_order_id)
    assert rejected.reason == words


def test_an_order_is_found_with_its_fills(client: Client) -> None:
    made = order()
    rest(client, made)
    client.trade(PRICE - 1)
    fill = wait_for(client, OrderFilled, lambda event: event.client_order_id == made.client_order_id)
    report = ask(client, AskOrder(SYMBOL, made.client_order_id))
    assert isinstance(report, OrderReport)
    assert report.order is not None
    assert (report.order.status, report.order.filled) == (OrderStatus.FILLED, made.quantity)
    assert (report.order.side, report.order.price, report.order.quantity) == (Side.BUY, PRICE, made.quantity)
    assert [(each.trade_id, each.price, each.commission) for each in report.fills] == [
        (fill.trade_id, fill.price, fill.commission)
    ]


def test_a_resting_and_a_cancelled_order_are_found_as_they_are(client: Client) -> None:
    made = order()
    accepted = rest(client, made)
    report = ask(client, AskOrder(SYMBOL, made.client_order_id))
    assert (report.order.status, report.fills) == (OrderStatus.OPEN, ())
    assert report.order.exchange_order_id == accepted.exchange_order_id
    cancel(client, made)
    assert ask(client, AskOrder(SYMBOL, made.client_order_id)).order.status is OrderStatus.CANCELLED


def test_an_order_that_was_never_placed_is_not_found(client: Client) -> None:
    report = ask(client, AskOrder(SYMBOL, "contract-never-placed"))
    assert (report.order, report.fills) == (None, ())
    assert report.client_order_id == "contract-never-placed"


def test_a_snapshot_holds_what_rests_and_what_is_owned(client: Client) -> None:
    resting, over = order(), order()
    rest(client, over)
    cancel(client, over)
    rest(client, resting)
    snapshot = ask(client, AskSnapshot())
    assert isinstance(snapshot, AccountSnapshot)
    found = {each.client_order_id: each for each in snapshot.orders}
    assert over.client_order_id not in found
    assert found[resting.client_order_id].status is OrderStatus.OPEN
    balances = {each.asset: each for each in snapshot.balances}
    assert balances["USDT"].locked >= PRICE * resting.quantity
    cancel(client, resting)


def test_the_same_id_twice_is_never_two_orders(client: Client) -> None:
    made = order()
    rest(client, made)
    locked = {each.asset: each.locked for each in ask(client, AskBalances())}
    client.ref.tell(SendOrder(made))
    snapshot = ask(client, AskSnapshot())
    assert [each.client_order_id for each in snapshot.orders].count(made.client_order_id) == 1
    assert {each.asset: each.locked for each in snapshot.balances} == locked
    cancel(client, made)
    assert made.client_order_id not in [each.client_order_id for each in ask(client, AskSnapshot()).orders]


def test_balances_are_told_by_asset_and_never_back_in_time(client: Client) -> None:
    first = {each.asset: each.time_ns for each in ask(client, AskBalances())}
    made = order()
    rest(client, made)
    cancel(client, made)
    second = {each.asset: each.time_ns for each in ask(client, AskBalances())}
    assert {"USDT", "BTC"} <= first.keys() <= second.keys()
    assert all(second[asset] >= time_ns for asset, time_ns in first.items())
