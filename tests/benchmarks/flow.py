"""What a trade costs that nobody waits for, with few accounts and traders and with many; and how often it is decided.

The daemon's own tree on one thread, without servers: a trade arrives at its feed and is delivered, and everything that
follows has come to rest before the next one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.benchmarks.crowd import Crowd, counted
from tests.benchmarks.figure import Comparison, Figure, fastest_s

ACCOUNTS = 1_000
DISTINCT = 3
TRADERS = 50_000
FEW_TRADERS = 5
TRADES = 2_000
ACCOUNTS_RATIO_MAX = 2.0
TRADERS_RATIO_MAX = 1.2


def figures() -> Iterator[Figure]:
    """Measure accounts against few of them, then traders."""
    with ExitStack() as stack:
        few, many = (stack.enter_context(Crowd(accounts)) for accounts in (DISTINCT, ACCOUNTS))
        with counted() as decisions:
            many.buy()  # first: an equal trade is not decided again for the others
        few.buy()
        few_s, many_s = fastest_s(_uncrossed(few), _uncrossed(many))
    yield Figure(
        name=f"decisions on a trade that {ACCOUNTS:,} accounts of {DISTINCT} settings wait for",
        value=decisions.count,
        unit="decisions",
        is_cost=True,
        limit=DISTINCT,
    )
    yield _figure(f"uncrossed trade, {ACCOUNTS:,} accounts", many_s, f"{DISTINCT} accounts", few_s, ACCOUNTS_RATIO_MAX)
    with ExitStack() as stack:
        few, many = (stack.enter_context(Crowd(1, FEW_TRADERS)) for _ in range(2))
        for crowd in (few, many):
            crowd.buy()
            crowd.fall(FEW_TRADERS - 1)
        many.add_sleepers(TRADERS - FEW_TRADERS)
        few_s, many_s = fastest_s(_uncrossed(few), _uncrossed(many))
    yield _figure(f"uncrossed trade, {TRADERS:,} wait", many_s, f"{FEW_TRADERS} traders", few_s, TRADERS_RATIO_MAX)


def _uncrossed(crowd: Crowd) -> Callable[[], float]:
    prices = crowd.quiet_prices(TRADES)

    def measure() -> float:
        began_s = time.perf_counter()
        crowd.play(prices)
        return time.perf_counter() - began_s

    return measure


def _figure(name: str, value_s: float, peer: str, peer_s: float, goal: float) -> Figure:
    return Figure(
        name=name,
        value=value_s / TRADES * 1e6,
        unit="µs",
        is_cost=True,
        peers=(Comparison(peer=peer, value=peer_s / TRADES * 1e6, goal=goal),),
    )
