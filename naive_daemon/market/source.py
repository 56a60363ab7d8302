"""Where trades come from: the protocol of markets that are played (recorded or generated), and their speed."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

from naive_daemon.domain.events import Trade


class MarketSource(Protocol):
    """A market that is played trade by trade. It outlives the actors that read it."""

    @property
    def speed(self) -> Decimal | None:
        """How many times faster than the trades' own times it is played; None is as fast as possible."""

    def trades(self, symbol: str) -> Iterator[Trade] | None:
        """Give the symbol's trades, going on after the last one taken; None for a symbol it does not have."""

    def save(self) -> None:
        """Keep what is needed to go on after a restart of the daemon."""
