"""What a subclass of `Actor` overrides, and how an actor speaks in the log. None of these is ever called by others."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import structlog

from naive_daemon.otp.crash_report import crash_report, tell_reason
from naive_daemon.otp.description import describe
from naive_daemon.otp.exit import ExitReason
from naive_daemon.otp.messages import Continue, Deferred, Ignore, ResumedBy
from naive_daemon.otp.process import Process
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.uncaught import report_uncaught


class Hooks(Process):
    """The hooks with what they do where nobody overrides them. Subclass `Actor`, not this."""

    may_be_suspended: ClassVar[bool] = True
    """Whether `ActorSystem.suspend` may hold it up. False for one whose silence does harm: it feeds a watchdog, say."""

    _log: Any = None

    def init(self) -> Continue | Ignore | Deferred | None:
        """Get ready; the starter waits for this. Raising is a failed start."""
        return None

    def on_receive(self, message: Any) -> Any:
        """Handle one message; the value returned answers a request. Return DEFERRED to answer later."""
        self._speak(lambda: self.log.warning("unexpected message", message=describe(message)))

    def on_batch(self, messages: list[Any]) -> None:
        """Handle what has gathered, when `batches` is set; only messages that want no answer come so.

        At most 64 at once where others wait for the same thread.
        """
        for message in messages:
            self.on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Let go of what is held: runs on every orderly end and on a crash, also one of init, never on a kill.

        What it raises is logged, and the actor ends with `reason` all the same.
        """

    def on_idle(self) -> None:
        """No message has come for as long as `idle_after` said."""

    def on_congested(self, ref: Ref) -> None:
        """One's messages have filled the mailbox of `ref` over its limit: send it less until `on_relieved`."""

    def on_relieved(self, ref: Ref) -> None:
        """Send to `ref` as before: its mailbox has room again, or has ended."""

    def log_context(self) -> Mapping[str, object]:
        """Say what every log event of this actor carries beside its name; asked at its first event."""
        return {}

    @property
    def log(self) -> Any:
        """A logger bound to this actor, made once: most of what is said is below the level that anybody reads."""
        log = self._log
        if log is None:
            log = self._log = structlog.get_logger("naive_daemon").bind(actor=self.label, **self.log_context())
        return log

    # Reports -------------------------------------------------------------------------------------------------------

    def report_congestion(self, waiting: int, sender: Ref) -> None:
        """Log that its mailbox is over its limit."""
        self._speak(lambda: self.log.warning("mailbox congested", waiting=waiting, sender=sender.label))

    def report_dropped(self, what: str, count: int) -> None:
        """Log that its mailbox has begun to drop old messages; the rest of the episode is only counted."""
        event = f"{what} dropped"
        self._speak(lambda: self.log.warning(event, count=count, waiting=len(self.actor_inbox.messages)))

    def report_stuck(self, for_s: float, thread: str, stack: str, *, is_replaced: bool) -> None:
        """Log that a shared thread does not come back from it."""
        last = [describe(message) for message in self.recent_messages()[-1:]]
        self._speak(
            lambda: self.log.error(
                "actor stuck", for_s=round(for_s, 1), thread=thread, is_replaced=is_replaced, message=last, stack=stack
            )
        )

    def report_stuck_end(self, for_s: float, thread: str, *, is_killed: bool) -> None:
        """Log how that ended: the actor was killed for it, or the thread has come back."""
        if is_killed:
            self._speak(lambda: self.log.error("actor killed: it was stuck", for_s=round(for_s, 1), thread=thread))
        else:
            was_lost = self.is_dead
            self._speak(
                lambda: self.log.warning("stuck thread is back", for_s=round(for_s, 1), thread=thread, lost=was_lost)
            )

    def report_suspension(self, for_s: float) -> None:
        """Log that it handles no messages from now on."""
        self._speak(lambda: self.log.warning("actor suspended", for_s=for_s))

    def report_resumption(self, how: ResumedBy) -> None:
        """Log that it handles messages again, and what has ended the suspension."""
        self._speak(lambda: self.log.warning("actor resumed", how=how))

    def _report_crash(self, reason: ExitReason) -> None:
        error = reason.detail if isinstance(reason.detail, BaseException) else None
        self._speak(lambda: self.log.error("actor crashed", **crash_report(self, reason), exc_info=error), error)

    def _report_deaf_watcher(self, reason: ExitReason) -> None:
        error = reason.detail if isinstance(reason.detail, BaseException) else None
        self._speak(lambda: self.log.error("watcher failed", reason=tell_reason(reason), exc_info=error), error)

    @staticmethod
    def _speak(log: Callable[[], None], error: BaseException | None = None) -> None:
        try:
            log()
        except BaseException as broken:  # noqa: BLE001 - a log that fails must neither save the actor nor end a thread
            if error is not None and broken.__context__ is None:
                broken.__context__ = error
            report_uncaught(broken)
