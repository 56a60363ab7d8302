"""What an answer of Binance means, or that there is none: one pure table (Binance Spot API, "Error codes", "HTTP").

Invariant: `Unknown` wherever the order may exist; never `Refused` or `NotSent` for something that may have happened.
"""

import re
from enum import Enum

import msgspec

RETRY_FIRST_S = 1.0
WAF_PAUSE_S = 60.0
"""The firewall says no until when; a minute is what it counts in."""
BAN_PAUSE_S = 60.0
"""How long a ban is taken to last when it does not say; limits of weight are counted by the minute."""
BAN_MAX_S = 3 * 24 * 3600.0
"""Binance's longest ban; a longer one is a mistake, and must not stop us for ever."""
ORDER_LIMIT_PAUSE_S = 10.0
"""The same for the number of orders, which is counted by 10 s."""


class Lost(Enum):
    """How far a request came that has no answer."""

    BEFORE_SEND = "before the send"
    AFTER_SEND = "after the send"


class Accepted(msgspec.Struct, frozen=True):
    """It was done; the answer's body says what."""

    body: bytes


class Refused(msgspec.Struct, frozen=True):
    """It was not done, and doing it again would be refused again."""

    code: int
    reason: str


class Duplicate(msgspec.Struct, frozen=True):
    """An order with this client id rests already: that is the one which was wanted."""


class NotSent(msgspec.Struct, frozen=True):
    """It certainly was not done, and may be tried again."""

    reason: str
    retry_after_s: float = RETRY_FIRST_S


class Unknown(msgspec.Struct, frozen=True):
    """It may have been done, or not."""

    reason: str


class ClockOff(msgspec.Struct, frozen=True):
    """It was refused because its timestamp was too late or too early."""

    reason: str


class BadCredentials(msgspec.Struct, frozen=True):
    """It was refused because of key, signature or permission."""

    reason: str


class NotFound(msgspec.Struct, frozen=True):
    """The exchange does not know this order, or not yet, or no more."""

    reason: str


class Banned(msgspec.Struct, frozen=True):
    """It was refused because too much was asked; nothing may be sent before so many seconds have passed."""

    reason: str
    for_s: float


class OrderLimit(msgspec.Struct, frozen=True):
    """It was refused because too many orders were placed; cancels go on."""

    reason: str
    for_s: float


Signal = Accepted | Refused | Duplicate | NotSent | Unknown | ClockOff | BadCredentials | NotFound | Banned | OrderLimit


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of REST or of the WebSocket API. `code` is 0 without an error code.

    `retry_after_s`: what a header says; `retry_at_ms`: what the body says, since the epoch, by the exchange's clock.
    """

    status: int
    code: int = 0
    message: str = ""
    body: bytes = b""
    retry_after_s: float | None = None
    retry_at_ms: int | None = None


_UNKNOWN_CODES = frozenset({-1000, -1001, -1006, -1007, -1008, -1016})
_CREDENTIAL_CODES = frozenset({-1002, -1022, -2014, -2015})
_TOO_MANY_REQUESTS = -1003
_TOO_MANY_ORDERS = -1015
_TIMESTAMP = -1021
_NOT_PLACED = -2010
_NO_SUCH_ORDER = frozenset({-2011, -2013, -2026})
_DUPLICATE = "duplicate order sent"
_BANNED_UNTIL = re.compile(r"banned until (\d{12,14})").search


def signal_of(answer: Answer | Lost, now_ms: int) -> Signal:
    """Say what an answer means, or that none came. `now_ms`: the exchange's time, in milliseconds since the epoch."""
    if isinstance(answer, Lost):
        return NotSent("no connection") if answer is Lost.BEFORE_SEND else Unknown("the connection was lost")
    reason = answer.message or f"HTTP {answer.status}"
    if answer.code:
        reason = f"{reason} ({answer.code})"
    if _is_too_much(answer):
        if answer.code == _TOO_MANY_ORDERS:
            return OrderLimit(reason, _pause_s(answer, now_ms, ORDER_LIMIT_PAUSE_S))
        return Banned(reason, _pause_s(answer, now_ms, BAN_PAUSE_S))
    if answer.status >= 500 or answer.code in _UNKNOWN_CODES:  # noqa: PLR2004 - the class of HTTP's server errors
        return Unknown(reason)
    if answer.status == 200 and not answer.code:  # noqa: PLR2004 - HTTP's OK
        return Accepted(answer.body)
    return _refusal(answer, reason)


def _refusal(answer: Answer, reason: str) -> Signal:
    """Say what an answer means that is no success, no limit and no failure of the exchange."""
    match answer.status, answer.code:
        case _, code if code == _TIMESTAMP:
            return ClockOff(reason)
        case _, code if code in _CREDENTIAL_CODES:
            return BadCredentials(reason)
        case _, code if code in _NO_SUCH_ORDER:
            return NotFound(reason)
        case _, code if code == _NOT_PLACED and _DUPLICATE in answer.message.lower():
            return Duplicate()
        case 401, _:
            return BadCredentials(reason)
        case 403, 0:
            return NotSent(reason, WAF_PAUSE_S)
        case status, code if code or (400 <= status < 500 and status != 408):  # noqa: PLR2004 - HTTP's client errors
            return Refused(code, answer.message or reason)  # in the exchange's words, as other exchanges say it
        case _:
            # 1xx to 3xx and 408: no answer of Binance's own; something on the way may have passed the request on.
            return Unknown(reason)


def _is_too_much(answer: Answer) -> bool:
    return answer.status in (418, 429) or answer.code in (_TOO_MANY_REQUESTS, _TOO_MANY_ORDERS)


def _pause_s(answer: Answer, now_ms: int, default_s: float) -> float:
    """Give how long to wait, by the longest of what header, body and message say."""
    said_s = [answer.retry_after_s] if answer.retry_after_s is not None else []
    until_ms = [answer.retry_at_ms] if answer.retry_at_ms is not None else []
    match = _BANNED_UNTIL(answer.message)
    if match is not None:
        until_ms.append(int(match[1]))
    said_s += [(until - now_ms) / 1_000 for until in until_ms]
    return min(max([pause_s for pause_s in said_s if pause_s > 0], default=default_s), BAN_MAX_S)
