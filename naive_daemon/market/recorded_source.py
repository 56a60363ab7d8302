"""A recorded file as a source: its trades once, in order."""

from collections.abc import Iterator
from decimal import Decimal

from naive_daemon.domain.events import Trade
from naive_daemon.market.recording import Recording


class RecordedSource:
    """Implements MarketSource for the one symbol of a recording; `speed` None plays as fast as possible."""

    def __init__(self, recording: Recording, speed: Decimal | None) -> None:
        self._symbol = recording.symbol
        self._trades = recording.ahead() if speed is None else iter(recording)
        self._speed = speed

    @property
    def speed(self) -> Decimal | None:
        """How many times faster than recorded it is played."""
        return self._speed

    def trades(self, symbol: str) -> Iterator[Trade] | None:
        """Give what is left of the recording."""
        return self._trades if symbol == self._symbol else None

    def save(self) -> None:
        """Keep nothing: a recording begins at its start each time."""
