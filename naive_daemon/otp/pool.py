"""Many actors on few threads, in batches, in the order in which they became runnable.

A thread that does not come back from an actor is noticed (`look`), told in the log with its stack, and replaced: the
others lose nothing. It goes on counting as stuck until it does come back; then it ends, and the log says so.
"""

import itertools
import math
import queue
import sys
import threading
import traceback
from typing import TYPE_CHECKING

import msgspec

from naive_daemon.otp.dispatcher import Activity, Crew, end_turn, take_turn
from naive_daemon.otp.duty import Duty
from naive_daemon.otp.uncaught import report_uncaught

if TYPE_CHECKING:
    from naive_daemon.otp.process import Process
    from naive_daemon.otp.ref import Ref

STUCK_AFTER_S = 5.0
STUCK_MAX = 32
"""Stuck threads that are replaced. More of them means that the fault is not one actor's; then the pool runs dry, and
whoever watches the daemon from outside starts it afresh."""


class StuckActor(msgspec.Struct, frozen=True):
    """A pool thread that does not come back from an actor. `is_lost`: that actor was killed meanwhile."""

    ref: "Ref"
    thread: str
    for_s: float
    is_lost: bool


class PoolHealth(msgspec.Struct, frozen=True):
    """How a system's threads are.

    Of the pool: `threads` take work, `stuck` do not come back, `replaced` ever were. Of all, actors' own ones included:
    `lost` have not come back from an actor that is dead.
    """

    threads: int = 0
    stuck: tuple[StuckActor, ...] = ()
    replaced: int = 0
    lost: int = 0


class _Worker:
    """One thread of the pool, and what it is at."""

    def __init__(self, number: int) -> None:
        self.name = f"pool-{number}"
        self.thread: threading.Thread | None = None
        self.actor: Process | None = None
        self.turns = 0
        self.seen = (0, 0)
        self.stuck_s = 0.0
        self.is_told = False
        self.is_replaced = False


class PoolDispatcher:
    """See the module. `look` is to be called every second or so."""

    is_driven = False

    def __init__(
        self, activity: Activity, threads: int, stuck_after_s: float = STUCK_AFTER_S, kill_after_s: float | None = None
    ) -> None:
        self._activity = activity
        self._runnable: queue.SimpleQueue[Process | None] = queue.SimpleQueue()
        self._stuck_after_s = stuck_after_s
        self._kill_after_s = kill_after_s
        self._workers: list[_Worker] = []
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        self._crew = Crew()
        self._replaced = 0
        self._looked_at_s: float | None = None
        self._looking = threading.Lock()  # who looks at the same time would replace a thread twice
        self._is_stopped = False
        try:
            for _ in range(threads):
                self._add_worker()
        except BaseException:
            self.stop()  # no one would ever end those that there are
            raise

    def begin(self) -> None:
        """Count one more busy actor."""
        self._activity.begin()

    def end(self) -> None:
        """Count one busy actor less."""
        self._activity.end()

    def schedule(self, actor: "Process") -> None:
        """Queue a runnable actor."""
        self._runnable.put(actor)

    def forget(self, actor: "Process") -> None:
        """Nothing is kept for an actor."""

    def look(self, now_s: float, period_s: float) -> None:
        """Find threads that are stuck. A look counts for two periods at most, so a process that slept blames nobody."""
        with self._looking:
            elapsed_s = 0.0 if self._looked_at_s is None else min(now_s - self._looked_at_s, 2 * period_s)
            self._looked_at_s = now_s
            self._look(elapsed_s)

    def health(self) -> PoolHealth:
        """Say how the threads are."""
        workers = self._workers.copy()
        stuck = tuple(
            StuckActor(actor.ref, worker.name, worker.stuck_s, actor.is_dead)
            for worker in workers
            if (actor := worker.actor) is not None and worker.stuck_s >= self._stuck_after_s
        )
        return PoolHealth(sum(not worker.is_replaced for worker in workers), stuck, self._replaced, self.lost)

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that have not ended."""
        return self._crew.members()

    @property
    def lost(self) -> int:
        """How many threads have not come back from an actor that is dead."""
        return sum((actor := worker.actor) is not None and actor.is_dead for worker in self._workers.copy())

    def stop(self) -> None:
        """Let the threads end after what is queued; does not wait for that."""
        with self._lock:
            self._is_stopped = True
            workers = self._workers.copy()
        for _ in workers:
            self._runnable.put(None)

    def _add_worker(self) -> None:
        """Start one more thread; raises RuntimeError or MemoryError when there is none to be had."""
        with self._lock:
            if self._is_stopped:
                return
            worker = _Worker(next(self._numbers))
            worker.thread = self._crew.start(worker.name, Duty.POOL, self._work, worker)
            self._workers.append(worker)

    def _work(self, worker: _Worker) -> None:
        try:
            while not worker.is_replaced and (actor := self._runnable.get()) is not None:
                worker.actor = actor
                take_turn(actor)
                if worker.is_replaced:
                    actor.report_stuck_end(worker.stuck_s, worker.name, is_killed=False)
                worker.actor = None
                worker.turns += 1
                if end_turn(actor):
                    self._runnable.put(actor)
                else:
                    self._activity.end()
                del actor  # a thread that waits must not keep the last one alive
        finally:
            with self._lock:
                self._workers.remove(worker)

    def _look(self, elapsed_s: float) -> None:
        for worker in self._workers.copy():
            actor = worker.actor
            at = (worker.turns, 0 if actor is None else actor.handled)
            if actor is None or at != worker.seen:
                worker.seen, worker.stuck_s, worker.is_told = at, 0.0, False
                continue
            worker.stuck_s += elapsed_s
            if worker.stuck_s >= self._stuck_after_s:
                self._take_care_of(worker, actor)

    def _take_care_of(self, worker: _Worker, actor: "Process") -> None:
        if not worker.is_replaced:
            is_replaced = self._replace(worker)
            if is_replaced or not worker.is_told:
                worker.is_told = True
                actor.report_stuck(worker.stuck_s, worker.name, _stack_of(worker), is_replaced=is_replaced)
        if self._kill_after_s is not None and worker.stuck_s >= self._kill_after_s and not actor.is_dead:
            actor.report_stuck_end(worker.stuck_s, worker.name, is_killed=True)
            actor.kill()

    def _replace(self, worker: _Worker) -> bool:
        """Have another thread take the place of one that is stuck; False, for now, when none may or can be added."""
        if sum(other.is_replaced for other in self._workers.copy()) >= STUCK_MAX:
            return False
        try:
            self._add_worker()
        except (RuntimeError, MemoryError) as error:  # the operating system gives none; the next look asks again
            if not worker.is_told:
                report_uncaught(error)
            return False
        worker.is_replaced = True
        self._replaced += 1
        return True


def check_pool(threads: object, stuck_after_s: object, kill_after_s: object = None) -> None:
    """Refuse what no pool can be made of; raises ValueError."""
    if type(threads) is not int or threads < 1:
        raise ValueError(f"threads={threads!r} is not a whole number >= 1")
    for name, time_s in (("stuck_after_s", stuck_after_s), ("kill_after_s", kill_after_s)):
        if name == "kill_after_s" and time_s is None:
            continue
        if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not 0 < time_s < math.inf:
            raise ValueError(f"{name}={time_s!r} is not a finite number of seconds > 0")
    if kill_after_s is not None and kill_after_s < stuck_after_s:  # type: ignore[operator] # both are numbers by now
        raise ValueError(
            f"kill_after_s={kill_after_s!r} is less than stuck_after_s={stuck_after_s!r}: stuck comes first"
        )


def _stack_of(worker: _Worker) -> str:
    """Give the frames of the thread now, the outermost first."""
    ident = worker.thread.ident if worker.thread is not None else None
    frame = sys._current_frames().get(ident) if ident is not None else None
    return "" if frame is None else "".join(traceback.format_stack(frame))
