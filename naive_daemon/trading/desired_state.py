"""What operators want and what is so: the protocol of the settings that control reads and writes."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from naive_daemon.domain.settings import SymbolSettings, TradingStatus


class ActualState(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol really does, as the daemon last said.

    `state` is one of: on, off, shutdown, starting, quarantined.
    """

    account: str
    symbol: str
    state: str
    traders: int = 0
    restarts: int = 0
    last_error: str | None = None
    retry_at_ns: int | None = None


class DesiredStateStore(Protocol):
    """Settings and actual states in the database; raises TransientError when it is away."""

    def load_settings(self) -> Sequence[SymbolSettings]:
        """Read the rows of all symbols whose status is not off, and of all that have an actual state."""

    def drained(self, account: str, symbol: str) -> None:
        """Turn the status from shutdown to off; a status that was changed meanwhile stays."""

    def record_actual(self, states: Sequence[ActualState]) -> None:
        """Write what symbols really do, and notify whoever waits for it."""

    def set_status(self, account: str, symbol: str, status: TradingStatus) -> None:
        """Set the desired status."""

    def close(self) -> None:
        """Give up the connection; may be called twice."""
