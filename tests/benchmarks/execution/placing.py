"""From the wish to place a limit order until its answer is known: ours against ccxt and Binance's official SDK.

All of them trade on the same local exchange in turns, one order at a time; the others on an account of their own, so
that our gateway, which lives in the same process, hears nothing of it. Ours is the gateway as the daemon uses it: the
order comes from another thread, and OrderAccepted is told on that of its loop. One figure ends there, as the execution
manager's mailbox has it then; the other when a thread that waits for it has it, as whoever calls the others does.
"""

import queue
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Self

from naive_daemon.clock import WallClock
from naive_daemon.domain.events import OrderAccepted
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.signing import HmacSigner, signed_query
from naive_daemon.otp import Call
from tests.benchmarks.execution.place import ACCOUNT, Place, exchange
from tests.benchmarks.execution.spread import US_PER_NS, percentile
from tests.benchmarks.figure import Comparison, Figure
from tests.benchmarks.peers.binance_clients import PEERS, AsyncPeer
from tests.exchange.local_exchange import LocalExchange

ROUNDS = 6
ORDERS = 50
"""In each round; no more rest at a time than the exchange takes of one symbol."""
WAIT_S = 30.0
SYMBOL = "BTCUSDT"
NS_PER_MS = 1_000_000
OURS, OTHERS = 0, 1
"""Whose account is which, by its place in the exchange's file."""
TOLD = "accepted, told"
HANDED_OVER = "accepted, another thread has it"


def figures() -> Iterator[Figure]:
    """Measure each in turn, round by round; the first round warms up, and does not count."""
    with (
        tempfile.TemporaryDirectory(prefix="naive-bench-") as folder,
        exchange(Path(folder), SYMBOL) as served,
    ):
        served.trade(SYMBOL, "65000", "0.001")
        found, skipped = _measured(served)
    # Peers tell on the loop that they run on, too. Another thread has ours a handover later: shown, and no goal.
    for end, goal in ((TOLD, 1.0), (HANDED_OVER, None)):
        peers = (
            *(Comparison(peer=name, value=_p50_us(found[name]), goal=goal) for name in PEERS if name in found),
            *(Comparison(peer=name, goal=goal, skipped=reason) for name, reason in skipped.items()),
        )
        yield Figure(
            name=f"place a limit order → {end}, p50 of {len(found[end])}",
            value=_p50_us(found[end]),
            unit="µs",
            is_cost=True,
            peers=peers,
        )


def _p50_us(spans_ns: list[int]) -> float:
    return percentile(spans_ns, 0.5) * US_PER_NS


def _measured(served: LocalExchange) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Give the nanoseconds of each, and why others were skipped."""
    ours = Gateway().open(served)
    clients: dict[str, Gateway | AsyncPeer] = {HANDED_OVER: ours}
    skipped: dict[str, str] = {}
    try:
        for name, connect in PEERS.items():
            try:
                clients[name] = AsyncPeer(connect).open(served, OTHERS)
            except ImportError as error:
                skipped[name] = f"{error.name} is not installed"
        found: dict[str, list[int]] = {name: [] for name in clients}
        for number in range(1 + ROUNDS):
            for name, client in clients.items():
                spans_ns = client.spans_ns(ORDERS)
                found[name] += spans_ns if number else []
                _cancel_all(served, OURS if client is ours else OTHERS)
    finally:
        for client in clients.values():
            client.close()
    found[TOLD] = ours.told_ns[ORDERS:]
    return found, skipped


class Gateway:
    """Our gateway, as its actor and the execution manager use it. `told_ns`: how long each order took to be told of."""

    def __init__(self) -> None:
        self.told_ns: list[int] = []

    def open(self, served: LocalExchange) -> Self:
        """Connect, and wait until events come."""
        self._gateway = Place.of(served, "bench").gateway()
        self._accepted: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._numbers = count()
        self._gateway.start(self._take, self._fail)
        is_ready = threading.Event()
        self._gateway.ask_snapshot(Call(None, lambda _: is_ready.set(), self._fail))
        if not is_ready.wait(WAIT_S):
            raise TimeoutError("the gateway does not connect")
        return self

    def spans_ns(self, orders: int) -> list[int]:
        """Place so many orders, one after another."""
        spans_ns = []
        for _ in range(orders):
            order = self._order()
            began_ns = time.perf_counter_ns()
            self._gateway.place(order)
            order_id, told_at_ns = "", 0
            while order_id != order.client_order_id:  # the one before is told of twice: by its answer and its event
                order_id, told_at_ns = self._accepted.get(timeout=WAIT_S)
            spans_ns.append(time.perf_counter_ns() - began_ns)
            self.told_ns.append(told_at_ns - began_ns)
        return spans_ns

    def close(self) -> None:
        """Disconnect."""
        self._gateway.end()

    def _take(self, message: Any) -> None:
        if isinstance(message, OrderAccepted):
            self._accepted.put((message.client_order_id, time.perf_counter_ns()))

    @staticmethod
    def _fail(reason: object) -> None:
        raise RuntimeError(f"the gateway failed: {reason}")

    def _order(self) -> Order:
        number = next(self._numbers)
        return Order(
            client_order_id=f"bench-{number}",
            key=CycleKey(ACCOUNT, SYMBOL, 1, number),
            leg=Leg(Side.BUY),
            price=Decimal(50_000),
            quantity=Decimal("0.001"),
            created_ns=0,
        )


def _cancel_all(served: LocalExchange, account: int) -> None:
    """Take everything off the book that rests there for an account."""
    api_key, secret = served.keys_of(account)
    signer = HmacSigner(api_key, secret)
    timestamp = str(WallClock().now_ns() // NS_PER_MS)
    query = signed_query(signer, [("symbol", SYMBOL), ("timestamp", timestamp)])
    url = f"{served.rest_url}/api/v3/openOrders?{query}"
    request = urllib.request.Request(url, method="DELETE", headers={"X-MBX-APIKEY": api_key})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - the same
        answer.read()
