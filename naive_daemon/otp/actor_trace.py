"""What one actor receives and sends, as it happens. One trace an actor; each ends by count, by time, or with its actor.

The messages are described where the actor runs, and kept in a queue that never holds more than the trace's own count.
"""

import queue
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.atom import label_of
from naive_daemon.otp.description import describe
from naive_daemon.otp.messages import Inspect
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.system import ActorSystem

if TYPE_CHECKING:
    from naive_daemon.otp.timers import Timer

COUNT_DEFAULT = 100
COUNT_MAX = 10_000
TIME_DEFAULT_S = 10.0
TIME_MAX_S = 600.0

Ending = Literal["count", "time", "actor ended", "stopped"]


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `direction`: receive, handled (the same message, once its handler is done) or send.

    `at_ns`: UTC by the system's clock. `peer`: whom it was sent to, `label#number`. `handler_s`: seconds the handler
    took, of what is handled.
    """

    at_ns: int
    direction: str
    message: str
    peer: str | None = None
    handler_s: float | None = None


class AlreadyTracedError(RuntimeError):
    """Somebody else traces this actor; his trace ends by itself."""


class ActorTrace:
    """A trace of `count` messages or `time_s` seconds, whichever comes first; use as a context, read with `next`.

    Raises ValueError for a count or a time beyond its bounds.
    """

    def __init__(
        self, system: ActorSystem, ref: Ref, count: int = COUNT_DEFAULT, time_s: float = TIME_DEFAULT_S
    ) -> None:
        if not 0 < count <= COUNT_MAX:
            raise ValueError(f"count={count!r} is not a whole number from 1 to {COUNT_MAX}")
        if not 0 < time_s <= TIME_MAX_S:
            raise ValueError(f"time_s={time_s!r} is not a number of seconds, more than 0 and at most {TIME_MAX_S:g}")
        self._system = system
        self._ref = ref
        self._count_left = count
        self._time_s = time_s
        self._events: queue.SimpleQueue[TraceEvent | None] = queue.SimpleQueue()
        self._began_s = 0.0
        self._ending: Ending | None = None
        self._timer: Timer | None = None
        self._lock = threading.Lock()

    @property
    def ending(self) -> Ending | None:
        """Why it has ended; None while it goes on."""
        if self._ending is None and not self._ref.is_alive():
            self._finish("actor ended")
        return self._ending

    def start(self, timeout_s: float) -> Self:
        """Begin where the actor runs; raises TimeoutError when it is busy, ActorDiedError, AlreadyTracedError."""

        def begin(actor: Actor) -> None:
            if actor.tracer is not None:
                raise AlreadyTracedError(f"{label_of(actor.ref)} is traced already")
            if self._ending is None:
                actor.trace(self._take)

        try:
            self._system.inspect(self._ref, begin, timeout_s)
        except TimeoutError:
            self._finish("stopped")  # the look may still come
            raise
        self._timer = self._system.timers.after(self._time_s, lambda: self._finish("time"))
        return self

    def next(self, timeout_s: float) -> TraceEvent | None:
        """Wait for the next event; None when none has come in time, or when it has ended and all was read."""
        try:
            return self._events.get(timeout=timeout_s) if self.ending is None else self._events.get_nowait()
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Trace no more; what was traced can still be read."""
        self._finish("stopped")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take(self, direction: str, content: Any) -> None:
        """Keep one event; called where the actor runs, so it must not raise."""
        if self._ending is not None:
            return
        system = self._system
        at_ns, handler_s, peer = system.clock.now_ns(), None, None
        if direction == "handled":
            handler_s = system.clock.monotonic_s() - self._began_s
        elif direction == "send":
            to, content = content
            peer = describe(to)
        self._events.put(
            TraceEvent(at_ns=at_ns, direction=direction, message=describe(content), peer=peer, handler_s=handler_s)
        )
        if direction != "handled":
            self._count_left -= 1
        if direction == "receive":  # the last one, too, is followed by what comes of it
            self._began_s = system.clock.monotonic_s()
        elif self._count_left <= 0:
            self._finish("count")

    def _finish(self, ending: Ending) -> None:
        with self._lock:
            if self._ending is not None:
                return
            self._ending = ending
        if self._timer is not None:
            self._timer.cancel()
        self._events.put(None)  # wakes who waits
        self._ref.actor_inbox.put_signal(Inspect(self._let_go))

    def _let_go(self, actor: Actor) -> None:
        if actor.tracer == self._take:
            actor.trace(None)
