"""How far an account is, and what the account desk tells itself about it."""

import enum

import msgspec

from naive_daemon.otp import Ref
from naive_daemon.trading.account_opener import Opening


class Stage(enum.Enum):
    """How far an account is. Each but OFF, QUEUED, UP and DOWN waits for an answer that has a deadline."""

    OFF = enum.auto()
    QUEUED = enum.auto()
    CLAIMING = enum.auto()
    OPENING = enum.auto()
    STARTING = enum.auto()
    UP = enum.auto()
    CLOSING = enum.auto()
    DOWN = enum.auto()


class OpeningCame(msgspec.Struct, frozen=True):
    """What an opening has brought. `attempt` counts an account's openings."""

    account: str
    attempt: int
    opening: Opening


class OpeningLives(msgspec.Struct, frozen=True):
    """An opening that takes long is still at work."""

    account: str
    attempt: int


class OpeningOverdue(msgspec.Struct, frozen=True):
    """An opening has said nothing for too long."""

    account: str
    attempt: int


class StopAgain(msgspec.Struct, frozen=True):
    """Time to ask again that an account's tree ends, if it is still this one: `ref` is its supervisor."""

    account: str
    ref: Ref


class TryAgain(msgspec.Struct, frozen=True):
    """An account has been down for as long as it should."""

    account: str
