"""What an operator allows an account to risk, and the switch that stops all entries. Refuses entries, never exits.

The command line and the database's checks both validate limits through `LIMIT_RULES`.
"""

import enum
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.money import ZERO, parse_decimal, plain
from naive_daemon.domain.settings import BUDGET_MAX, InvalidSettingError, SettingRule, between, read_whole


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """One account's limits; None is no limit.

    Quote at risk is what the buys of open cycles have cost or may still cost, in the quote asset, per symbol and, for
    the account, over all symbols of one quote asset. A daily loss is the sum of what today's (UTC) ended cycles have
    lost, per quote asset.
    """

    max_open_orders: int | None = None
    max_symbol_at_risk: Decimal | None = None
    max_account_at_risk: Decimal | None = None
    max_orders_per_min: int | None = None
    max_daily_loss: Decimal | None = None


class KillCancel(enum.StrEnum):
    """What a kill switch takes off the book: nothing, or buys without any fill.

    Never exits: they protect, and their traders would only place them again.
    """

    NOTHING = "nothing"
    ENTRIES = "entries"


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """While it is on no account places an entry; it survives every restart until somebody switches it off.

    `revision` rises with every write of the switch, also one that changes nothing else.
    """

    is_on: bool = False
    cancel: KillCancel = KillCancel.NOTHING
    reason: str = ""
    revision: int = 0


class Safeguards(msgspec.Struct, frozen=True, kw_only=True):
    """The kill switch, and the limits by account."""

    kill_switch: KillSwitch = KillSwitch()
    limits: Mapping[str, RiskLimits] = {}


COUNT_MAX = 1_000_000
QUOTE_MAX = BUDGET_MAX
NO_LIMIT = "none"
"""Written instead of a value, it takes a limit away."""

_AMOUNT = SettingRule(
    parse_decimal,
    between(ZERO, QUOTE_MAX, low_included=False),
    f"an amount of quote asset, more than 0 and at most {plain(QUOTE_MAX)}, or {NO_LIMIT}",
)


def _count_rule(low: int) -> SettingRule:
    allowed = f"a whole number from {low} to {COUNT_MAX}, or {NO_LIMIT}"
    return SettingRule(read_whole, between(low, COUNT_MAX, low_included=True), allowed)


LIMIT_RULES: Mapping[str, SettingRule] = {
    "max_open_orders": _count_rule(0),  # 0 lets an account sell what it has, and buy nothing
    "max_symbol_at_risk": _AMOUNT,
    "max_account_at_risk": _AMOUNT,
    "max_orders_per_min": _count_rule(1),
    "max_daily_loss": _AMOUNT,
}


def read_limit(key: str, text: str) -> object:
    """Read one limit from text, None for no limit; raises InvalidSettingError that names key, value and range."""
    rule = LIMIT_RULES.get(key)
    if rule is None:
        raise InvalidSettingError(key, text, f"not a limit; there are {', '.join(LIMIT_RULES)}")
    if text.strip().lower() == NO_LIMIT:
        return None
    try:
        value = rule.parse(text)
    except ValueError:
        raise InvalidSettingError(key, text, rule.allowed) from None
    if not rule.holds(value):
        raise InvalidSettingError(key, text, rule.allowed)
    return value
