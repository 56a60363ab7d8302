"""A process that does one thing and ends. Temporary by default, and its start answers at once (OTP rule 85)."""

from collections.abc import Callable, Hashable
from typing import Any

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.child_spec import ChildSpec, Restart
from naive_daemon.otp.messages import Continue


class Task(Actor):
    """Runs `work` with itself, so that it can tell and request, then ends normally."""

    def __init__(self, work: Callable[["Task"], None]) -> None:
        super().__init__()
        self._work = work

    def init(self) -> Continue:
        """Release the starter before the work begins."""
        return Continue(self._work)

    def on_receive(self, message: Any) -> None:
        """Do the work."""
        message(self)
        self.exit()


def task_spec(child_id: Hashable, work: Callable[[Task], None], restart: Restart = Restart.TEMPORARY) -> ChildSpec:
    """Give the child spec of a task."""
    return ChildSpec(id=child_id, start=lambda: Task(work), restart=restart)
