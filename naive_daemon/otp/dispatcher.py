"""Where actors run: shared threads (`pool.py`), a thread of their own, or one caller's thread in a repeatable order.

A dispatcher counts its *busy* actors (queued or in a handler), so one can wait until everything has come to rest.
"""

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from naive_daemon.otp.process import Process

BATCH = 64
"""Messages an actor handles before others of the pool have their turn."""


class Dispatcher(Protocol):
    """Runs actors that have something to read."""

    def begin(self) -> None:
        """Count one more busy actor; `schedule` follows."""

    def schedule(self, actor: "Process") -> None:
        """Take an actor that has just become runnable; called from any thread."""

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that have not ended."""

    def stop(self) -> None:
        """Let the threads end after what they are at; does not wait for that."""


class Activity:
    """Counts busy actors over all dispatchers of a system."""

    def __init__(self) -> None:
        self._busy = 0
        self._waiters = 0
        self._lock = threading.Lock()  # its own name: a Condition takes it in Python, at three times the cost
        self._changed = threading.Condition(self._lock)

    def begin(self) -> None:
        """One more actor has something to do."""
        with self._lock:
            self._busy += 1

    def end(self) -> None:
        """One actor has come to rest."""
        with self._lock:
            self._busy -= 1
            if self._waiters:
                self._changed.notify_all()

    @property
    def busy(self) -> int:
        """How many actors have something to do now."""
        return self._busy

    def wait(self, busy_at_most: int, timeout_s: float) -> bool:
        """Wait until no more than `busy_at_most` actors are busy; False when the time is up first."""
        with self._changed:
            self._waiters += 1
            try:
                return self._changed.wait_for(lambda: self._busy <= busy_at_most, timeout_s)
            finally:
                self._waiters -= 1


class Crew:
    """The threads of a dispatcher. One that leaves stays known until it has ended, so that a stop can wait for it."""

    def __init__(self) -> None:
        self._working: set[threading.Thread] = set()
        self._leaving: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[..., None], *arguments: object) -> threading.Thread:
        """Start one more thread, which ends its work with `leave`."""
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        with self._lock:
            self._leaving = [left for left in self._leaving if left.is_alive()]
            self._working.add(thread)
        thread.start()
        return thread

    def leave(self) -> None:
        """Say, as one of the threads, that all its work is done."""
        with self._lock:
            self._working.discard(threading.current_thread())
            self._leaving.append(threading.current_thread())

    def members(self) -> list[threading.Thread]:
        """List the threads that may not have ended."""
        with self._lock:
            return [*self._working, *self._leaving]


class ThreadDispatcher:
    """Gives each actor a thread of its own, for those that block on I/O. The thread ends with its actor."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._wake_ups: dict[Process, queue.SimpleQueue[bool]] = {}
        self._crew = Crew()
        self._lock = threading.Lock()
        self._is_stopped = False

    def begin(self) -> None:
        """Count one more busy actor."""
        self._activity.begin()

    def schedule(self, actor: "Process") -> None:
        """Wake the actor's thread, or start it; a message that met its death or the stop starts none."""
        with self._lock:
            if actor.is_dead or self._is_stopped:
                actor.actor_inbox.release()
                self._activity.end()
                return
            wake_up = self._wake_ups.get(actor)
            if wake_up is None:
                wake_up = self._wake_ups[actor] = queue.SimpleQueue()
                self._crew.start(actor.label, self._work, actor, wake_up)
            wake_up.put(True)

    def forget(self, actor: "Process") -> None:
        """Let an idle dead actor's thread end."""
        with self._lock:
            wake_up = self._wake_ups.pop(actor, None)
        if wake_up is not None:
            wake_up.put(False)

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that have not ended."""
        return self._crew.members()

    def stop(self) -> None:
        """Let every thread end that is still there."""
        with self._lock:
            self._is_stopped = True
            actors = list(self._wake_ups)
        for actor in actors:
            self.forget(actor)

    def _work(self, actor: "Process", wake_up: "queue.SimpleQueue[bool]") -> None:
        while wake_up.get():
            actor.run_batch(BATCH)
            while actor.actor_inbox.release():
                actor.run_batch(BATCH)
            self._activity.end()
        self._crew.leave()
