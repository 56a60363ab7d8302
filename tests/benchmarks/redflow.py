"""Sources that come and go in a graph of two levels, against a graph that looks through lists, as RedFlow's original.

As works do: sources by symbol, and by settings below. The original removes 369,000 a second at 1,000 sources, and
7,700 at 50,000; it adds 160,000 to 750,000. Seconds are the processor's: nothing here waits for anything.
"""

import random
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from naive_daemon.redflow import Creator, RedFlow, Source, initiate
from tests.benchmarks.figure import Comparison, Figure, fastest_s
from tests.benchmarks.peers import bare_tables, linear_flow

FEW = 1_000
MANY = 50_000
SYMBOLS = 10
SETTINGS = 3
ADD_GOAL = 300_000.0
REMOVE_GOAL = 100_000.0
GROWTH_GOAL = 1.5
SPREAD_FEW = 100
SPREAD_MANY = 5_000
SPREAD_GOAL = 4.0
"""One of many is made for fewer sources, which costs more; to look through all of them would cost 50 times as much."""

Work = tuple[int, int]


def figures() -> Iterator[Figure]:
    """Measure at both sizes, in turn; as many sources at each, in one graph or in many."""
    measures = (_add_s, _remove_s, partial(_remove_s, is_shuffled=True), _remove_bare_s)
    seconds = fastest_s(*(partial(measure, size) for measure in measures for size in (FEW, MANY)))
    rates = [MANY / spent for spent in seconds]
    for size, add, remove, shuffled in zip((FEW, MANY), rates[:2], rates[2:4], rates[4:6], strict=True):
        yield Figure(name=f"redflow, add {size:,} sources at two levels", value=add, unit="sources/s", limit=ADD_GOAL)
        yield Figure(name=f"redflow, remove {size:,} sources", value=remove, unit="sources/s", limit=REMOVE_GOAL)
        yield Figure(
            name=f"redflow, remove {size:,} sources, out of order",
            value=shuffled,
            unit="sources/s",
            limit=REMOVE_GOAL,
            peers=(linear_flow.removing(size, SYMBOLS, SETTINGS),),
        )
    yield Figure(
        name=f"redflow, removing at {MANY:,} sources against {FEW:,}",
        value=rates[2] / rates[3],
        unit="times the cost",
        is_cost=True,
        limit=GROWTH_GOAL,
    )
    yield Figure(
        name=f"redflow, removing at {MANY:,} sources against {FEW:,}, out of order",
        value=rates[4] / rates[5],
        unit="times the cost",
        is_cost=True,
        peers=(Comparison(peer="three bare dictionaries", value=rates[6] / rates[7]),),
    )
    few_s, many_s = fastest_s(partial(_spread_s, SPREAD_FEW), partial(_spread_s, SPREAD_MANY))
    yield Figure(
        name=f"redflow, a source in {SPREAD_MANY:,} clusters against one in {SPREAD_FEW:,}, for each of them",
        value=many_s / few_s,
        unit="times the cost",
        is_cost=True,
        limit=SPREAD_GOAL,
    )


def _spread_s(clusters: int) -> float:
    """Give the seconds to put sources into so many clusters each, MANY times into one."""

    def spread(_source: Source[Work], creator: Creator[Work, Any], _parent: Any) -> None:
        for number in range(clusters):
            creator.create_or_get(number)

    flow = RedFlow("many", spread)
    flow.init_flow()
    sources = _sources(MANY // clusters)
    began = time.process_time()
    flow.add_sources(sources)
    return time.process_time() - began


def _add_s(size: int) -> float:
    """Give the seconds to add MANY sources, to graphs of this size."""
    graphs = [(_graph(), _sources(size)) for _ in range(MANY // size)]
    began = time.process_time()
    for flow, sources in graphs:
        flow.add_sources(sources)
    return time.process_time() - began


def _remove_s(size: int, *, is_shuffled: bool = False) -> float:
    """Give the seconds to remove MANY sources, from graphs of this size, until they are empty; eldest first or not."""
    graphs = [(_graph(), _sources(size)) for _ in range(MANY // size)]
    for flow, sources in graphs:
        flow.add_sources(sources)
    order = random.Random(1).sample(range(size), size) if is_shuffled else list(range(size))
    began = time.process_time()
    for flow, _ in graphs:
        for number in order:
            flow.remove_source(number)
    return time.process_time() - began


def _remove_bare_s(size: int) -> float:
    return bare_tables.remove_s(size, SYMBOLS, SETTINGS, MANY)


def _sources(size: int) -> list[Source[Work]]:
    return [Source(number, (number % SYMBOLS, number // SYMBOLS % SETTINGS)) for number in range(size)]


def _graph() -> RedFlow[Work, Any]:
    flow = initiate((RedFlow("stream", _by_symbol), [RedFlow("decision", _by_settings)]))
    flow.init_flow()
    return flow


def _by_symbol(source: Source[Work], creator: Creator[Work, Any], _: Any) -> None:
    creator.create_or_get(source.data[0])


def _by_settings(source: Source[Work], creator: Creator[Work, Any], _: Any) -> None:
    creator.create_or_get(source.data[1])
