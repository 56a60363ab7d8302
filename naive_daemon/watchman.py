"""The watchman: started last, so that it says "ready" when the whole tree is up, and stopped first.

It feeds systemd's watchdog only while the root of the tree answers, so a daemon that hangs is started afresh.
It can not be suspended: the service manager would take its silence for a daemon that hangs.
Sends: a request to the root. Crashes when: never.
"""

from typing import Any, ClassVar, Protocol

import msgspec

from naive_daemon.otp import Actor, ExitReason, RequestFailed, WhichChildren

PERIOD_S = 1.0


class ServiceNotifier(Protocol):
    """Tells the service manager how the daemon is; silent where there is none."""

    def ready(self) -> None:
        """Say that the tree is up."""

    def alive(self) -> None:
        """Feed the watchdog."""

    def status(self, text: str) -> None:
        """Say in words what the daemon does."""


class _Look(msgspec.Struct, frozen=True):
    pass


class Watchman(Actor):
    """See the module."""

    may_be_suspended: ClassVar[bool] = False

    def __init__(self, notifier: ServiceNotifier) -> None:
        super().__init__()
        self._notifier = notifier

    def init(self) -> None:
        """Say that everything is up."""
        self._notifier.ready()
        self._notifier.status("trading")
        self.log.info("ready")
        self.send_after(PERIOD_S, _Look())

    def on_receive(self, message: Any) -> None:
        """Ask the root whether it still answers."""
        if isinstance(message, _Look):
            self.request(self.parent, WhichChildren(), self._take_answer)
        else:
            super().on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Say that the end has begun."""
        self._notifier.status("stopping")

    def _take_answer(self, answer: Any) -> None:
        if isinstance(answer, RequestFailed):
            self.log.error("the root does not answer; the watchdog is not fed", reason=str(answer.reason))
        else:
            self._notifier.alive()
        self.send_after(PERIOD_S, _Look())
