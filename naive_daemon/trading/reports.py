"""What traders tell their leader, and what leaders tell the switches."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import SymbolSettings
from naive_daemon.strategy.protocol import EntriesClosed, Position


class PositionReported(msgspec.Struct, frozen=True):
    """The trader's position, told before anything is done about it."""

    position: Position


class RebuyReported(msgspec.Struct, frozen=True):
    """The price has fallen far enough for one more trader; the position's cycle says that it was reported."""

    position: Position
    price: Decimal


class CycleFinished(msgspec.Struct, frozen=True):
    """The cycle is over; the trader ends."""

    position: Position


class EntriesHeard(msgspec.Struct, frozen=True):
    """The trader of a cycle knows that entries are closed, and what it placed before has been passed on to be sent."""

    key: CycleKey
    closed: EntriesClosed


class LeaderReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many traders there are and what they have brought.

    `restarted` says why a trader had to be replaced, if one had; `fault` why no fresh one is started, while that is so.
    `is_draining`: entries are closed, and every trader has said that it knows (EntriesHeard). `revision`: of the
    settings that the symbol is traded by.
    `realised_pnl` is the sum over all cycles that ever ended, in the quote asset; `completed` counts those sold.
    """

    account: str
    symbol: str
    traders: int
    is_draining: bool
    completed: int
    realised_pnl: Decimal
    revision: int
    restarted: str | None = None
    fault: str | None = None


class Drained(msgspec.Struct, frozen=True):
    """The last trader of a symbol that shuts down has ended. `told`: the settings, the very ones, that say it shall."""

    account: str
    symbol: str
    told: SymbolSettings


class LeaderFailed(msgspec.Struct, frozen=True):
    """A leader has crashed, and its symbol with it; what follows is its supervisor's affair."""

    account: str
    symbol: str
    reason: str
