"""A request's parameters: text from a query, a form or JSON, read strictly. Every refusal is Binance's own.

Numbers stay text until here, as they were sent: a price is never a float on its way.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import parse_qsl

import msgspec

from naive_daemon.exchange.server.refusal import (
    ILLEGAL_CHARS,
    PARAM_EMPTY,
    RefusedError,
    illegal,
    missing,
)

_DECIMAL_PATTERN = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_INTEGER_PATTERN = "^[0-9]{1,20}$"
_CLIENT_ID_PATTERN = "^[a-zA-Z0-9-_]{1,36}$"
_is_decimal = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII).fullmatch
_is_integer = re.compile(r"[0-9]{1,20}", re.ASCII).fullmatch
_is_client_id = re.compile(r"[a-zA-Z0-9\-_]{1,36}", re.ASCII).fullmatch


class Parameters:
    """Named texts. Every reader raises RefusedError for what is not of its form."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        """Give a text, None when it was not sent."""
        value = self._values.get(name)
        if value is None:
            return None
        if not value:
            raise RefusedError(PARAM_EMPTY, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """Give a text that must have been sent."""
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def has(self, name: str) -> bool:
        """Say whether it was sent."""
        return name in self._values

    def decimal(self, name: str) -> Decimal | None:
        """Give a decimal of at most 20 digits on either side of the point, exactly; no exponent, no sign."""
        value = self.text(name)
        if value is None:
            return None
        if _is_decimal(value) is None:
            raise illegal(name, _DECIMAL_PATTERN)
        return Decimal(value)

    def required_decimal(self, name: str) -> Decimal:
        """Give a decimal that must have been sent."""
        value = self.decimal(name)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """Give a whole number, at least 0."""
        value = self.text(name)
        if value is None:
            return None
        if _is_integer(value) is None:
            raise illegal(name, _INTEGER_PATTERN)
        return int(value)

    def limit(self, default: int, largest: int) -> int:
        """Give `limit`: how much is wanted at most; what is beyond `largest` is cut."""
        value = self.integer("limit")
        if value is None:
            return default
        if not value:
            raise RefusedError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, largest)

    def client_id(self, name: str) -> str | None:
        """Give a client order id."""
        value = self.text(name)
        if value is not None and _is_client_id(value) is None:
            raise illegal(name, _CLIENT_ID_PATTERN)
        return value

    def names(self, name: str) -> list[str] | None:
        """Give a list that was sent as the text of a JSON array."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return msgspec.json.decode(value, type=list[str])
        except (msgspec.DecodeError, RecursionError):
            raise illegal(name, '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$') from None


def from_form(*encoded: str) -> Parameters:
    """Read percent-encoded parameters, of a query string and of a body; raises RefusedError for a double one."""
    values: dict[str, str] = {}
    for part in encoded:
        try:
            pairs = parse_qsl(part, keep_blank_values=True, errors="strict", max_num_fields=64)
        except ValueError as error:
            raise RefusedError(ILLEGAL_CHARS, "Illegal characters found in a parameter.") from error
        for name, value in pairs:
            if name in values:
                raise RefusedError(-1101, f"Duplicate values for parameter '{name}' detected.")
            values[name] = value
    return Parameters(values)


def text_of(raw: msgspec.Raw) -> str:
    """Give a JSON value as the text that a signature is made of: strings bare, anything else as it was sent.

    Raises msgspec.DecodeError.
    """
    data = bytes(raw)
    return msgspec.json.decode(data, type=str) if data.startswith(b'"') else data.decode()
