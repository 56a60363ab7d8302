"""What the switches are told, asked, and tell: the words between them, control, and whoever shows symbols."""

import msgspec

from naive_daemon.domain.limits import Safeguards
from naive_daemon.domain.settings import SymbolSettings
from naive_daemon.trading.desired_state import ActualState

SymbolKey = tuple[str, str]


class SettingsRead(msgspec.Struct, frozen=True):
    """All settings that matter, as they are now.

    `safeguards`: kill switch and limits; None where nobody sets any (a backtest).
    """

    rows: tuple[SymbolSettings, ...]
    safeguards: Safeguards | None = None


class ReadSettings(msgspec.Struct, frozen=True):
    """Asks control for SettingsRead."""


class ControlStarted(msgspec.Struct, frozen=True):
    """Control has started, and may have lost what it was told and had not written yet: tell it all again."""


class ActualChanged(msgspec.Struct, frozen=True):
    """What a symbol really does now."""

    actual: ActualState


class StatusDrained(msgspec.Struct, frozen=True):
    """The symbol has finished what was open: its status becomes off, unless it is not of this revision any more."""

    account: str
    symbol: str
    revision: int


class AskSymbols(msgspec.Struct, frozen=True):
    """Request: what do all symbols do? Answered by a tuple of SymbolView."""
