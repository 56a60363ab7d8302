"""What traders tell their leader."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.order import CycleKey
from naive_daemon.strategy.protocol import Position


class PositionReported(msgspec.Struct, frozen=True):
    """The trader's position, told before anything is done about it."""

    position: Position


class RebuyReported(msgspec.Struct, frozen=True):
    """The price has fallen far enough for one more trader."""

    key: CycleKey
    price: Decimal


class CycleFinished(msgspec.Struct, frozen=True):
    """The cycle is over; the trader ends."""

    position: Position
