"""A process that does one thing and ends. Temporary by default, and its start answers at once (OTP rule 85).

Invariant: it lives until its work has returned and all that it has requested is answered, no longer.
"""

from collections.abc import Callable, Hashable
from typing import Any

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.child_spec import ChildSpec, Restart
from naive_daemon.otp.messages import Continue, Reply, RequestTimedOut


class Task(Actor):
    """Runs `work` with itself, so that it can tell and request, and ends normally once its requests are answered.

    What a request's continuation requests is waited for, too; an answer that fails or is too late comes as a
    RequestFailed like any other. Timers and monitors do not keep it alive.
    Receives: answers. Anything else that comes while it waits for them is logged and ignored.
    Crashes when: its work or a continuation raises.
    """

    def __init__(self, work: Callable[["Task"], None]) -> None:
        super().__init__()
        self._work: Callable[[Task], None] | None = work

    def init(self) -> Continue:
        """Release the starter before the work begins."""
        return Continue(self._work)

    def on_receive(self, message: Any) -> None:
        """Do the work, which comes before any message."""
        work, self._work = self._work, None
        if work is None:
            super().on_receive(message)
            return
        work(self)
        self._end_when_answered()

    def _take_reply(self, message: Reply | RequestTimedOut) -> None:
        super()._take_reply(message)
        self._end_when_answered()

    def _end_when_answered(self) -> None:
        if not self._pending:
            self.exit()


def task_spec(child_id: Hashable, work: Callable[[Task], None], restart: Restart = Restart.TEMPORARY) -> ChildSpec:
    """Give the child spec of a task."""
    return ChildSpec(id=child_id, start=lambda: Task(work), restart=restart)
