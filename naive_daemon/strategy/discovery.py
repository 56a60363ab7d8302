"""Finds strategies by the entry-point group `naive_daemon.strategies`; whoever installs one can trade with it."""

import functools
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from naive_daemon.domain.errors import PermanentError
from naive_daemon.strategy.protocol import Strategy

GROUP = "naive_daemon.strategies"


def strategy_names() -> list[str]:
    """List what is installed."""
    return sorted(point.name for point in _points())


@functools.cache  # a strategy holds no state, and looking through what is installed takes a while
def load_strategy(name: str) -> Strategy:
    """Make the strategy of that name; raises PermanentError that names those there are."""
    for point in _points():
        if point.name == name:
            return cast("Strategy", point.load()())
    raise PermanentError(f"no strategy is called {name!r}", hint=f"installed: {', '.join(strategy_names())}")


@cache
def _points() -> tuple[EntryPoint, ...]:
    """Look once: it reads files of every installed package, and each trader that starts loads its strategy."""
    return tuple(entry_points(group=GROUP))
