"""Counts the calls of each strategy that have not come back, whoever made them.

A plug-in that hangs holds a thread for each call. Many accounts may trade with it; who sees by the count that it hangs
gives up before it takes the threads of all.
"""

from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

_pending: dict[int, set[object]] = {}
"""By the strategy's own number. Of sets single steps are atomic, so threads need no lock."""


def ask(strategy: object, call: Callable[[], Answer]) -> Answer:
    """Make a call of a strategy, and count it until it comes back."""
    pending = _pending.setdefault(id(strategy), set())
    one = object()
    pending.add(one)
    try:
        return call()
    finally:
        pending.discard(one)


def pending(strategy: object) -> int:
    """Say how many calls of a strategy have not come back."""
    return len(_pending.get(id(strategy), ()))
