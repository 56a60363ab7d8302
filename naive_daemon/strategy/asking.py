"""Knows the calls of each strategy that have not come back, whoever made them.

A plug-in that hangs holds a thread for each call. Many accounts may trade with it; who sees by these calls that it
hangs gives up before it takes the threads of all.
"""

from collections.abc import Callable
from threading import get_ident
from typing import TypeVar

Answer = TypeVar("Answer")

_pending: dict[int, dict[int, str]] = {}
"""By the strategy's own number: of each thread that is in a call, for which symbol. Single steps of dicts are atomic,
so threads need no lock."""


def ask(strategy: object, symbol: str, call: Callable[[], Answer]) -> Answer:
    """Make a call of a strategy for a symbol, and know of it until it comes back."""
    pending = _pending.setdefault(id(strategy), {})
    thread = get_ident()
    pending[thread] = symbol
    try:
        return call()
    finally:
        pending.pop(thread, None)


def pending(strategy: object) -> int:
    """Say how many calls of a strategy have not come back."""
    return len(_pending.get(id(strategy), ()))


def pending_by_thread(strategy: object) -> dict[int, str]:
    """Give the symbol of each call that has not come back, by the number of its thread."""
    return _pending.get(id(strategy), {}).copy()
