"""The client against the local exchange, with faults: what it tells is true, and what it is asked it answers whole.

A ledger stands in the execution manager's place: it applies what is told to its orders, as every holder of an order
does, and asks about what is left open, which is all that the port (`execution/client.py`) lets it do.
"""

import queue
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from naive_daemon.config.exchange import Binance
from naive_daemon.domain.events import (
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.session import Pace
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskOrder,
    AskSnapshot,
    ClientTrouble,
    ExchangeOrder,
    OrderNotSent,
    OrderReport,
    Reconnecting,
    SendCancel,
    SendOrder,
)
from naive_daemon.otp import ActorDiedError
from tests.exchange.local_exchange import LocalExchange
from tests.integration.binance_desk import Desk, order

pytestmark = pytest.mark.usefixtures("quiet")

SYMBOL = "BTCUSDT"
LOW, HIGH = Decimal(20_000), Decimal(60_000)
EVENTS = (OrderAccepted, OrderFilled, OrderCancelled, OrderExpired, OrderRejected, OrderUnknown)
_ENDINGS: dict[OrderStatus, type[OrderCancelled | OrderExpired | OrderRejected]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.EXPIRED: OrderExpired,
    OrderStatus.REJECTED: OrderRejected,
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExchange]:
    folder = tmp_path_factory.mktemp("exchange")
    with LocalExchange(folder, "--fill-model", "through", "--symbol", SYMBOL, market="clients") as exchange:
        exchange.trade(SYMBOL, "40000")
        yield exchange


@pytest.fixture
def healthy(exchange: LocalExchange) -> Iterator[LocalExchange]:
    yield exchange
    exchange.heal()


def config(exchange: LocalExchange, **changes: Any) -> Binance:
    fields = {
        "rest_url": exchange.rest_url,
        "ws_api_url": exchange.ws_api_url,
        "stream_url": exchange.stream_url,
        "api_key": SecretStr(exchange.api_key),
        "api_secret": SecretStr(exchange.api_secret),
        "answer_timeout_s": 0.5,
        **changes,
    }
    return Binance(**fields)


class Ledger:
    """Orders by id, as they are after everything that was told of them; `fills` counts each that was told."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.orders: dict[str, Order] = {}
        self.not_sent: dict[str, str] = {}
        self.fills: dict[str, int] = {}

    def send(self, made: Order) -> None:
        self.orders[made.client_order_id] = made
        self._desk.tell(SendOrder(made))

    def take(self, message: Any) -> None:
        if isinstance(message, OrderNotSent):
            self.not_sent[message.client_order_id] = message.reason
        elif isinstance(message, EVENTS) and message.client_order_id in self.orders:
            if isinstance(message, OrderFilled):
                self.fills[message.trade_id] = self.fills.get(message.trade_id, 0) + 1
            self.apply(message)

    def apply(self, event: OrderEvent) -> None:
        self.orders[event.client_order_id] = self.orders[event.client_order_id].apply(event)

    def take_all(self) -> None:
        try:
            while True:
                self.take(self._desk._told.messages.get_nowait())
        except queue.Empty:
            return

    def wait_until_known(self, client_order_id: str) -> OrderStatus | None:
        """Wait until something is told of an order; None when it was not sent."""
        while client_order_id not in self.not_sent:
            status = self.orders[client_order_id].status
            if status is not OrderStatus.IN_FLIGHT:
                return status
            self.take(self._desk.next_told())
        return None

    def reconcile(self) -> None:
        """Ask about everything that is not over."""
        self._desk.ask(AskSnapshot())
        self.take_all()
        for client_order_id, known in list(self.orders.items()):
            if not known.status.is_terminal and client_order_id not in self.not_sent:
                report = self._desk.ask(AskOrder(known.symbol, client_order_id))
                assert isinstance(report, OrderReport)
                self._adopt(client_order_id, report.order, report.fills)

    def _adopt(self, client_order_id: str, found: ExchangeOrder | None, fills: tuple[OrderFilled, ...]) -> None:
        if found is None:
            del self.orders[client_order_id]  # unknown, and never placed
            return
        identity = {"account": "main", "symbol": SYMBOL, "client_order_id": client_order_id, "time_ns": found.time_ns}
        self.apply(OrderAccepted(exchange_order_id=found.exchange_order_id, **identity))
        for fill in fills:
            self.apply(fill)
        ending = _ENDINGS.get(found.status)
        if ending is not None:
            self.apply(ending(reason="", **identity))


def check_truth(ledger: Ledger, exchange: LocalExchange, prefix: str) -> None:
    """Compare with what the exchange has: no order lost, doubled or orphaned, every fill once."""
    placed = [each for each in exchange.admin("GET", "/admin/orders") if each["clientOrderId"].startswith(prefix)]
    assert len({each["clientOrderId"] for each in placed}) == len(placed), "an order is there twice"
    ours = {name for name, known in ledger.orders.items() if known.status is not OrderStatus.REJECTED}
    assert {each["clientOrderId"] for each in placed} == ours - ledger.not_sent.keys()
    names = {
        "NEW": OrderStatus.OPEN,
        "FILLED": OrderStatus.FILLED,
        "CANCELED": OrderStatus.CANCELLED,
        "PARTIALLY_FILLED": OrderStatus.PARTLY_FILLED,
    }
    for each in placed:
        known = ledger.orders[each["clientOrderId"]]
        assert (known.status, known.filled) == (names[each["status"]], Decimal(each["executedQty"]))
    truth = [each for each in exchange.admin("GET", "/admin/fills") if each["clientOrderId"].startswith(prefix)]
    counted = {trade_id for known in ledger.orders.values() for trade_id in known.trade_ids}
    assert {str(each["id"]) for each in truth} == counted
    assert all(count == 1 for count in ledger.fills.values()), "a fill was told twice"


def made(name: str, side: Side = Side.BUY, price: Decimal = LOW) -> Order:
    return order(name, side, price=price, quantity=Decimal("0.001"))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "lost-answer"}, OrderStatus.UNKNOWN),
        ({"kind": "drop"}, OrderStatus.UNKNOWN),
        ({"kind": "error"}, OrderStatus.UNKNOWN),
        ({"kind": "error-after"}, OrderStatus.UNKNOWN),
        ({"kind": "disconnect"}, OrderStatus.UNKNOWN),
        ({"kind": "disconnect-after"}, OrderStatus.UNKNOWN),
        ({"kind": "timestamp"}, OrderStatus.OPEN),
        ({"kind": "latency", "value": "50"}, OrderStatus.OPEN),
        ({"kind": "429", "value": "1"}, None),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_rule_3_what_becomes_of_an_order_under_a_fault(
    healthy: LocalExchange, fault: dict[str, Any], expected: OrderStatus | None
) -> None:
    prefix = f"fault-{fault['kind']}-"
    with Desk(config(healthy)) as desk:
        desk.ask(AskSnapshot())
        ledger = Ledger(desk)
        healthy.fault(where="order.place", count=1, **fault)
        # The event of an order may come before there is no answer to it: then it is open, and stays it.
        ledger.send(made(f"{prefix}1"))
        status = ledger.wait_until_known(f"{prefix}1")
        assert status == expected or (expected is OrderStatus.UNKNOWN and status is OrderStatus.OPEN)
        healthy.heal()
        ledger.reconcile()
        check_truth(ledger, healthy, prefix)
        for name in ledger.orders:
            desk.tell(SendCancel(SYMBOL, name))
        while any(ledger.orders[name].status.is_resting for name in ledger.orders.keys() - ledger.not_sent.keys()):
            ledger.take(desk.next_told())
        check_truth(ledger, healthy, prefix)


def test_rule_8_fills_missed_in_a_gap_are_found_by_asking_and_counted_once(healthy: LocalExchange) -> None:
    with Desk(config(healthy)) as desk:
        desk.ask(AskSnapshot())
        ledger = Ledger(desk)
        ledger.send(made("gap-1"))
        ledger.wait_until_known("gap-1")
        healthy.fault("drop", where="user")
        healthy.trade(SYMBOL, "19999")
        healthy.heal()
        healthy.fault("restart", value="0.2")
        desk.wait_for(Reconnecting)
        snapshot = desk.wait_for(AccountSnapshot)
        assert "gap-1" not in [each.client_order_id for each in snapshot.orders]
        ledger.reconcile()
        assert ledger.orders["gap-1"].status is OrderStatus.FILLED
        check_truth(ledger, healthy, "gap-")
        healthy.trade(SYMBOL, "40000")


def test_a_server_that_shuts_down_is_left_in_time(healthy: LocalExchange) -> None:
    with Desk(config(healthy), pace=Pace(overlap_s=0.5)) as desk:
        desk.ask(AskSnapshot())
        ledger = Ledger(desk)
        healthy.fault("server-shutdown", value="0.5")
        for number in range(20):
            ledger.send(made(f"renew-{number}"))
            ledger.wait_until_known(f"renew-{number}")
        ledger.take_all()
        ledger.reconcile()
        assert {each.status for each in ledger.orders.values()} == {OrderStatus.OPEN}
        check_truth(ledger, healthy, "renew-")
        for name in ledger.orders:
            desk.tell(SendCancel(SYMBOL, name))
        while any(each.status.is_resting for each in ledger.orders.values()):
            ledger.take(desk.next_told())


def test_an_exchange_that_restarts_is_found_again_with_its_orders(healthy: LocalExchange) -> None:
    with Desk(config(healthy)) as desk:
        desk.ask(AskSnapshot())
        ledger = Ledger(desk)
        ledger.send(made("restart-1"))
        ledger.wait_until_known("restart-1")
        healthy.fault("restart", value="0.3")
        desk.wait_for(Reconnecting)
        ledger.send(made("restart-2"))
        assert ledger.wait_until_known("restart-2") is None  # rule 10: no entry while it is away
        snapshot = desk.wait_for(AccountSnapshot)
        assert "restart-1" in [each.client_order_id for each in snapshot.orders]
        desk.tell(SendCancel(SYMBOL, "restart-1"))
        while not ledger.orders["restart-1"].status.is_terminal:
            ledger.take(desk.next_told())
        check_truth(ledger, healthy, "restart-")


def test_a_key_that_is_revoked_while_running_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("revoked")
    with LocalExchange(folder, "--symbol", SYMBOL, market="clients") as exchange, Desk(config(exchange)) as desk:
        desk.ask(AskSnapshot())
        exchange.fault("revoke", value=exchange.api_key)
        desk.tell(SendOrder(made("revoked-1")))
        assert desk.wait_for(ClientTrouble).kind == "credentials"


def test_an_ed25519_key_trades_too(healthy: LocalExchange) -> None:
    key, path = healthy.ed25519_key()
    with Desk(config(healthy, api_key=SecretStr(key), api_secret=None, private_key_file=path)) as desk:
        desk.ask(AskSnapshot())
        ledger = Ledger(desk)
        ledger.send(made("ed25519-1"))
        assert ledger.wait_until_known("ed25519-1") is OrderStatus.OPEN
        desk.tell(SendCancel(SYMBOL, "ed25519-1"))
        while not ledger.orders["ed25519-1"].status.is_terminal:
            ledger.take(desk.next_told())


FAULTS = (
    {"kind": "lost-answer"},
    {"kind": "drop"},
    {"kind": "error"},
    {"kind": "error-after"},
    {"kind": "disconnect-after"},
    {"kind": "latency", "value": "1-40"},
    {"kind": "timestamp"},
    {"kind": "duplicate", "where": "user"},
    {"kind": "reorder", "where": "user"},
    {"kind": "drop", "where": "user"},
    {"kind": "disconnect", "where": "user"},
    {"kind": "not-found", "value": "0.2", "where": "order.status"},
)


@pytest.mark.parametrize("seed", [1, 2])
def test_under_faults_of_every_kind_nothing_is_lost_or_doubled(healthy: LocalExchange, seed: int) -> None:
    draw = random.Random(seed)
    prefix = f"chaos{seed}-"
    with Desk(config(healthy, answer_timeout_s=0.2), seed=seed) as desk:
        desk.ask(AskSnapshot())
        ledger = Ledger(desk)
        for fault in FAULTS:
            healthy.fault(probability=0.15, **{"where": "order.place", **fault})
        for number in range(60):
            name = f"{prefix}{number}"
            side = draw.choice([Side.BUY, Side.SELL])
            ledger.send(made(name, side, LOW if side is Side.BUY else HIGH))
            ledger.wait_until_known(name)
            ledger.take_all()
            if draw.random() < 0.3:
                desk.tell(SendCancel(SYMBOL, draw.choice(list(ledger.orders))))
            if draw.random() < 0.2:
                healthy.trade(SYMBOL, draw.choice(["19999", "60001"]))
                healthy.trade(SYMBOL, "40000")
        healthy.heal()
        settle(ledger)
        check_truth(ledger, healthy, prefix)
        for known in ledger.orders.values():
            if known.status.is_resting:
                desk.tell(SendCancel(SYMBOL, known.client_order_id))
        settle(ledger)


def settle(ledger: Ledger) -> None:
    """Ask until the connection holds and everything is answered; what was on its way has its time-out."""
    for _ in range(20):
        try:
            ledger.reconcile()
        except ActorDiedError:  # a question that the exchange did not answer
            continue
        return
    pytest.fail("the exchange is healthy, and does not answer")
