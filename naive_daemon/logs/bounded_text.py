"""Text of strangers, made so that it can be logged: never longer than a limit, no secrets, and made without failing."""

from collections.abc import Callable
from typing import Any

from naive_daemon.otp import hide_secrets

CUT = "…"
NO_TEXT = "(no text)"


def bounded(text: str, limit: int) -> str:
    """Give at most `limit` characters of a text, secrets hidden, also one that the cut goes through.

    The cut comes first: what looks for secrets takes time that grows with the square of a text.
    """
    is_whole = len(text) <= limit
    shown = hide_secrets(text[:limit], is_whole=is_whole)
    return shown if is_whole and len(shown) <= limit else shown[: limit - 1] + CUT


def text_of(value: Any, make: Callable[[Any], str] = str) -> str:
    """Give a value as text; what is logged must not be lost because its own text can not be made."""
    try:
        text = make(value)
    except BaseException:  # noqa: BLE001 - a stranger's __str__ may raise whatever it likes
        return NO_TEXT
    text = str.__str__(text)  # of a class of its own, it may do anything
    # A lone surrogate (an undecodable byte of a file name) must not make the log call fail.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    """Give a text with what a terminal might obey, instead of showing it, escaped; lines stay lines."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)
