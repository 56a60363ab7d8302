"""The way in from outside: how a thread that is no actor's waits for one, and who may not."""

import itertools
import queue
import threading
from typing import TYPE_CHECKING, Any, Self

from naive_daemon.otp.duty import PRESENT, Duty
from naive_daemon.otp.ref import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from naive_daemon.otp.messages import Down
    from naive_daemon.otp.ref import Ref

next_watch = itertools.count(-1, -1).__next__
"""Gives the number of one more watch from outside: below those of monitors, which count up from 1."""


class Awaited:
    """What one waits for `whom` to do: a value or an error, whichever comes first; also that it ends.

    Use it in a `with`, which watches `whom` for that time. May be answered from any thread, any number of times.
    """

    def __init__(self, whom: "Ref", what: str, on_down: "Callable[[Awaited, Down], None]") -> None:
        self.whom = whom
        self.what = what
        self._on_down = on_down
        self._number = next_watch()
        # Without a lock of its own: it may be answered by what the collector runs in the midst of the wait.
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self.whom.watch(self._number, lambda down: self._on_down(self, down))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.whom._actor.unwatch(self._number)

    @property
    def is_answered(self) -> bool:
        """Say whether `wait` would not have to."""
        return not self._answers.empty()

    def answer(self, value: Any) -> None:
        """Give what is waited for."""
        self._answers.put((value, None))

    def fail(self, error: BaseException) -> None:
        """Have the wait end with an error."""
        self._answers.put((None, error))

    def wait(self, timeout_s: float) -> Any:
        """Give the first answer, or raise the first error; raises TimeoutError."""
        try:
            value, error = self._answers.get(timeout=min(max(0.0, timeout_s), threading.TIMEOUT_MAX))
        except queue.Empty:
            raise TimeoutError(f"waited {timeout_s} s in vain for {self.whom.label} {self.what}") from None
        if error is not None:
            raise error
        return value


def check_timeout(timeout_s: object) -> None:
    """Refuse what is no time to wait; raises ValueError. For ever, `math.inf`, is one."""
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s >= 0:
        raise ValueError(f"timeout_s={timeout_s!r} is not a number of seconds >= 0")


def refuse_inside(what: str) -> None:
    """Refuse what waits wherever actors run; raises RuntimeError."""
    actor = CURRENT.actor
    if actor is not None:
        raise RuntimeError(f"{what} waits, so it is refused inside the actor {actor.label}; tell or request")
    if PRESENT.duty is not None:
        raise RuntimeError(f"{what} waits, so it is refused in a thread that serves {PRESENT.duty}")


def refuse_on_shared_thread(what: str) -> None:
    """Refuse what waits where others would wait, too: an actor with a thread of its own may; raises RuntimeError."""
    actor = CURRENT.actor
    if PRESENT.duty not in (None, Duty.ACTOR) or (actor is not None and actor.runs_on == "pool"):
        refuse_inside(what)
