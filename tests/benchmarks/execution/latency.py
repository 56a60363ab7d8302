"""From the bytes of a trade, read from the socket, to the bytes of the order that follows, handed to the socket.

Both stamps are taken in one process, which is the daemon's own tree with Binance's market and client; between them lies
everything the daemon does: frame, feed, trader, strategy, journal, execution manager, client, signature, frame. The
local exchange runs in another process, and so does PostgreSQL. Orders come one at a time.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import msgspec

from tests.benchmarks.execution.hops import HOPS
from tests.benchmarks.execution.place import Place, database, exchange
from tests.benchmarks.execution.spread import US_PER_NS, percentile
from tests.benchmarks.execution.trading_program import SYMBOL
from tests.benchmarks.figure import Comparison, Figure
from tests.exchange.local_exchange import LocalExchange

ROUNDS = 3
ORDERS = 200
"""Of each round that count, after `WARM_UP` that do not."""
WARM_UP = 20
WAIT_S = 30.0
PRICE = "65000"

Stamps = list[list[int]]


def figures() -> Iterator[Figure]:
    """Measure with a journal in PostgreSQL, the same with the daemon's log, and with one in memory, in turn."""
    durable: Stamps = []
    logged: Stamps = []
    in_memory: Stamps = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="naive-bench-")))
        url = stack.enter_context(database(folder))
        served = stack.enter_context(exchange(folder, SYMBOL))
        for number in range(ROUNDS):
            # Owners of their own: whoever comes later must not adopt what another has left.
            durable += _stamps(served, Place.of(served, f"pg{number}", url))
            logged += _stamps(served, Place.of(served, f"pg{number}", url, logs=True))
            in_memory += _stamps(served, Place.of(served, f"mem{number}"))
    yield from _totals("journal included", durable, in_memory, limits_us={0.5: 3_000.0, 0.99: 15_000.0})
    yield from _totals("the same and logs at info", logged, in_memory, limits_us={0.5: 3_000.0, 0.99: 15_000.0})
    yield from _totals("journal in memory", in_memory, limits_us={0.5: 500.0, 0.99: None})
    for number, (_, hop) in enumerate(pairwise(HOPS), 1):
        yield Figure(
            name=f"  step {number}: {hop}, p50",
            value=percentile(_spans_us(durable, number - 1, number), 0.5),
            unit="µs",
            is_cost=True,
            peers=(_in_memory(percentile(_spans_us(in_memory, number - 1, number), 0.5)),),
        )


def _totals(
    name: str, stamps: Stamps, other: Stamps | None = None, *, limits_us: dict[float, float | None]
) -> Iterator[Figure]:
    last = len(HOPS) - 1
    for ratio, limit in limits_us.items():
        peers = () if other is None else (_in_memory(percentile(_spans_us(other, 0, last), ratio)),)
        yield Figure(
            name=f"trade in → order out, {name}, p{ratio * 100:g} of {len(stamps)}",
            value=percentile(_spans_us(stamps, 0, last), ratio),
            unit="µs",
            is_cost=True,
            limit=limit,
            peers=peers,
        )


def _in_memory(value: float) -> Comparison:
    return Comparison(peer="journal in memory", value=value)


def _spans_us(stamps: Stamps, first: int, last: int) -> list[float]:
    return [(row[last] - row[first]) * US_PER_NS for row in stamps]


def _stamps(served: LocalExchange, place: Place) -> Stamps:
    """Run the daemon once, print a trade whenever it waits for one; raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "tests.benchmarks.execution.trading_program", str(WARM_UP + ORDERS)]
    stamps: Stamps = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process was started without its pipes")
        process.stdin.write(msgspec.json.encode(place) + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            if line == b"ready\n":
                served.trade(SYMBOL, PRICE, "0.001")
            else:
                stamps.append([int(stamp) for stamp in line.split()])
    if process.wait(WAIT_S) != 0 or len(stamps) != WARM_UP + ORDERS:
        raise RuntimeError(f"the daemon ended with {process.returncode} after {len(stamps)} orders")
    return stamps[WARM_UP:]
