"""A hundred thousand supervised actors alive in one process: what each takes, and how starting and stopping grow.

Each count has a process of its own, so that no memory is measured which something else has left. As a program:
`python -m tests.benchmarks.actors.population COUNT` prints seconds to start, bytes each, seconds to stop.
"""

import gc
import queue
import sys
import time
from collections.abc import Iterator

import psutil

from naive_daemon.clock import WallClock
from naive_daemon.otp import ActorSystem, DynamicSupervisor
from tests.benchmarks.actors.counter import ask_for
from tests.benchmarks.fan_out import WAIT_S
from tests.benchmarks.figure import ROUNDS, Comparison, Figure
from tests.benchmarks.peers import erlang, pykka_actors
from tests.benchmarks.program import log_nothing, run_module

COUNTS = (1_000, 10_000, 100_000)
THREADED = 5_000

# A hundred times the children may cost a thousand times the time (OTP rule 84), so a tenth of the rate, at most.
LINEARITY = {10_000: 0.2, 100_000: 0.1}


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    found = {count: run_module(__name__, count) for count in COUNTS}
    largest = COUNTS[-1]
    rivals = erlang.measure("population", largest)
    yield Figure(
        name=f"resident, each of {largest:,} supervised",
        value=found[largest][1],
        unit="bytes/actor",
        is_cost=True,
        peers=(
            Comparison(
                peer=f"pykka, each of {THREADED:,}",
                value=run_module(pykka_actors.__name__, THREADED)[0],
                goal=0.2,
            ),
            erlang.comparison(rivals, value=lambda numbers: numbers[1]),
        ),
    )
    for what, place in (("start", 0), ("stop", 2)):
        few = COUNTS[0] / found[COUNTS[0]][place]
        for count in COUNTS[1:]:
            peers = [Comparison(peer=f"ours, {COUNTS[0]:,}", value=few, goal=LINEARITY[count])]
            if count == largest:
                place_there = 0 if what == "start" else 2
                peers.append(
                    erlang.comparison(rivals, value=lambda numbers, at=place_there: largest * 1e9 / numbers[at])
                )
            yield Figure(
                name=f"{what} {count:,} supervised",
                value=count / found[count][place],
                unit="actors/s",
                peers=tuple(peers),
            )


def _population(count: int) -> tuple[float, float, float]:
    """Start and stop that many actors; gives seconds to start, bytes each, seconds to stop."""
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
    return start_s, bytes_each, stop_s


def _measure(count: int) -> tuple[float, float, float]:
    """Take the memory of the first round, when the process is fresh, and the best times of the others."""
    first = _population(count)
    rounds = [_population(count) for _ in range(ROUNDS)]
    return min(start for start, _, _ in rounds), first[1], min(stop for _, _, stop in rounds)


if __name__ == "__main__":
    log_nothing()
    sys.stdout.write(" ".join(map(str, _measure(int(sys.argv[1])))))
