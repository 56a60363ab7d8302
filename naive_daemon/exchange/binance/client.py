"""Binance as an account's client: an actor on the pool in front of a gateway, whose sockets live on another thread.

Receives: SendOrder, SendCancel; requests AskSnapshot, AskOrder, AskBalances.
Sends: by its gateway, to the account's execution manager: what `execution/client.py` says a client tells; AccountFailed
to the account desk when the exchange refuses the account's key, KeepInstruments to the cache.
State: the gateway, which it starts and ends.
Crashes when: the gateway has a defect. What goes wrong with the exchange is told instead, and tried again.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.cache.messages import KeepInstruments
from naive_daemon.exchange.binance.gateway import Gateway
from naive_daemon.execution.client import AskBalances, AskOrder, AskSnapshot, SendCancel, SendOrder
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.otp import DEFERRED, Actor, ExitReason, crash


class _GatewayFailed(msgspec.Struct, frozen=True):
    reason: str


class BinanceClient(Actor):
    """See the module. `open_gateway` is called at each start; it ends a former gateway that was not ended here."""

    def __init__(self, account: str, open_gateway: Callable[[], Gateway]) -> None:
        super().__init__()
        self._account = account
        self._open_gateway = open_gateway
        self._gateway: Gateway

    def log_context(self) -> dict[str, object]:
        """Say whose client this is."""
        return {"account": self._account}

    def init(self) -> None:
        """Begin to connect; whoever needs a connection asks for a snapshot, which waits for it."""
        self._gateway = self._open_gateway()
        manager, system, me = names.execution_manager(self._account), self.system, self.ref
        account, desk = self._account, names.ACCOUNT_DESK
        self._gateway.start(
            lambda message: system.tell(names.CACHE if isinstance(message, KeepInstruments) else manager, message),
            lambda reason: me.tell(_GatewayFailed(reason)),
            lambda reason: system.tell(desk, AccountFailed(account, f"Binance refuses its API key: {reason}")),
        )

    def on_receive(self, message: Any) -> Any:
        """Hand a request on."""
        match message:
            case SendOrder(order, until_s):
                self._gateway.place(order, until_s)
            case SendCancel(symbol, client_order_id):
                self._gateway.cancel(symbol, client_order_id)
            case AskSnapshot(is_routine):
                self._gateway.ask_snapshot(self.caller(), is_routine=is_routine)
                return DEFERRED
            case AskOrder(symbol, client_order_id):
                self._gateway.ask_order(self.caller(), symbol, client_order_id)
                return DEFERRED
            case AskBalances():
                self._gateway.ask_balances(self.caller())
                return DEFERRED
            case _GatewayFailed(reason):
                self.exit(crash(f"the gateway failed: {reason}"))
            case _:
                super().on_receive(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Let go of the connection. Its thread ends by itself: nothing waits here."""
        if hasattr(self, "_gateway"):
            self._gateway.end_soon()
