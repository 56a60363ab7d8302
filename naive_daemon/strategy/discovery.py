"""Finds strategies by the entry-point group `naive_daemon.strategies`; whoever installs one can trade with it."""

from functools import cache
from importlib.metadata import entry_points
from typing import cast

from naive_daemon.domain.errors import PermanentError
from naive_daemon.strategy.protocol import Strategy

GROUP = "naive_daemon.strategies"


def strategy_names() -> list[str]:
    """List what is installed."""
    return sorted(point.name for point in entry_points(group=GROUP))


@cache  # a strategy holds no state, and looking through what is installed takes a while
def load_strategy(name: str) -> Strategy:
    """Make the strategy of that name; raises PermanentError that names those there are."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            return cast("Strategy", point.load()())
    raise PermanentError(f"no strategy is called {name!r}", hint=f"installed: {', '.join(strategy_names())}")
