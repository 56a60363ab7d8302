"""What an operator sets for a symbol: the values, their defaults and their ranges, written once.

The command line, the database's checks and the backtest all validate through `SETTING_RULES`.
"""

import enum
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.money import ZERO, parse_decimal, plain


class TradingStatus(enum.StrEnum):
    """The desired state of a symbol. SHUTDOWN finishes what is open and then becomes OFF."""

    ON = "on"
    OFF = "off"
    SHUTDOWN = "shutdown"


class RestingOrders(enum.StrEnum):
    """What becomes of resting orders at `stop`, or of unfilled entries at `shutdown`."""

    KEEP = "keep"
    CANCEL = "cancel"


class Dust(enum.StrEnum):
    """What becomes of what a cycle could not sell, being less than a step: sold with a later one's, or left alone."""

    SWEEP = "sweep"
    KEEP = "keep"


class TradeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a symbol is traded. `budget` is in the quote asset; intervals are ratios (0.01 is 1 %).

    `parameters`: the strategy's own, as `domain.parameters` writes them; those that are not set have its defaults.
    """

    chunks: int = 5
    budget: Decimal = Decimal(1000)
    buy_down_interval: Decimal = Decimal("0.0001")
    profit_interval: Decimal = Decimal("0.001")
    rebuy_interval: Decimal = Decimal("0.001")
    strategy: str = "naive"
    dust: Dust = Dust.SWEEP
    parameters: tuple[tuple[str, str], ...] = ()


class SymbolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the settings: what is wanted of (account, symbol).

    `revision` is another one each time a status is said, the same again too; 0 while none was, or nobody reads it.
    """

    account: str
    symbol: str
    status: TradingStatus = TradingStatus.OFF
    trade: TradeSettings = TradeSettings()
    stop_orders: RestingOrders = RestingOrders.KEEP
    shutdown_entries: RestingOrders = RestingOrders.KEEP
    revision: int = 0


SHOWN_MAX = 60
"""So many characters of what was given are shown where it is refused: a range may spell out hundreds of digits."""


def shown(given: object) -> str:
    """Give what is shown of something that is refused."""
    text = str(given)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


class InvalidSettingError(ValueError):
    """A setting that is refused: says the key, the value and what would be right."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{shown(key)}={shown(value)} is refused: {shown(key)} is {allowed}")
        self.key = key
        self.allowed = allowed


class SettingRule(msgspec.Struct, frozen=True):
    """How one setting is read and in which range it lies; both bounds are given in words by `allowed`."""

    parse: Callable[[str], object]
    holds: Callable[[object], bool]
    allowed: str


def read_whole(text: str) -> int:
    """Read a whole number in plain ASCII; raises ValueError that quotes what was given."""
    bare = text.strip()
    if not (bare.isascii() and bare.lstrip("+-").isdecimal()):  # int() also reads 1_000 and digits of other scripts
        raise ValueError(f"{text!r} is not a whole number")
    return int(bare, 10)


def between(low: Decimal | int, high: Decimal | int, *, low_included: bool) -> Callable[[object], bool]:
    """Give the condition that a number lies between two, the upper one included."""

    def holds(value: object) -> bool:
        if not isinstance(value, Decimal | int):
            return False
        return (low <= value if low_included else low < value) and value <= high

    return holds


BUDGET_MAX = Decimal(10) ** 15
CHUNKS_MAX = 10_000
_RATIO_MAX = Decimal("0.99")


def _ratio_rule(*, low_included: bool) -> SettingRule:
    bound = "at least 0" if low_included else "more than 0"
    return SettingRule(
        parse_decimal,
        between(ZERO, _RATIO_MAX, low_included=low_included),
        f"a ratio, {bound} and at most {plain(_RATIO_MAX)} (0.01 is 1 %)",
    )


SETTING_RULES: Mapping[str, SettingRule] = {
    "chunks": SettingRule(
        read_whole, between(1, CHUNKS_MAX, low_included=True), f"a whole number from 1 to {CHUNKS_MAX}"
    ),
    "budget": SettingRule(
        parse_decimal,
        between(ZERO, BUDGET_MAX, low_included=False),
        f"a number of quote asset, more than 0 and at most {plain(BUDGET_MAX)}",
    ),
    "buy_down_interval": _ratio_rule(low_included=True),
    "profit_interval": _ratio_rule(low_included=True),
    "rebuy_interval": _ratio_rule(low_included=True),
    "strategy": SettingRule(str, bool, "the name of an installed strategy"),
    "dust": SettingRule(Dust, bool, f"one of {', '.join(Dust)}"),
}


def read_setting(key: str, text: str) -> object:
    """Read one trade setting from text; raises InvalidSettingError that names the key, the value and the range."""
    rule = SETTING_RULES.get(key)
    if rule is None:
        raise InvalidSettingError(key, text, f"not a setting; there are {', '.join(SETTING_RULES)}")
    try:
        value = rule.parse(text)
    except ValueError:
        raise InvalidSettingError(key, text, rule.allowed) from None
    if not rule.holds(value):
        raise InvalidSettingError(key, text, rule.allowed)
    return value


def change_settings(settings: TradeSettings, changes: Mapping[str, str]) -> TradeSettings:
    """Give the settings with `changes` (key to text) applied; raises InvalidSettingError at the first that is bad."""
    return msgspec.structs.replace(settings, **{key: read_setting(key, text) for key, text in changes.items()})
