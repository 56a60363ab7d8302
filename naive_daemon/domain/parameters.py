"""A strategy's own settings: what it declares of each, and how what an operator wrote is read. Pure.

They are kept as pairs of name and text, sorted, in one spelling for each value; so equal settings are equal values.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.money import plain
from naive_daemon.domain.settings import InvalidSettingError, SettingRule

Pairs = tuple[tuple[str, str], ...]

TEXT_MAX = 200
"""Characters that a value may have."""


class Parameter(msgspec.Struct, frozen=True):
    """One setting of a strategy. `default` holds where nothing is set; `about` says in a few words what it is."""

    rule: SettingRule
    default: str
    about: str


def read_parameter(declared: Mapping[str, Parameter], key: str, text: str) -> object:
    """Read one parameter from text; raises InvalidSettingError that names the key, the value and what is allowed."""
    parameter = declared.get(key)
    if parameter is None:
        raise InvalidSettingError(key, text, f"not a parameter; there are {', '.join(sorted(declared)) or 'none'}")
    rule = parameter.rule
    if len(text) > TEXT_MAX or not text.isprintable():
        raise InvalidSettingError(key, repr(text[:TEXT_MAX]), rule.allowed)
    try:
        value = rule.parse(text)
    except (ValueError, ArithmeticError):  # what Decimal raises is of the second kind
        raise InvalidSettingError(key, text, rule.allowed) from None
    if not rule.holds(value):
        raise InvalidSettingError(key, text, rule.allowed)
    return value


def read_parameters(declared: Mapping[str, Parameter], given: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Give the values of all that is declared; raises InvalidSettingError at the first that is bad or not declared."""
    texts = {key: parameter.default for key, parameter in declared.items()} | dict(given)
    return {key: read_parameter(declared, key, text) for key, text in texts.items()}


def canonical(values: Mapping[str, object]) -> Pairs:
    """Write values as pairs: sorted, and a number in the same way however it was written."""
    return tuple(sorted((key, _text(value)) for key, value in values.items()))


def _text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
