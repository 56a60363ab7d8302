"""An actor: pykka's, with OTP's life around it.

pykka's own loop hides a failing start, survives a failed ask and lets a BaseException stop every actor there is; so
the loop here is ours, at pykka's seams: `_create_actor_inbox`, `_start_actor_loop`, `_handle_receive`. Each actor is
run by one dispatcher thread at a time, so its state needs no lock. Whatever ends it, monitors and links learn it once.
"""

import itertools
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import structlog

from naive_daemon.otp.call import Call, PendingRequest
from naive_daemon.otp.exit import KILL, NOPROC, NORMAL, TIMEOUT, ActorExit, ExitReason, crash
from naive_daemon.otp.messages import (
    DEFERRED,
    Begin,
    Continue,
    Deferred,
    Down,
    Exited,
    ExitSignal,
    Ignore,
    Reply,
    RequestFailed,
    RequestTimedOut,
    Started,
)
from naive_daemon.otp.process import Process, Starter
from naive_daemon.otp.ref import CURRENT, Ref
from naive_daemon.otp.uncaught import report_uncaught

if TYPE_CHECKING:
    from naive_daemon.otp.timers import Timer

REQUEST_TIMEOUT_S = 5.0

_monitor_numbers = itertools.count(1)
_request_numbers = itertools.count(1)


class Actor(Process):
    """Base of all processes. Override `init`, `on_receive`, `on_terminate`; never call them.

    `runs_on`: "pool" shares threads and must not block; "thread" has its own, for those that block on I/O.
    `traps_exit`: linked exits arrive as `Exited` messages instead of ending the actor.
    """

    batches: ClassVar[bool] = False
    traps_exit: ClassVar[bool] = False

    # What a subclass overrides -------------------------------------------------------------------------------------

    def init(self) -> Continue | Ignore | Deferred | None:
        """Get ready; the starter waits for this. Raising is a failed start."""
        return None

    def on_receive(self, message: Any) -> Any:
        """Handle one message; the value returned answers a request. Return DEFERRED to answer later."""
        self.log.warning("unexpected message", message=repr(message)[:200])

    def on_batch(self, messages: list[Any]) -> None:
        """Handle what has gathered, when `batches` is set; only messages that want no answer come so."""
        for message in messages:
            self.on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Let go of what is held: runs on every orderly end and on a crash, also one of init, never on a kill.

        What it raises is logged, and the actor ends with `reason` all the same.
        """

    def log_context(self) -> Mapping[str, object]:
        """Say what every log event of this actor carries beside its name."""
        return {}

    # What a subclass calls -----------------------------------------------------------------------------------------

    @property
    def log(self) -> Any:
        """A logger bound to this actor."""
        return structlog.get_logger("naive_daemon").bind(actor=self.label, **self.log_context())

    def exit(self, reason: ExitReason = NORMAL) -> NoReturn:
        """End this actor from inside its handler."""
        raise ActorExit(reason)

    def monitor(self, ref: Ref) -> int:
        """Get one `Down` when `ref` ends, at once if it has; gives the number that `Down.monitor` will carry."""
        number = next(_monitor_numbers)
        self._monitored[number] = ref
        ref._actor.watch(number, self.ref.tell)
        if self.is_dead:  # killed meanwhile, so its end may not have seen this monitor
            ref._actor.unwatch(number)
        return number

    def demonitor(self, number: int) -> None:
        """Get no `Down` of this monitor any more, not even one that is queued (OTP rule 64)."""
        ref = self._monitored.pop(number, None)
        if ref is not None:
            ref._actor.unwatch(number)

    def link(self, ref: Ref) -> None:
        """Share the fate of `ref`, both ways; twice is once, oneself is nothing (OTP rule 65)."""
        if ref is self.ref:
            return
        self._links[ref] = None
        if not ref._actor.accept_link(self.ref):
            self._links.pop(ref, None)
            self.actor_inbox.put_signal(ExitSignal(ref, NOPROC))
        elif self.is_dead:  # killed meanwhile, so its end has told nobody of this link
            ref._actor.drop_link(self.ref)

    def unlink(self, ref: Ref) -> None:
        """Share the fate of `ref` no more."""
        self._links.pop(ref, None)
        ref._actor.drop_link(self.ref)

    def send_after(self, delay_s: float, message: Any) -> "Timer":
        """Tell oneself something in `delay_s` seconds."""
        ref = self.ref
        return self.system.timers.after(delay_s, lambda: ref.tell(message))

    def request(
        self, target: Ref | None, message: Any, then: Callable[[Any], None], timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        """Ask without waiting: `then` gets the answer or a RequestFailed, here, as a message of its own.

        A target that is dead or absent fails at once with noproc. After a time-out the server still does the work;
        its late answer is dropped (OTP rules 71, 72).
        """
        number = next(_request_numbers)
        me = self.ref
        if target is None or not target.is_alive():
            self._pending[number] = PendingRequest(then, 0, self.send_after(timeout_s, RequestTimedOut(number)))
            me.tell(Reply(number, RequestFailed(NOPROC)))
            return
        if target is me:
            raise RuntimeError(f"{self.label} asks itself")
        timer = self.send_after(timeout_s, RequestTimedOut(number))
        self._pending[number] = PendingRequest(then, self.monitor(target), timer)
        if self.is_dead:  # killed meanwhile, so its end may not have seen this timer
            timer.cancel()
        target.tell(
            Call(
                message,
                lambda value: me.tell(Reply(number, value)),
                lambda reason: me.tell(Reply(number, RequestFailed(reason))),
            )
        )

    def caller(self) -> Call:
        """Give the request that is being handled, to answer it later; on_receive then returns DEFERRED."""
        if self._call is None:
            raise RuntimeError(f"{self.label} is not handling a request")
        return self._call

    def subscribe(self, topic: Hashable) -> None:
        """Receive what is published on a topic, until the end or `unsubscribe`."""
        self._topics.append(topic)
        self.system.pubsub.subscribe(topic, self.ref)
        if self.is_dead:  # killed meanwhile, so its end has not seen this topic
            self.system.pubsub.unsubscribe(topic, self.ref)

    def unsubscribe(self, topic: Hashable) -> None:
        """Receive a topic no more."""
        if topic in self._topics:
            self._topics.remove(topic)
            self.system.pubsub.unsubscribe(topic, self.ref)

    def acknowledge_start(self, info: object = None) -> None:
        """End a start that init has deferred."""
        starter, self._starter = self._starter, None
        if starter is not None:
            starter(Started(self.ref, self.ref, info))

    # How messages reach a subclass ----------------------------------------------------------------------------------

    def run_batch(self, limit: int) -> None:
        """Handle at most `limit` messages, signals first. The one boundary where an exception becomes a crash."""
        mailbox = self.actor_inbox
        signals, messages = mailbox.signals, mailbox.messages
        CURRENT.actor = self
        try:
            while limit > 0 and not self.is_dead:
                if signals:
                    self._handle_signal(signals.popleft())
                elif not messages:
                    break
                elif self.batches:
                    self._take_batch()
                else:
                    self._handle_receive(messages.popleft())
                limit -= 1
        except ActorExit as ending:
            self._end(ending.reason)
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises ends this actor, and only this one
            self._end(crash(error))
        finally:
            CURRENT.actor = None

    def _handle_receive(self, message: Any) -> None:
        """Handle one message of the ordinary lane; the point that everything passes."""
        self.handled += 1
        match message:
            case Call():
                self._answer(message)
            case Reply() | RequestTimedOut():
                self._take_reply(message)
            case Down():
                self._take_down(message)
            case _:
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
        if value is not DEFERRED:
            call.reply(value)

    def _take_reply(self, message: Reply | RequestTimedOut) -> None:
        pending = self._pending.pop(message.request, None)
        if pending is None:
            return
        pending.timer.cancel()
        self.demonitor(pending.monitor)
        pending.then(message.value if isinstance(message, Reply) else RequestFailed(TIMEOUT))

    def _take_down(self, down: Down) -> None:
        if self._monitored.pop(down.monitor, None) is None:
            return
        for number, pending in self._pending.items():
            if pending.monitor == down.monitor:
                self._take_reply(Reply(number, RequestFailed(down.reason)))
                return
        self.on_receive(down)

    def _take_batch(self) -> None:
        """Hand over the run of plain messages that has gathered, or one of the runtime's own."""
        messages = self.actor_inbox.messages
        plain: list[Any] = []
        while messages and not isinstance(messages[0], Call | Reply | RequestTimedOut | Down):
            plain.append(messages.popleft())
        if plain:
            self.handled += len(plain)
            self.on_batch(plain)
        else:
            self._handle_receive(messages.popleft())

    def _handle_signal(self, signal: Begin | ExitSignal) -> None:
        if isinstance(signal, Begin):
            self._run_start(signal.starter)
        elif signal.source is self.parent:  # both None: the top of a tree, told from outside
            self._on_parent_exit(signal.reason)
        elif self.traps_exit:
            self.on_receive(Exited(signal.source, signal.reason))
        elif signal.reason.kind != "normal":
            self.exit(signal.reason)

    def _on_parent_exit(self, reason: ExitReason) -> None:
        self.exit(reason)

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
                self.exit(NORMAL)
            case _:
                self.acknowledge_start()
        if isinstance(outcome, Continue):
            self._handle_receive(outcome.message)

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

    def _report_crash(self, reason: ExitReason) -> None:
        error = reason.detail if isinstance(reason.detail, BaseException) else None
        try:
            self.log.error("actor crashed", reason=str(reason), exc_info=error)
        except BaseException as broken:  # noqa: BLE001 - a log that fails must neither save the actor nor end a thread
            if error is not None and broken.__context__ is None:
                broken.__context__ = error
            report_uncaught(broken)


def send_exit(ref: Ref, reason: ExitReason, source: Ref | None = None) -> None:
    """Send an exit signal; `kill` cannot be trapped and ends at once (OTP rule 67). A dead sender's is dropped."""
    sender = CURRENT.actor
    if sender is not None and sender.is_dead:
        return
    if reason is KILL or reason.kind == "kill":
        ref._actor.kill()
    else:
        ref.actor_inbox.put_signal(ExitSignal(source, reason))
