"""A Binance client at work: the real actor on a real system, and somebody in the execution manager's place."""

import queue
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Self, TypeVar

from pydantic import SecretStr

from naive_daemon import names
from naive_daemon.clock import Clock, WallClock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.client import BinanceClient
from naive_daemon.exchange.binance.endpoints import account_endpoints
from naive_daemon.exchange.binance.gateway import Gateway
from naive_daemon.exchange.binance.session import GatewayPorts, Pace
from naive_daemon.exchange.binance.signing import load_signer
from naive_daemon.otp import Actor, ActorSystem

WAIT_S = 10.0
KEY = "k" * 64
SECRET = "s" * 64
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base_asset=symbol[:-4],
        quote_asset="USDT",
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
    )
    for symbol in ("BTCUSDT", "ETHUSDT")
}

T = TypeVar("T")


class Told(Actor):
    """In the execution manager's place: what it is told goes into a queue."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: queue.Queue[Any] = queue.Queue()

    def on_receive(self, message: Any) -> None:
        self.messages.put(message)


def order(client_order_id: str = "a", side: Side = Side.BUY, **changes: Any) -> Order:
    fields = {
        "client_order_id": client_order_id,
        "key": CycleKey("main", "BTCUSDT", 1, 1),
        "leg": Leg(side),
        "price": Decimal("2.50"),
        "quantity": Decimal("1.000"),
        "created_ns": 1,
        **changes,
    }
    return Order(**fields)


def settings(host: str, **changes: Any) -> Binance:
    fields = {
        "rest_url": f"http://{host}",
        "ws_api_url": f"ws://{host}/ws-api/v3",
        "stream_url": f"ws://{host}",
        "api_key": SecretStr(KEY),
        "api_secret": SecretStr(SECRET),
        **changes,
    }
    return Binance(**fields)


class Desk:
    """Open with `with`; `told` gives what the execution manager was told, in order."""

    def __init__(
        self,
        config: Binance,
        *,
        pace: Pace | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        instruments: Mapping[str, Instrument] = INSTRUMENTS,
    ) -> None:
        self.clock = clock or WallClock()
        self.instruments = dict(instruments)
        self._ports = GatewayPorts(
            account="main",
            config=config,
            endpoints=account_endpoints(config),
            signer=load_signer(config),
            instruments=self.instruments,
            clock=self.clock,
            generator=random.Random(seed),
            pace=pace or Pace(),
        )
        self.gateways: list[Gateway] = []

    def __enter__(self) -> Self:
        self.system = ActorSystem.live(WallClock(), threads=2)
        self._told = Told()
        self.system.start(self._told, names.execution_manager("main"))
        self.client = self.system.start(BinanceClient("main", self._open_gateway), names.client("main"))
        return self

    def __exit__(self, *_: object) -> None:
        self.system.terminate(self.client, WAIT_S)
        for gateway in self.gateways:
            assert gateway.end()
        self.system.stop()

    def _open_gateway(self) -> Gateway:
        gateway = Gateway(self._ports)
        self.gateways.append(gateway)
        return gateway

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.client.tell(message)

    def ask(self, message: Any) -> Any:
        return self.system.ask(self.client, message, WAIT_S)

    def next_told(self) -> Any:
        """Wait for what is told next."""
        return self._told.messages.get(timeout=WAIT_S)

    def wait_for(self, kind: type[T], matching: Callable[[T], bool] = lambda _: True) -> T:
        """Wait for one that is of a kind, and pass over what comes before."""
        while True:
            message = self.next_told()
            if isinstance(message, kind) and matching(message):
                return message

    def told_before(self, kind: type[T]) -> tuple[list[Any], T]:
        """Wait for one of a kind; gives what came before it, and it."""
        before = []
        while not isinstance(message := self.next_told(), kind):
            before.append(message)
        return before, message
