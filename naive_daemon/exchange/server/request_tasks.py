"""Requests that take their time because a fault has it so. Owned by the exchange, and ended with it alone.

Who has sent one and leaves does not take it back: what a real exchange has received it processes.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from naive_daemon.exchange.server.interruption import CutError, SwallowedError
from naive_daemon.exchange.server.refusal import RefusedError

TASKS_MAX = 10_000
_Result = TypeVar("_Result")


class RequestTasks:
    """The requests that are under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="exchange")

    @property
    def is_full(self) -> bool:
        """Say whether no more are taken."""
        return len(self._tasks) >= TASKS_MAX

    def begin(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Let a request go on by itself."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, RefusedError | SwallowedError | CutError):
            self._log.error("a request failed", exc_info=error)
