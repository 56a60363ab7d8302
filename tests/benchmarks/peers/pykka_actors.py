"""pykka's own ThreadingActor: a thread each, nobody above it. Each function gives seconds.

As a program: `python -m tests.benchmarks.peers.pykka_actors COUNT` prints the resident bytes of each actor.
"""

import gc
import queue
import sys
import time
from collections.abc import Iterable
from typing import Any

import psutil
import pykka

from naive_daemon.otp.garbage import rare_collections
from tests.benchmarks.fan_out import WAIT_S, Done, await_all, tell_in_turn_s


class Counter(pykka.ThreadingActor):
    """Counts `expected` messages, then puts itself into `done`."""

    def __init__(self, expected: int, done: Done) -> None:
        super().__init__()
        self._left = expected
        self._done = done

    def on_receive(self, message: Any) -> None:
        """Count."""
        self._left -= 1
        if self._left == 0:
            self._done.put(self)


class Newborn(pykka.ThreadingActor):
    """Puts itself into `done` when it starts."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self._done = done

    def on_start(self) -> None:
        """Say that it starts."""
        self._done.put(self)


def spawn_s(count: int) -> float:
    """Start that many actors, until the last one has started."""
    done: Done = queue.SimpleQueue()
    began = time.perf_counter()
    refs = [Newborn.start(done) for _ in range(count)]
    await_all(done, count)
    spent_s = time.perf_counter() - began
    _stop(refs)
    return spent_s


def tell_s(receivers: int, each: int) -> float:
    """Tell all of them in turn, `each` times, until all has been handled."""
    done: Done = queue.SimpleQueue()
    refs = [Counter.start(each, done) for _ in range(receivers)]
    spent_s = tell_in_turn_s(refs, each, done)
    _stop(refs)
    return spent_s


def _stop(refs: Iterable[pykka.ActorRef[Any]]) -> None:
    for ref in refs:
        ref.stop(block=False)
    for ref in refs:
        ref.actor_stopped.wait(WAIT_S)


def _bytes_each(count: int) -> float:
    done: Done = queue.SimpleQueue()
    gc.collect()
    before = psutil.Process().memory_info().rss
    refs = [Newborn.start(done) for _ in range(count)]
    await_all(done, count)
    gc.collect()
    bytes_each: float = (psutil.Process().memory_info().rss - before) / count
    _stop(refs)
    return bytes_each


if __name__ == "__main__":
    with rare_collections():
        sys.stdout.write(str(_bytes_each(int(sys.argv[1]))))
