"""`make memory-soak`: fifty symbols traded on paper at speed, while the daemon's resident memory is looked at.

What is bounded fills up in the first minutes; from then on nothing may grow. It prints a line a minute, and at the end
by how much the mean of the last minutes is above that around minute five: `GROWTH_MAX` at most, for the daemon itself.
Its servers are shown beside it; their data grows with the journal, which is not purged here.
"""

import argparse
import contextlib
import os
import random
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psutil

from naive_daemon.account.live_orders import ENDED_MAX
from naive_daemon.exchange.paper.engine import HISTORY_LIMIT
from naive_daemon.execution.order_books import OVER_KEPT_MAX
from tests.e2e.books import read
from tests.e2e.daemon import PATIENCE_S, eventually
from tests.e2e.place import Place
from tests.exchange.trial import symbols_of, write_listing

SYMBOLS = 50
SAMPLE_S = 10.0
SETTLED_S = 300.0
ORDERS_KEPT_MAX = max(HISTORY_LIMIT, OVER_KEPT_MAX, ENDED_MAX)
WINDOW_S = 60.0
GROWTH_MAX = 0.05
MIB = 2**20
LOG_BYTES_MAX = 64 * MIB
SHOWN = 4_000
SETTINGS = ("profit_interval=0.0002", "rebuy_interval=0.0005", "buy_down_interval=0.0001", "chunks=3", "budget=300")
ORDERS = "SELECT count(*) FROM orders"
CYCLES = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"


class Sample(NamedTuple):
    """Resident memory at one moment, in MiB: the daemon's own, and that of each of its servers; and what was done."""

    at_s: float
    daemon: float
    postgres: float
    redis: float
    orders: int


class Soak:
    """One daemon on paper, and what was seen of it."""

    def __init__(self, folder: Path, seed: int, speed: str) -> None:
        self.symbols = symbols_of(SYMBOLS)
        self.port = free_port()
        self.log = folder / "daemon.log"
        listing = folder / "listing.json"
        write_listing(listing, self.symbols)
        self.place = Place(
            folder / "home",
            NAIVE_EXCHANGE__EXCHANGE_INFO=str(listing),
            NAIVE_MARKET__SPEED=speed,
            NAIVE_MARKET__SEED=str(seed),
            NAIVE_EXCHANGE__MAKER_FEE="0.0001",
            NAIVE_EXECUTION__RECONCILE_INTERVAL_S="10",
            NAIVE_METRICS__LISTEN=f"127.0.0.1:{self.port}",
            NAIVE_LOG__FORMAT="json",
            NAIVE_LOG__FILE=str(self.log),
        )
        self.samples: list[Sample] = []

    def start(self) -> None:
        """Switch the symbols on and start the daemon; its metrics are read all the time, as Prometheus does."""
        for command in (("settings", "set", *self.symbols, *SETTINGS), ("start", "--no-wait", *self.symbols)):
            answer = self.place(*command)
            assert answer.code == 0, answer.err
        self.daemon = self.place.run()
        self._process = psutil.Process(self.daemon.pid)
        for attempt in eventually():
            with attempt:
                assert self._serves(), self.daemon.log.lines()

    def run(self, seconds: float) -> None:
        """Sample until the time is over; a daemon that ends by itself is a failure."""
        began = time.monotonic()
        told_min = 0
        while (at_s := time.monotonic() - began) < seconds:
            assert not self.daemon.ends_within(SAMPLE_S), f"it ended by itself:\n{self.last_words()}"
            self.samples.append(self._sample(at_s + SAMPLE_S))
            assert self._serves(), self.last_words()
            self._shorten_log()
            if at_s // 60 >= told_min:
                told_min += 1
                say(self._line())

    def settled_s(self) -> float:
        """Give when everything bounded had reached its bound: after five minutes, later where the machine is slow."""
        last = self.samples[-1]
        filled_s = next((s.at_s for s in self.samples if s.orders > ORDERS_KEPT_MAX), last.at_s)
        settled_s = max(SETTLED_S, filled_s + WINDOW_S)
        assert settled_s + 2 * WINDOW_S <= last.at_s, f"{last.orders} orders are too few: take more minutes or speed"
        return settled_s

    def growth(self) -> float:
        """Give by which ratio the daemon's own memory has grown since then."""
        return self._mean(self.samples[-1].at_s - WINDOW_S) / self._mean(self.settled_s()) - 1

    def last_words(self) -> str:
        """Give what the daemon said last."""
        return self.daemon.log.text()[-SHOWN:] + self.log.read_text(errors="replace")[-SHOWN:]

    def _serves(self) -> bool:
        """Read its metrics, and say whether they tell its memory."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE_S) as answer:
                return b"process_resident_memory_bytes" in answer.read()
        except OSError:
            return False

    def _shorten_log(self) -> None:
        """Keep the disk free: the log is opened to append, so it goes on from its new end."""
        if self.log.stat().st_size > LOG_BYTES_MAX:
            os.truncate(self.log, 0)

    def _mean(self, around_s: float) -> float:
        return statistics.fmean(s.daemon for s in self.samples if abs(s.at_s - around_s) <= WINDOW_S)

    def _sample(self, at_s: float) -> Sample:
        sizes = {"postgres": 0.0, "redis-server": 0.0}
        for server in self.place.servers():
            with contextlib.suppress(psutil.NoSuchProcess):
                # Shared buffers would be counted once for each of PostgreSQL's processes.
                info = server.memory_full_info()
                sizes[server.name()] = sizes.get(server.name(), 0.0) + info.pss / MIB
        daemon, orders = self._process.memory_info().rss / MIB, read(self.place.url, ORDERS)[0][0]
        return Sample(at_s, daemon, sizes["postgres"], sizes["redis-server"], orders)

    def _line(self) -> str:
        at_s, daemon, postgres, redis, orders = self.samples[-1]
        cycles = read(self.place.url, CYCLES)[0][0]
        own = f"{at_s / 60:6.1f} min  daemon {daemon:7.1f} MiB"
        return f"{own}  postgres {postgres:6.1f}  redis {redis:6.1f}  {orders} orders  {cycles} cycles"


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def free_port() -> int:
    """Give a port of this machine that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run one soak; its exit code is 1 when the daemon's memory has grown by too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="more than five, when all bounds have been reached")
    parser.add_argument("--speed", default="2")
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    if asked.minutes * 60 < SETTLED_S + 2 * WINDOW_S:
        parser.error(f"--minutes {asked.minutes:g} is too short: {(SETTLED_S + 2 * WINDOW_S) / 60:g} at least")
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**31)
    say(f"seed {seed}: python -m tests.state.memory --seed {seed} --minutes {asked.minutes:g} --speed {asked.speed}")
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), seed, asked.speed)
        try:
            soak.start()
            soak.run(asked.minutes * 60)
            growth, settled_min = soak.growth(), soak.settled_s() / 60
            soak.daemon.stop()
        finally:
            soak.place.clear()
    say(f"since minute {settled_min:.0f} the daemon's memory has grown by {growth:.1%}; {GROWTH_MAX:.0%} is allowed")
    if growth > GROWTH_MAX:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
