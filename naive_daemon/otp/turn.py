"""An actor's turn on a dispatcher's thread: signals first, then messages in order; what it raises is its end.

pykka's own loop hides a failing start, survives a failed ask and lets a BaseException stop every actor there is; so
this one is ours. Each actor is run by one thread at a time, so its state needs no lock.
"""

import abc
from typing import Any, ClassVar

from naive_daemon.otp.call import Call
from naive_daemon.otp.exit import NORMAL, ActorExit, ExitReason, crash
from naive_daemon.otp.messages import (
    RUNTIME_MESSAGES,
    Begin,
    Congested,
    Continue,
    Deferred,
    Exited,
    ExitSignal,
    Ignore,
    Inspect,
    Relieved,
    Resume,
    ResumedBy,
    Started,
    Suspend,
)
from naive_daemon.otp.process import Starter, Tracer
from naive_daemon.otp.ref import CURRENT
from naive_daemon.otp.sender import Sender

BATCH_MAX = 64
"""How many messages `on_batch` gets at once where others wait for the same thread."""

RECENT = 8
"""How many of its last messages an actor keeps, for the report of its crash."""


class Turn(Sender):
    """Runs the hooks of `Actor`. Subclass that, not this."""

    batches: ClassVar[bool] = False
    traps_exit: ClassVar[bool] = False

    _recent: list[Any] | None = None
    _starter: Starter | None = None
    _call: Call | None = None
    _suspension = 0
    _turn_is_over = False
    _takes_care = False  # something beside plain messages is to be seen to: a tracer, a suspension, an idle time-out

    def run_batch(self, limit: int) -> None:
        """Handle at most `limit` messages, signals first. The one boundary where an exception becomes a crash."""
        self._turn_is_over = False
        if self.is_dead:
            return
        now = self.system.now
        began = now()
        CURRENT.actor = self
        try:
            if self._takes_care or self.batches:
                self._run_with_care(limit)
            else:
                self._run_plain(limit)
        except ActorExit as ending:
            self._end(ending.reason)
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises ends this actor, and only this one
            self._end(crash(error))
        finally:
            CURRENT.actor = None
            self.busy_s += now() - began

    def end_turn(self) -> None:
        """Let others run after the message at hand."""
        self._turn_is_over = True

    def trace(self, tracer: Tracer | None) -> None:
        """Show every message to `tracer` from the next turn on, or to nobody; on the actor's own thread."""
        super().trace(tracer)
        self._notice_care()

    def recent_messages(self) -> list[Any]:
        """Give the last messages handled, at most 8, the oldest first, the one at hand or its batch included."""
        recent, handled = self._recent, self.handled
        if recent is None:
            return []
        start = handled % RECENT
        ring = recent[start:] + recent[:start]
        return ring[-handled:] if handled < RECENT else ring

    def _run_plain(self, limit: int) -> None:
        """Handle messages: the path that everything plain takes, so nothing here is done that could be done before."""
        mailbox = self.actor_inbox
        signals, messages, recent = mailbox.signals, mailbox.messages, self._recent
        handled = self.handled
        for _ in range(limit):
            if signals:
                self._handle_signal(mailbox.take_signal())
                handled, recent = self.handled, self._recent  # an exit that is trapped counts as a message
            elif messages:
                message = messages.popleft()
                if recent is None:
                    recent = self._recent = [None] * RECENT
                recent[handled % RECENT] = message
                self.handled = handled = handled + 1
                if type(message) in RUNTIME_MESSAGES:
                    self._handle_receive(message)
                else:
                    self.on_receive(message)
            else:
                return
            if self._turn_is_over:
                return

    def _run_with_care(self, limit: int) -> None:
        """Handle messages where there is more to see to."""
        mailbox = self.actor_inbox
        left = limit
        while left > 0:
            if mailbox.signals:
                self._handle_signal(mailbox.take_signal())
                left -= 1
            elif not mailbox.messages or self.is_suspended:
                return
            else:
                self._before_message(mailbox.messages[0])
                left -= self._take_batch() if self.batches else self._take_message(mailbox.messages.popleft())
            if self._turn_is_over:
                return

    def _take_message(self, message: Any) -> int:
        """Handle one message with all that belongs to it; gives how many that were."""
        self._remember(message)
        if self.tracer is not None:
            self.tracer("receive", message)
        self._handle_receive(message)
        if self.tracer is not None:
            self.tracer("handled", message)
        return 1

    def _take_batch(self) -> int:
        """Hand over the run of plain messages that has gathered, or one of the runtime's own; gives how many.

        Who has a thread of its own gets all that was there when it looked.
        """
        messages = self.actor_inbox.messages
        most = len(messages) if self.runs_on == "thread" else BATCH_MAX
        plain: list[Any] = []
        while messages and len(plain) < most and type(messages[0]) not in RUNTIME_MESSAGES:
            plain.append(messages.popleft())
        if not plain:
            return self._take_message(messages.popleft())
        for message in plain:
            self._remember(message)
            if self.tracer is not None:
                self.tracer("receive", message)
        self.on_batch(plain)
        if self.tracer is not None:
            self.tracer("handled", plain[-1])
        return len(plain)

    def _remember(self, message: Any) -> None:
        if self._recent is None:
            self._recent = [None] * RECENT
        self._recent[self.handled % RECENT] = message
        self.handled += 1

    def _handle_receive(self, message: Any) -> None:
        """Handle one message; pykka's seam, here for what is the runtime's business or takes care."""
        if isinstance(message, Call):
            self._answer(message)
        elif type(message) in RUNTIME_MESSAGES:
            self._take_runtime_message(message)
        else:
            self.on_receive(message)

    def _answer(self, call: Call) -> None:
        self._call = call
        try:
            value = self.on_receive(call.message)
        except ActorExit as ending:
            call.fail(ending.reason)
            raise
        except BaseException as error:
            call.fail(crash(error))
            raise
        finally:
            self._call = None
        if type(value) is not Deferred:
            call.reply(value)

    def _handle_signal(self, signal: Any) -> None:
        match signal:
            case Begin(starter):
                self._run_start(starter)
            case ExitSignal(source, reason, by_link):
                if by_link and source is not self.parent and not self._forget_link(source):
                    return
                self._wake_up("exit")
                self._take_exit(source, reason)
                self._heed_put_off()
            case Inspect(look):
                look(self)  # type: ignore[arg-type] # every process is an Actor
            case Congested() | Relieved():
                self._heed(signal)
            case Suspend(number, for_s):
                self.is_suspended, self._suspension = True, number
                self.report_suspension(for_s)
                self._notice_care()
                self.end_turn()  # what has come in the same turn waits, too
            case Resume(number, how) if number is None or number == self._suspension:
                self._wake_up(how)
                self._notice_care()
                self._heed_put_off()

    def _wake_up(self, how: ResumedBy) -> None:
        """End the suspension, if there is one."""
        if self.is_suspended:
            self.is_suspended = False
            self.report_resumption(how)

    def _forget_link(self, other: Any) -> bool:
        """Say whether `other` was linked still; an exit that was on its way at `unlink` is nothing (OTP rule 65)."""
        was_linked = other in self._links
        self.drop_link(other)
        return was_linked

    def _take_exit(self, source: Any, reason: ExitReason) -> None:
        if source is self.parent:  # both None: the top of a tree, told from outside
            self._on_parent_exit(reason)
        elif self.traps_exit:
            exited = Exited(source, reason)
            self._before_message(exited)
            self._take_message(exited)
        elif reason.kind != "normal":
            raise ActorExit(reason)

    def _on_parent_exit(self, reason: ExitReason) -> None:
        raise ActorExit(reason)

    def _run_start(self, starter: Starter | None) -> None:
        self._starter = starter
        outcome = self.init()
        match outcome:
            case Deferred():
                return
            case Ignore():
                self._starter = None
                if starter is not None:
                    starter(Started(self.ref, None))
                raise ActorExit(NORMAL)
            case _:
                self.acknowledge_start()
        if isinstance(outcome, Continue):
            self._handle_receive(outcome.message)

    def acknowledge_start(self, info: object = None) -> None:
        """End a start that init has deferred."""
        self.has_started = True
        starter, self._starter = self._starter, None
        if starter is not None:
            starter(Started(self.ref, self.ref, info))

    def _notice_care(self) -> None:
        self._takes_care = self.is_suspended or self.tracer is not None

    def _before_message(self, message: Any) -> None:
        """See to what any message ends."""

    def _end(self, reason: ExitReason) -> None:
        if self.is_dead:
            return
        if not reason.is_silent:
            self._report_crash(reason)
        try:
            self.on_terminate(reason)
        except BaseException as error:  # noqa: BLE001 - the actor ends anyway; its clean-up failed, and that is told
            self._report_crash(crash(error))
        self._die(reason)

    def _die(self, reason: ExitReason) -> None:
        super()._die(reason)
        self._recent = None  # a chain of dead actors must not keep each other by what they were told

    @abc.abstractmethod
    def _take_runtime_message(self, message: Any) -> None: ...
