"""An asyncio loop in a thread of its own: where sockets live, so that no actor ever waits for one.

Owned by one gateway, one market connection, or the pool that gateways share, which ends it. Invariant: after `end` no
callback that was handed in runs any more, every task has been cancelled, and the thread is gone, unless `end` said
False.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

import structlog

END_WITHIN_S = 2.0


class LoopThread:
    """Start once, end once; `call` and `submit` may be used from any thread in between.

    `on_error` is called, on the loop's thread, with what a task or a callback has raised: a defect, which is logged.
    """

    def __init__(self, name: str, on_error: Callable[[BaseException], None] | None = None) -> None:
        self._name = name
        self._on_error = on_error
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._lock = threading.Lock()
        self._is_started = False
        self._is_ending = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Start the thread."""
        with self._lock:
            if not self._is_ending and not self._is_started:
                self._is_started = True
                self._thread.start()

    def call(self, function: Callable[..., object], *arguments: object, context: Context | None = None) -> bool:
        """Call a function on the loop, soon; False when the loop is ending, and nothing will be called."""
        with self._lock:  # what ends the loop holds it too: what was accepted here is called
            if self._is_ending:
                return False
            self._loop.call_soon_threadsafe(function, *arguments, context=context)
            return True

    def submit(self, make: Callable[[], Coroutine[Any, Any, object]]) -> bool:
        """Run what `make` gives as a task on the loop; False when the loop is ending. `make` is called on the loop."""
        return self.call(self.spawn, make)

    def spawn(self, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run what `make` gives as a task that is cancelled at the end. On the loop's own thread only."""
        task = self._loop.create_task(make())
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def end_soon(self) -> None:
        """Have the loop end, without waiting for it. From any thread, as often as one likes."""
        with self._lock:
            if self._is_ending:
                return
            self._is_ending = True
            if self._is_started:
                self._loop.call_soon_threadsafe(self._loop.stop)
            else:
                self._loop.close()

    def end(self, within_s: float = END_WITHIN_S) -> bool:
        """End the loop and wait for its thread; False when it is still there after `within_s` seconds."""
        self.end_soon()
        if self._is_started and threading.current_thread() is not self._thread:
            self._thread.join(within_s)
            return not self._thread.is_alive()
        return True

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._take_failure)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._cancel_all())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _cancel_all(self) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=END_WITHIN_S)
        await asyncio.sleep(0)  # a turn for what the cancelled have just closed

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(error)

    def _take_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what asyncio would only write to the log: a callback that has raised, or something left behind."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._report(error)
        else:
            structlog.get_logger("naive_daemon").warning("asyncio", actor=self._name, reason=context.get("message"))

    def _report(self, error: BaseException) -> None:
        structlog.get_logger("naive_daemon").error(
            "connection's thread failed", actor=self._name, reason=f"{type(error).__name__}: {error}", exc_info=error
        )
        if self._on_error is not None:
            self._on_error(error)
