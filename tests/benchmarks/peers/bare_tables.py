"""Sources in three hash tables (all, and two levels), and nothing else: the least that removing one by its id costs.

So it shows how much dearer any such table is by its size alone: entries that are found out of order lie far from each
other, and the processor's caches hold few of so many.
"""

import random
import time


class _Source:
    __slots__ = ("id", "tables")

    def __init__(self, number: int, tables: tuple[dict[int, "_Source"], ...]) -> None:
        self.id = number
        self.tables = tables


def remove_s(size: int, symbols: int, settings: int, count: int) -> float:
    """Give the seconds to remove `count` sources, out of order, from tables of this size, until they are empty."""
    graphs = [_filled(size, symbols, settings) for _ in range(count // size)]
    order = random.Random(1).sample(range(size), size)
    began = time.process_time()
    for sources in graphs:
        for number in order:
            source = sources.pop(number)
            for table in source.tables:
                del table[source.id]
    return time.process_time() - began


def _filled(size: int, symbols: int, settings: int) -> dict[int, _Source]:
    sources: dict[int, _Source] = {}
    paths: list[tuple[dict[int, _Source], ...]] = []
    for _ in range(symbols):
        above: dict[int, _Source] = {}
        paths += [({}, above) for _ in range(settings)]
    for number in range(size):
        source = sources[number] = _Source(number, paths[number % len(paths)])
        for table in source.tables:
            table[number] = source
    return sources
