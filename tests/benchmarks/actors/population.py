"""A hundred thousand supervised actors alive in one process: what each takes, and how starting and stopping grow.

Each count has a process of its own, so that no memory is measured which something else has left. As a program:
`python -m tests.benchmarks.actors.population COUNT` prints seconds to start, bytes each, seconds to stop.
"""

import gc
import queue
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from naive_daemon.clock import WallClock
from naive_daemon.otp import ActorSystem, DynamicSupervisor
from naive_daemon.otp.garbage import rare_collections
from tests.benchmarks.actors.counter import ask_for
from tests.benchmarks.fan_out import WAIT_S
from tests.benchmarks.figure import ROUNDS, Comparison, Figure
from tests.benchmarks.peers import erlang, pykka_actors
from tests.benchmarks.program import log_nothing, run_module

COUNTS = (1_000, 10_000, 100_000)
LARGEST = COUNTS[-1]
THREADED = 5_000

# A hundred times the children may cost a thousand times the time (OTP rule 84), so a tenth of the rate, at most.
LINEARITY = {10_000: 0.2, 100_000: 0.1}


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    found = {count: _Population(*run_module(__name__, count)) for count in COUNTS}
    there = erlang.measure("population", LARGEST)
    yield Figure(
        name=f"resident, each of {LARGEST:,} supervised",
        value=found[LARGEST].bytes_each,
        unit="bytes/actor",
        is_cost=True,
        peers=(
            Comparison(
                peer=f"pykka, each of {THREADED:,}", value=run_module(pykka_actors.__name__, THREADED)[0], goal=0.2
            ),
            erlang.comparison(there, value=lambda numbers: numbers[2]),
        ),
    )
    yield from _growth("start", {count: count / one.start_s for count, one in found.items()})
    yield _largest("start", LARGEST / found[LARGEST].start_s, there, place=0)
    yield from _growth("stop", {count: count / one.stop_s for count, one in found.items()})
    yield _largest("stop", LARGEST / found[LARGEST].stop_s, there, place=1)


def _growth(what: str, rates: dict[int, float]) -> Iterator[Figure]:
    """Hold each count's rate against that of the fewest."""
    fewest = COUNTS[0]
    for count, goal in LINEARITY.items():
        yield Figure(
            name=f"{what} {count:,} supervised",
            value=rates[count],
            unit="actors/s",
            peers=(Comparison(peer=f"ours, {fewest:,}", value=rates[fewest], goal=goal),),
        )


def _largest(what: str, rate: float, there: erlang.Numbers | None, place: int) -> Figure:
    """Hold the largest count's rate against Erlang's."""
    peer = erlang.comparison(there, value=lambda numbers: LARGEST * erlang.NS_PER_S / numbers[place])
    return Figure(name=f"{what} {LARGEST:,} supervised", value=rate, unit="actors/s", peers=(peer,))


class _Population(NamedTuple):
    """Seconds to start and to stop all of one, and the resident bytes of each."""

    start_s: float
    bytes_each: float
    stop_s: float


def _population(count: int) -> _Population:
    """Start and stop that many actors."""
    gc.collect()
    system = ActorSystem.live(WallClock())
    supervisor = system.start(DynamicSupervisor())
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    refs = ask_for(supervisor, count, 1, queue.SimpleQueue())
    start_s = time.perf_counter() - began
    del refs
    gc.collect()
    bytes_each = (psutil.Process().memory_info().rss - before) / count
    began = time.perf_counter()
    if system.terminate(supervisor, WAIT_S) is None:
        raise TimeoutError(f"{count} actors were not stopped in {WAIT_S} s")
    stop_s = time.perf_counter() - began
    system.stop()
    return _Population(start_s, bytes_each, stop_s)


def _measure(count: int) -> _Population:
    """Take the memory of the first round, when the process is fresh, and the best times of those after it."""
    first = _population(count)
    rounds = [_population(count) for _ in range(1 if count == LARGEST else ROUNDS)]
    return first._replace(start_s=min(one.start_s for one in rounds), stop_s=min(one.stop_s for one in rounds))


if __name__ == "__main__":
    log_nothing()
    with rare_collections():
        sys.stdout.write(" ".join(map(str, _measure(int(sys.argv[1])))))
