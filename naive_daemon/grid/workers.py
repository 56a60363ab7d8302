"""Runs the points of a grid on processes of its own, which end with it.

A pool of the standard library would not say which point a worker died of, and waits at an interruption until all that
runs is done; so this one hands out a point at a time, and kills at the end.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from naive_daemon.grid.outcome import Outcome
from naive_daemon.grid.points import Point
from naive_daemon.grid.shared import MarketFile
from naive_daemon.grid.worker import work
from naive_daemon.logs import LogFormat, LogLevel

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_END_TIMEOUT_S = 10.0
_SPAWN = multiprocessing.get_context("spawn")  # a fork would take over locks that other threads hold


class _Worker:
    """One process, and the point that it has."""

    def __init__(self, market: MarketFile, log: tuple[LogLevel, LogFormat]) -> None:
        self.tasks, theirs = _SPAWN.Pipe()
        self._point: Point | None = None
        self._process: BaseProcess = _SPAWN.Process(target=work, args=(theirs, market, *log), name="grid", daemon=True)
        self._process.start()
        theirs.close()

    def give(self, point: Point) -> None:
        """Hand out the next point."""
        self._point = point
        with suppress(BrokenPipeError):  # it has died; whoever takes the outcome is told so
            self.tasks.send(point)

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

    def _end_in_words(self) -> str:
        self._process.join(_END_TIMEOUT_S)
        code = self._process.exitcode
        return f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"


def run_points(
    market: MarketFile,
    points: Iterable[Point],
    workers: int,
    on_outcome: Callable[[Outcome], None],
    log: tuple[LogLevel, LogFormat] = ("warning", "auto"),
) -> None:
    """Run every point on as many processes; `on_outcome` gets what came of each as soon as it is there.

    A point whose process dies has that for its outcome, and another process goes on with the next. Whatever ends this
    function, an interruption too, ends all processes.
    """
    left = iter(points)
    busy: dict[Connection, _Worker] = {}
    with ExitStack() as stack:

        def started() -> _Worker:
            worker = _Worker(market, log)
            stack.callback(worker.end)
            return worker

        def go_on(worker: _Worker | None) -> None:
            point = next(left, None)
            if point is not None:
                worker = worker or started()
                worker.give(point)
                busy[worker.tasks] = worker

        for _ in range(workers):
            go_on(None)
        while busy:
            for tasks in wait(list(busy)):
                worker = busy.pop(tasks)  # type: ignore[call-overload] # all that is waited for are connections
                outcome, lives = worker.take()
                on_outcome(outcome)
                go_on(worker if lives else None)


def cores() -> int:
    """Say how many cores this process may use."""
    return len(os.sched_getaffinity(0))
