"""Opens an account's gateway to Binance for each incarnation of its client, and ends the former one.

Owned by the world, which outlives the actor. Invariant: no two incarnations' gateways send or tell at the same time,
also when the former client was killed and could close nothing.
"""

import random
import threading
from collections.abc import Mapping

from naive_daemon.clock import Clock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.client import BinanceClient
from naive_daemon.exchange.binance.gateway import Gateway, open_gateway


class LiveAccount:
    """`make_client` at each start of the actor, `end` once."""

    def __init__(
        self, config: Binance, instruments: Mapping[str, Instrument], clock: Clock, generator: random.Random
    ) -> None:
        self._config = config
        self._instruments = instruments
        self._clock = clock
        self._generator = generator
        self._lock = threading.Lock()
        self._gateway: Gateway | None = None

    def make_client(self, account: str) -> BinanceClient:
        """Make the actor; it opens its gateway when it starts."""
        return BinanceClient(account, lambda: self._open(account))

    def end(self) -> None:
        """End the gateway that was opened last, and wait for its thread."""
        with self._lock:
            gateway, self._gateway = self._gateway, None
        if gateway is not None:
            gateway.end()

    def _open(self, account: str) -> Gateway:
        gateway = open_gateway(account, self._config, self._instruments, self._clock, self._generator)
        with self._lock:
            former, self._gateway = self._gateway, gateway
        if former is not None:
            former.end_soon()
        return gateway
