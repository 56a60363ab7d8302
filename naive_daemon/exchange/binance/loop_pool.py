"""A few loops in threads of their own, which all accounts share: threads do not grow with accounts.

Owned by whoever owns the accounts. Each account *lodges* on one loop: what it has called, every task that this starts
and every timer is known as its own, so that it ends alone, and a defect in it is told to it alone. Invariant: after a
lodger's `end` none of its functions is called any more and all of its tasks have ended, unless `end` said False.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any

import structlog

from naive_daemon.exchange.binance.loop_thread import END_WITHIN_S, LoopThread

LOOPS_MAX = 4
CANCELS_MAX = 3
"""So often what has ended late, or has begun while all ended, is cancelled once more."""

_LODGER: ContextVar["Lodger | None"] = ContextVar("lodger", default=None)


class LoopPool:
    """`lodge` for each account, `end` once. From any thread."""

    def __init__(self, loops_max: int = LOOPS_MAX) -> None:
        self._loops_max = loops_max
        self._lock = threading.Lock()
        self._loops: list[_SharedLoop] = []

    def lodge(self, name: str, on_error: Callable[[BaseException], object]) -> "Lodger":
        """Give a place on the loop that has the fewest; `on_error` is told, on the loop, of a defect."""
        with self._lock:
            loop = min(self._loops, key=lambda loop: loop.lodgers, default=None)
            if loop is None or (loop.lodgers and len(self._loops) < self._loops_max):
                loop = _SharedLoop(f"binance {len(self._loops) + 1}")
                self._loops.append(loop)
            loop.lodgers += 1
            return Lodger(name, loop, on_error, self._leave)

    def end(self, within_s: float = END_WITHIN_S) -> bool:
        """End all loops and wait for their threads; False when one is still there after `within_s` seconds each."""
        with self._lock:
            loops, self._loops = self._loops, []
        for loop in loops:
            loop.end_soon()
        ended = [loop.end(within_s) for loop in loops]
        return all(ended)

    def _leave(self, loop: "_SharedLoop") -> None:
        with self._lock:
            loop.lodgers -= 1


class _Task(asyncio.Task[Any]):
    """A task that knows whose it is."""

    lodger: "Lodger | None" = None


class _SharedLoop(LoopThread):
    """A loop that knows whose each task and callback is."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.lodgers = 0
        self._loop.set_task_factory(self._make_task)

    @staticmethod
    def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, /, **options: Any) -> "asyncio.Future[Any]":
        task = _Task(coroutine, loop=loop, **options)
        lodger = task.lodger = _LODGER.get()
        if lodger is not None:
            lodger.adopt(task)
        return task

    def _take_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error, lodger = context.get("exception"), _owner_of(context)
        if lodger is not None and isinstance(error, BaseException):
            lodger.take_error(error)
        else:
            super()._take_failure(loop, context)


def _owner_of(context: dict[str, Any]) -> "Lodger | None":
    """Say whose callback has raised, or whose task that nobody waited for."""
    task, handle = context.get("future"), context.get("handle")
    if isinstance(task, _Task):
        return task.lodger
    return None if handle is None else handle._context.get(_LODGER)  # noqa: SLF001 - asyncio shows it in no other way


class Lodger:
    """One account's place on a shared loop; used as a `LoopThread` is."""

    def __init__(
        self,
        name: str,
        loop: _SharedLoop,
        on_error: Callable[[BaseException], object],
        leave: Callable[[_SharedLoop], None],
    ) -> None:
        self._name = name
        self._loop = loop
        self._on_error = on_error
        self._leave = leave
        self._context = Context()
        self._context.run(_LODGER.set, self)
        self._lock = threading.Lock()
        self._is_started = False
        self._is_ending = False
        self._ended = threading.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Have the loop run."""
        with self._lock:
            self._is_started = not self._is_ending
        self._loop.start()

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Call a function on the loop, soon; False when this is ending, and nothing will be called."""
        return not self._is_ending and self._loop.call(self._run, function, *arguments, context=self._context)

    def spawn(self, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run what `make` gives as a task that is cancelled at the end. On the loop's own thread only."""
        if not self._is_ending:
            asyncio.get_running_loop().create_task(make()).add_done_callback(self._look_at_end)

    def end_soon(self) -> None:
        """End, without waiting for it. From any thread, as often as one likes."""
        with self._lock:
            if self._is_ending:
                return
            self._is_ending = True
        self._leave(self._loop)
        # In a context that is nobody's: what ends a lodger is none of its tasks.
        if not self._is_started or not self._loop.call(self._loop.spawn, self._end, context=Context()):
            self._ended.set()  # nothing was begun, or the loop has ended, and all that lodged there with it

    def end(self, within_s: float = END_WITHIN_S) -> bool:
        """End and wait for it; False when something is still there after `within_s` seconds."""
        self.end_soon()
        return self._ended.wait(within_s)

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Know that a task is its own. On the loop."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def take_error(self, error: BaseException) -> None:
        """Tell of a defect."""
        structlog.get_logger("naive_daemon").error(
            "connection's thread failed", actor=self._name, reason=f"{type(error).__name__}: {error}", exc_info=error
        )
        self._on_error(error)

    def _run(self, function: Callable[..., object], *arguments: object) -> None:
        if not self._is_ending:
            function(*arguments)

    def _look_at_end(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.take_error(error)

    async def _end(self) -> None:
        for _ in range(CANCELS_MAX):
            tasks = list(self._tasks)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=END_WITHIN_S)
        await asyncio.sleep(0)  # a turn for what the cancelled have just closed
        self._ended.set()
