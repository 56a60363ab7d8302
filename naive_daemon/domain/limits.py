"""What an operator allows an account to risk, and the switch that stops all entries. Refuses entries, never exits."""

import enum
from collections.abc import Mapping
from decimal import Decimal

import msgspec


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
    """What a kill switch takes off the book: nothing, buys without any fill, or everything."""

    NOTHING = "nothing"
    ENTRIES = "entries"
    ALL = "all"


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """While it is on no account places an entry; it survives every restart until somebody switches it off."""

    is_on: bool = False
    cancel: KillCancel = KillCancel.NOTHING
    reason: str = ""


class Safeguards(msgspec.Struct, frozen=True, kw_only=True):
    """The kill switch, and the limits by account."""

    kill_switch: KillSwitch = KillSwitch()
    limits: Mapping[str, RiskLimits] = {}
