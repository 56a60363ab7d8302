"""What a supervisor may be told beside its children (OTP rule 9); each bad value is refused by its name."""

import enum
from typing import TypeVar

Choice = TypeVar("Choice", bound=enum.Enum)


class Strategy(enum.StrEnum):
    """Who is restarted when a child crashes (OTP rules 33-35)."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class AutoShutdown(enum.StrEnum):
    """Whether a supervisor ends when significant children have ended (OTP rules 53-57)."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


def chosen(flag: str, value: object, kind: type[Choice]) -> Choice:
    """Give the member of `kind` that a flag's value is or spells; raises ValueError."""
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{flag}={value!r} is none of {allowed}") from None


def count_or_none(flag: str, value: object) -> int | None:
    """Give a flag that is a whole number >= 0, or None for no bound; raises ValueError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{flag}={value!r} is not a whole number >= 0")
    return value
