"""Runs the points of a grid on processes of its own, which end with it.

A pool of the standard library would not say which point a worker died of, and waits at an interruption until all that
runs is done; so this one hands out a point at a time, and kills at the end.

A process is forked where that is safe, which takes milliseconds. One that is not has to import the whole package again,
which is more work than many a backtest. So a crew is best made early: before anything has started a thread.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from naive_daemon.grid.outcome import Outcome
from naive_daemon.grid.points import Point
from naive_daemon.grid.shared import MarketFile
from naive_daemon.grid.worker import work
from naive_daemon.logs import LogFormat, LogLevel

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, SpawnContext
    from multiprocessing.process import BaseProcess

_END_TIMEOUT_S = 10.0
_THREADS = Path("/proc/self/task")


class _Worker:
    """One process, and the point that it has."""

    def __init__(self, context: "ForkContext | SpawnContext", log: tuple[LogLevel, LogFormat]) -> None:
        self.tasks, theirs = context.Pipe()
        self._point: Point | None = None
        self._process: BaseProcess = context.Process(target=work, args=(theirs, *log), name="grid", daemon=True)
        self._process.start()
        theirs.close()

    def open(self, market: MarketFile) -> None:
        """Say on what it tests."""
        self._send(market)

    def give(self, point: Point) -> None:
        """Hand out the next point."""
        self._point = point
        self._send(point)

    def take(self) -> tuple[Outcome, bool]:
        """Give the outcome of its point, and whether the process lives: of one that has died, that is the outcome."""
        point = self._point
        if point is None:
            raise RuntimeError("a worker without a point has no outcome")
        try:
            return self.tasks.recv(), True
        except (EOFError, ConnectionResetError):
            error = f"the process that tested it {self._end_in_words()}"
            return Outcome(number=point.number, changes=point.changes, error=error), False

    def end(self) -> None:
        """Kill it: what it has not told is lost with it."""
        self._process.kill()
        self._process.join(_END_TIMEOUT_S)
        self.tasks.close()

    def _send(self, message: MarketFile | Point) -> None:
        with suppress(BrokenPipeError):  # it has died; whoever takes the outcome is told so
            self.tasks.send(message)

    def _end_in_words(self) -> str:
        self._process.join(_END_TIMEOUT_S)
        code = self._process.exitcode
        return f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"


class Crew:
    """The processes of a grid; see `crew`."""

    def __init__(self, count: int, start: Callable[[], _Worker]) -> None:
        self._start = start
        self._workers = [start() for _ in range(count)]

    def run(self, market: MarketFile, points: Iterable[Point], on_outcome: Callable[[Outcome], None]) -> None:
        """Run every point, once in the life of a crew; `on_outcome` gets what came of each as soon as it is there.

        A point whose process dies has that for its outcome, and another process goes on with the next.
        """
        left = iter(points)
        busy: dict[Connection, _Worker] = {}

        def go_on(worker: _Worker | None) -> None:
            point = next(left, None)
            if point is not None:
                if worker is None:
                    worker = self._start()
                    worker.open(market)
                worker.give(point)
                busy[worker.tasks] = worker

        for worker in self._workers:
            worker.open(market)
            go_on(worker)
        while busy:
            for tasks in wait(list(busy)):
                worker = busy.pop(tasks)  # type: ignore[call-overload] # all that is waited for are connections
                outcome, lives = worker.take()
                on_outcome(outcome)
                go_on(worker if lives else None)


@contextmanager
def crew(count: int, log: tuple[LogLevel, LogFormat] = ("warning", "auto")) -> Iterator[Crew]:
    """Start so many processes; whatever ends the context, an interruption too, ends all of them."""
    with ExitStack() as ends:

        def start() -> _Worker:
            context = _context()
            with _interruptions_held():
                worker = _Worker(context, log)
                ends.callback(worker.end)
            return worker

        yield Crew(count, start)


def cores() -> int:
    """Say how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _context() -> "ForkContext | SpawnContext":
    """Fork where no other thread can hold a lock: the child would have it for ever."""
    if len(list(_THREADS.iterdir())) == 1:
        return multiprocessing.get_context("fork")
    resource_tracker.ensure_running()  # a spawned process needs it, and to start it lets interruptions through
    return multiprocessing.get_context("spawn")


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment, and for ever from what is started in it: that is for its owner alone to hear."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
