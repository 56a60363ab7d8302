"""Where actors run: shared threads (`pool.py`), a thread of their own, or one caller's thread in a repeatable order.

A dispatcher counts its *busy* actors (queued or in a handler), so one can wait until everything has come to rest.
"""

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from naive_daemon.otp.duty import PRESENT, Duty
from naive_daemon.otp.exit import crash
from naive_daemon.otp.uncaught import report_uncaught

if TYPE_CHECKING:
    from naive_daemon.otp.process import Process

BATCH = 64
"""Messages an actor handles before others of the pool have their turn."""


class Dispatcher(Protocol):
    """Runs actors that have something to read."""

    @property
    def is_driven(self) -> bool:
        """Whether actors run only while somebody lets them, on that caller's thread."""

    def begin(self) -> None:
        """Count one more busy actor; `schedule` follows, or `end`."""

    def end(self) -> None:
        """Count one busy actor less: somebody else was first to wake it."""

    def schedule(self, actor: "Process") -> None:
        """Take an actor that has just become runnable; called from any thread."""

    def forget(self, actor: "Process") -> None:
        """Let go of what is kept for a dead actor; called once, by whoever ended it."""

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that have not ended."""

    @property
    def lost(self) -> int:
        """How many threads have not come back from an actor that is dead."""

    def stop(self) -> None:
        """Let the threads end after what they are at; does not wait for that."""


class Activity:
    """Counts busy actors over all dispatchers of a system."""

    def __init__(self) -> None:
        self._busy = 0
        self._waiters = 0
        # Re-entrant, since a signal's handler or a garbage collection in the midst of it may tell somebody something.
        # A name of its own, since a Condition takes it in Python, at three times the cost.
        self._lock = threading.RLock()
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
        self._lock = threading.RLock()

    def start(self, name: str, duty: Duty, work: Callable[..., None], *arguments: object) -> threading.Thread:
        """Start one more thread, which does its work and leaves.

        Raises RuntimeError or MemoryError when the operating system has none to give; nothing is changed then.
        """
        thread = threading.Thread(target=self._serve, args=(duty, work, arguments), name=name, daemon=True)
        with self._lock:  # until it is listed: a thread that is listed can be joined, and cannot leave before it is
            self._leaving = [left for left in self._leaving if left.is_alive()]
            thread.start()
            self._working.add(thread)
        return thread

    def members(self) -> list[threading.Thread]:
        """List the threads that have not ended."""
        with self._lock:
            return [thread for thread in (*self._working, *self._leaving) if thread.is_alive()]

    def _serve(self, duty: Duty, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
        PRESENT.duty = duty
        try:
            work(*arguments)
        finally:
            with self._lock:
                self._working.discard(threading.current_thread())
                self._leaving.append(threading.current_thread())


def take_turn(actor: "Process") -> None:
    """Let an actor handle a batch, as its dispatcher's thread.

    Nothing that it raises ends the thread: what comes even through the actor's own boundary is told, and ends it.
    """
    try:
        actor.run_batch(BATCH)
    except BaseException as error:  # noqa: BLE001 - the thread serves others, and somebody waits for its count
        report_uncaught(error)
        _break_down(actor, error)


def end_turn(actor: "Process") -> bool:
    """Let go of an actor after its batch; True when it must have another turn. Ends no thread either."""
    try:
        return actor.actor_inbox.release()
    except BaseException as error:  # noqa: BLE001 - the same; here a stranger who waits for room has raised it
        report_uncaught(error)
        _break_down(actor, error)
        return False


def _break_down(actor: "Process", error: BaseException) -> None:
    try:
        actor.break_down(crash(error))
    except BaseException as again:  # noqa: BLE001 - the same once more; the actor is dead by then
        report_uncaught(again)


class _Seat:
    """The thread of one actor: how it is woken, and whether it is in the actor's code."""

    __slots__ = ("is_running", "thread", "wake_up")

    def __init__(self) -> None:
        self.wake_up: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.is_running = False


class ThreadDispatcher:
    """Gives each actor a thread of its own, for those that block on I/O. The thread ends with its actor.

    A thread that is in an actor's code when somebody kills that actor is lost, until it comes back.
    """

    is_driven = False

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._seats: dict[Process, _Seat] = {}
        self._lost: set[_Seat] = set()
        self._crew = Crew()
        self._lock = threading.RLock()
        self._is_stopped = False

    def begin(self) -> None:
        """Count one more busy actor."""
        self._activity.begin()

    def end(self) -> None:
        """Count one busy actor less."""
        self._activity.end()

    def schedule(self, actor: "Process") -> None:
        """Wake the actor's thread, or start it; a message that met its death or the stop starts none.

        An actor whose thread can not be started breaks down: whoever waits for its start learns why by its `Down`.
        """
        try:
            is_awake = self._wake(actor)
        except (RuntimeError, MemoryError) as error:
            is_awake = False
            _break_down(actor, error)
        if not is_awake:
            actor.actor_inbox.release()
            self._activity.end()

    def forget(self, actor: "Process") -> None:
        """Let an idle dead actor's thread end; one that is in its code is lost, unless it ends the actor itself."""
        with self._lock:
            seat = self._seats.pop(actor, None)
            if seat is not None and seat.is_running and seat.thread is not threading.current_thread():
                self._lost.add(seat)
        if seat is not None:
            seat.wake_up.put(False)

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that have not ended."""
        return self._crew.members()

    @property
    def lost(self) -> int:
        """How many threads have not come back from an actor that is dead."""
        return len(self._lost)

    def stop(self) -> None:
        """Let every thread end that is still there."""
        with self._lock:
            self._is_stopped = True
            seats, self._seats = self._seats, {}
        for seat in seats.values():
            seat.wake_up.put(False)

    def _wake(self, actor: "Process") -> bool:
        with self._lock:
            if actor.is_dead or self._is_stopped:
                return False
            seat = self._seats.get(actor)
            if seat is None:
                seat = _Seat()
                seat.thread = self._crew.start(actor.label, Duty.ACTOR, self._work, actor, seat)
                self._seats[actor] = seat
            seat.wake_up.put(True)
            return True

    def _work(self, actor: "Process", seat: _Seat) -> None:
        while seat.wake_up.get():
            seat.is_running = True
            take_turn(actor)
            while end_turn(actor):
                take_turn(actor)
            seat.is_running = False  # before the look at the actor: who kills it from now on finds the seat empty
            if actor.is_dead:
                with self._lock:
                    self._lost.discard(seat)
            self._activity.end()
