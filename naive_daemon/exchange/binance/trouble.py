"""What keeps entries from being placed for now: said to the execution manager when it begins and when it is over.

Owned by one gateway, used on its loop only. Invariants: each kind is told, and logged as an error, once when it begins,
and once when it ends, however many requests run into it; another reason meanwhile is told as well, and is what is so.
"""

from collections.abc import Callable
from typing import Any, Literal

from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.execution.client import ClientTrouble

Kind = Literal["credentials", "ban", "order limit", "clock"]


class Troubles:
    """The kinds that are so now, with their reasons. `on_begin` is called with each kind that begins."""

    def __init__(
        self, account: str, delivery: Delivery, log: Any, on_begin: Callable[[Kind], None] = lambda _: None
    ) -> None:
        self._account = account
        self._delivery = delivery
        self._log = log
        self._on_begin = on_begin
        self._reasons: dict[Kind, str] = {}

    def begin(self, kind: Kind, reason: str) -> bool:
        """Say that a kind of trouble is so; False when it had begun already."""
        former = self._reasons.get(kind)
        if former != reason:
            self._reasons[kind] = reason
            self._delivery.tell(ClientTrouble(self._account, kind, reason))
        if former is not None:
            return False
        self._log.error("exchange takes no orders", trouble=kind, reason=reason)
        self._on_begin(kind)
        return True

    def end(self, kind: Kind) -> None:
        """Say that a kind of trouble is over; nothing when there was none."""
        if self._reasons.pop(kind, None) is not None:
            self._log.info("exchange takes orders again", trouble=kind)
            self._delivery.tell(ClientTrouble(self._account, kind, None))

    def is_so(self, kind: Kind) -> bool:
        """Say whether there is such trouble now."""
        return kind in self._reasons

    def tell_all(self) -> None:
        """Say again what is so, to somebody who may have missed it."""
        for kind, reason in self._reasons.items():
            self._delivery.tell(ClientTrouble(self._account, kind, reason))
