"""Which cycles of a symbol hold something, and what the last one brought: what its leader tells the account.

Part of the leader. The account cannot know it from the exchange, and keeps it as the symbol's metadata.
"""

from collections.abc import Iterable

from naive_daemon import names
from naive_daemon.account.metadata import CycleNoted, EntriesNoted
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.side import Side
from naive_daemon.otp import Actor
from naive_daemon.strategy.protocol import Position


class Holdings:
    """Belongs to the leader, `actor`. A cycle holds something from the first fill of its buy until it ends."""

    def __init__(self, actor: Actor, account: str, symbol: str) -> None:
        self._actor = actor
        self._account = account
        self._symbol = symbol
        self._opened_ns: dict[int, int] = {}
        self._last: CycleNoted | None = None

    def take(self, position: Position) -> None:
        """Look at a position that has changed; what a cycle holds is counted from when it is first seen."""
        trader, result = position.cycle.key.trader, position.cycle.result
        if result is not None and result.outcome is CycleOutcome.COMPLETED:
            self._last = CycleNoted(self._symbol, result.sell_price, result.realised_pnl)
            self._tell(self._last)
        opened_ns = None if result is not None else _opened_ns(position)
        if (opened_ns is None) == (trader not in self._opened_ns):
            return
        if opened_ns is None:
            del self._opened_ns[trader]
        else:
            self._opened_ns[trader] = opened_ns
        self._tell_entries()

    def restore(self, positions: Iterable[Position]) -> None:
        """Begin with what the journal has, and tell it once."""
        for position in positions:
            opened_ns = _opened_ns(position)
            if opened_ns is not None:
                self._opened_ns[position.cycle.key.trader] = opened_ns
        self._tell_entries()

    def tell_all(self) -> None:
        """Tell it again: to an account that has started afresh."""
        self._tell_entries()
        if self._last is not None:
            self._tell(self._last)

    def _tell_entries(self) -> None:
        opened_ns = min(self._opened_ns.values(), default=None)
        self._tell(EntriesNoted(self._symbol, long=len(self._opened_ns), short=0, opened_ns=opened_ns))

    def _tell(self, message: EntriesNoted | CycleNoted) -> None:
        self._actor.system.tell(names.account(self._account), message)


def _opened_ns(position: Position) -> int | None:
    """Give when a buy of the cycle was last filled; None while it has bought nothing."""
    buys = (order for order in position.orders if order.side is Side.BUY and order.filled)
    return min((order.updated_ns for order in buys), default=None)
