"""An account's way to Binance: everything of it that lives on one loop, put together and ended as one.

Made by whoever wires, given to the client actor, which starts it. `end` may be called from any thread, also when that
actor was killed and could not. Invariant: after `end` nothing is told and nothing is sent.
"""

import random
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

import structlog

from naive_daemon.clock import Clock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.endpoints import account_endpoints
from naive_daemon.exchange.binance.loop_pool import Lodger, LoopPool
from naive_daemon.exchange.binance.loop_thread import END_WITHIN_S, LoopThread
from naive_daemon.exchange.binance.session import GatewayPorts, Session
from naive_daemon.exchange.binance.signing import Signer, load_signer
from naive_daemon.otp import Call

Tell = Callable[[Any], object]


class Gateway:
    """See the module. Its requests return at once; what becomes of them is told.

    It lives on one of the pool's loops, or else on one of its own.
    """

    def __init__(self, ports: GatewayPorts, pool: LoopPool | None = None) -> None:
        self._ports = ports
        name = f"binance {ports.account}"
        self._thread: LoopThread | Lodger = (
            LoopThread(name, self._take_error) if pool is None else pool.lodge(name, self._take_error)
        )
        self._log: Any = structlog.get_logger("naive_daemon").bind(
            actor=f"client:{ports.account}", account=ports.account
        )
        self._is_ended = False
        self._session: Session | None = None
        self._on_error: Callable[[str], object] = lambda _: None
        self._on_refused: Callable[[str], object] = lambda _: None

    def start(
        self,
        tell: Tell,
        on_error: Callable[[str], object],
        on_refused: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Connect, and tell what happens by `tell`; `on_error` gets the reason when there is a defect in here.

        `on_refused` gets the reason, again and again, while the exchange refuses the account's key. All are called on
        another thread and must not block.
        """
        self._on_error = on_error
        self._on_refused = on_refused

        def tell_until_end(message: Any) -> None:
            if not self._is_ended:
                tell(message)

        self._thread.start()
        self._thread.call(self._open, tell_until_end)

    def place(self, order: Order, until_s: float) -> None:
        """Send an order, until then."""
        self._thread.call(self._on_session, partial(Session.place, until_s=until_s), order)

    def cancel(self, symbol: str, client_order_id: str) -> None:
        """Cancel an order."""
        self._thread.call(self._on_session, Session.cancel, symbol, client_order_id)

    def ask_snapshot(self, call: Call, *, is_routine: bool = False) -> None:
        """Answer a request with an AccountSnapshot."""
        self._thread.call(self._on_session, partial(Session.answer_snapshot, is_routine=is_routine), call)

    def ask_order(self, call: Call, symbol: str, client_order_id: str) -> None:
        """Answer a request with an OrderReport."""
        self._thread.call(self._on_session, Session.answer_order, call, symbol, client_order_id)

    def ask_balances(self, call: Call) -> None:
        """Answer a request with a tuple of BalanceUpdated."""
        self._thread.call(self._on_session, Session.answer_balances, call)

    def end_soon(self) -> None:
        """Tell and send nothing any more, and let go of everything, without waiting for it."""
        self._is_ended = True
        self._thread.end_soon()

    def end(self, within_s: float = END_WITHIN_S) -> bool:
        """Do the same, and wait for it; False when its thread is still there after `within_s` seconds."""
        self._is_ended = True
        return self._thread.end(within_s)

    def _take_error(self, error: BaseException) -> None:
        if not self._is_ended:
            self._on_error(f"{type(error).__name__}: {error}")

    def _take_refusal(self, reason: str) -> None:
        if not self._is_ended:
            self._on_refused(reason)

    def _open(self, tell: Callable[[Any], None]) -> None:
        # Here, and not in the task: what is asked at once must find the session, and a task begins later.
        session = self._session = Session(self._ports, tell, self._thread.spawn, self._log, self._take_refusal)

        async def run() -> None:
            try:
                await session.run()
            finally:
                await session.close()

        self._thread.spawn(run)

    def _on_session(self, method: Callable[..., None], *arguments: object) -> None:
        # The loop calls in the order in which it was told to, so that there is a session, unless making it has failed.
        if self._session is not None and not self._is_ended:
            method(self._session, *arguments)


def open_gateway(
    account: str,
    config: Binance,
    instruments: MutableMapping[str, Instrument],
    clock: Clock,
    generator: random.Random,
    *,
    signer: Signer | None = None,
    address: Address | None = None,
    pool: LoopPool | None = None,
) -> Gateway:
    """Make the gateway of an account, with the configured key unless a signer is given; nothing is connected yet.

    `address` and `pool` are what it shares with other accounts' gateways.

    Raises ConfigError.
    """
    return Gateway(
        GatewayPorts(
            account=account,
            config=config,
            endpoints=account_endpoints(config),
            signer=signer or load_signer(config),
            instruments=instruments,
            clock=clock,
            generator=generator,
            address=address,
        ),
        pool,
    )
