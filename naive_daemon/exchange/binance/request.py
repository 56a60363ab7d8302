"""One request on its way: what it asks, what it costs, who goes first, and who is told what it came to.

Owned by the sender, which alone changes it. Invariant: `is_over` once what it came to was told.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from naive_daemon.exchange.binance.budget import Cost, Grant, Priority
from naive_daemon.exchange.binance.rest import Method
from naive_daemon.exchange.binance.signal import Signal

if TYPE_CHECKING:
    from asyncio import TimerHandle

OnSignal = Callable[[Signal], None]


class Request:
    """One request. `on_signal` is told what it came to; after Unknown perhaps once more, when an answer comes late.

    `ws_method` is None for what goes by REST only. `within_s`: how long it may wait before it is sent. `name`: the
    client order id of an order that is to be placed, by which it may be withdrawn while it waits.
    """

    __slots__ = (
        "cost",
        "expires_s",
        "grant",
        "is_over",
        "is_signed",
        "is_signed_again",
        "method",
        "name",
        "on_signal",
        "parameters",
        "path",
        "priority",
        "timer",
        "within_s",
        "ws_method",
    )

    def __init__(
        self,
        method: Method,
        path: str,
        parameters: tuple[tuple[str, str], ...],
        on_signal: OnSignal,
        *,
        cost: Cost,
        priority: Priority,
        within_s: float,
        ws_method: str | None = None,
        is_signed: bool = True,
        name: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.parameters = parameters
        self.on_signal = on_signal
        self.cost = cost
        self.priority = priority
        self.within_s = within_s
        self.ws_method = ws_method
        self.is_signed = is_signed
        self.name = name
        self.expires_s = 0.0
        self.grant: Grant | None = None
        self.timer: TimerHandle | None = None
        self.is_over = False
        self.is_signed_again = False
