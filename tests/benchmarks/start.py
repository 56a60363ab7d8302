"""How long a start takes after kill -9: with all that was traded recorded, and with a past of a million orders.

The installed program on its own servers, paper exchange and generated market, its log read as it is written. The
fewest seconds of a few rounds count, as whatever else the machine does only adds to them.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.figure import Comparison, Figure
from tests.benchmarks.recorded_home import TRADERS, RecordedHome, Start

ROUNDS = 4
SYMBOLS = 1_000
FEW_SYMBOLS = 20
OLD_ORDERS = 1_000_000
LIMIT_S = 5.0
OLD_RATIO_MAX = 1.1


def figures() -> Iterator[Figure]:
    """Measure a start with many traders, then a start with a long past against one with none, in turn."""
    with ExitStack() as stack:
        (starts,) = _starts(_home(stack, SYMBOLS), until_order=True)
    what = f"start after kill -9, {SYMBOLS:,} symbols × {TRADERS} traders"
    yield Figure(name=f"{what}: ready", value=min(start.ready_s for start in starts), unit="s", is_cost=True)
    yield Figure(
        name=f"{what}: all back, and an order placed",
        value=min(start.trading_s for start in starts),
        unit="s",
        is_cost=True,
        limit=LIMIT_S,
    )
    yield Figure(name=f"{what}: processor time", value=min(start.cpu_s for start in starts), unit="s", is_cost=True)
    with ExitStack() as stack:
        old, empty = _home(stack, FEW_SYMBOLS), _home(stack, FEW_SYMBOLS)
        old.add_past(OLD_ORDERS)
        starts, others = _starts(old, empty, until_order=False)
    yield _against_none("all back", [start.traders_s for start in starts], [start.traders_s for start in others])
    yield _against_none("processor time", [start.cpu_s for start in starts], [start.cpu_s for start in others])


def _against_none(what: str, values: list[float], others: list[float]) -> Figure:
    return Figure(
        name=f"start after kill -9, {OLD_ORDERS:,} old orders: {what}",
        value=min(values),
        unit="s",
        is_cost=True,
        peers=(Comparison(peer="no old orders", value=min(others), goal=OLD_RATIO_MAX),),
    )


def _home(stack: ExitStack, symbols: int) -> RecordedHome:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="naive-bench-"))
    home = RecordedHome(Path(folder), symbols)
    stack.callback(home.end)
    home.make()
    return home


def _starts(*homes: RecordedHome, until_order: bool) -> list[list[Start]]:
    """Start each home in turn, once to warm up and then in a few rounds; gives the starts of each."""
    for home in homes:
        home.start(until_order=until_order)
    rounds = [[home.start(until_order=until_order) for home in homes] for _ in range(ROUNDS)]
    return [list(starts) for starts in zip(*rounds, strict=True)]
