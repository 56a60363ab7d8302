"""An actor: what a subclass overrides, and what it may call. Its life is in `process.py`, its turns in `turn.py`."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NoReturn

from naive_daemon.otp.call import Call, PendingRequest
from naive_daemon.otp.exit import KILL, NOPROC, NORMAL, TIMEOUT, ActorExit, ExitReason
from naive_daemon.otp.messages import (
    Down,
    ExitSignal,
    Idle,
    Reply,
    RequestFailed,
    RequestTimedOut,
)
from naive_daemon.otp.ref import CURRENT, Ref
from naive_daemon.otp.turn import Turn

if TYPE_CHECKING:
    from naive_daemon.otp.timers import Timer

REQUEST_TIMEOUT_S = 5.0


class Actor(Turn):
    """Base of all processes. Override `init`, `on_receive`, `on_terminate`; never call them.

    `runs_on`: "pool" shares threads and must not block; "thread" has its own, for those that block on I/O.
    `traps_exit`: linked exits arrive as `Exited` messages instead of ending the actor.
    `mailbox`: how many messages may wait, and what happens then (`mailbox_policy.py`).
    """

    _idle: "Timer | None" = None
    _idle_number = 0

    def exit(self, reason: ExitReason = NORMAL) -> NoReturn:
        """End this actor from inside its handler."""
        raise ActorExit(reason)

    def monitor(self, ref: Ref) -> int:
        """Get one `Down` when `ref` ends, at once if it has; gives the number that `Down.monitor` will carry."""
        number = self.system.next_reference()
        self._monitor(number, ref)
        return number

    def _monitor(self, number: int, ref: Ref) -> None:
        self._monitored[number] = ref
        ref.watch(number, self.ref.tell)
        if self.is_dead:  # killed meanwhile, so its end may not have seen this monitor
            ref._actor.unwatch(number)

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
        """Share the fate of `ref` no more; an exit of it that is on its way is nothing, too."""
        self.drop_link(ref)
        ref._actor.drop_link(self.ref)

    def send_after(self, delay_s: float, message: Any) -> "Timer":
        """Tell oneself something in `delay_s` seconds."""
        ref = self.ref
        return self.system.timers.after(delay_s, lambda: ref.tell(message), ref)

    def idle_after(self, delay_s: float) -> None:
        """Have `on_idle` called, once, if no message comes for `delay_s` seconds; any message cancels it (rule 75)."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle_number += 1
        self._idle = self.send_after(delay_s, Idle(self._idle_number))
        self._notice_care()
        self.end_turn()

    def request(
        self, target: Ref | None, message: Any, then: Callable[[Any], None], timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        """Ask without waiting: `then` gets the answer or a RequestFailed, here, as a message of its own.

        A target that is dead or absent fails at once with noproc. After a time-out the server still does the work;
        its late answer is dropped (OTP rules 71, 72).
        """
        number = self.system.next_reference()
        me = self.ref
        if target is None or not target.is_alive():
            self._pending[number] = PendingRequest(then, self.send_after(timeout_s, RequestTimedOut(number)))
            me.tell(Reply(number, RequestFailed(NOPROC)))
            return
        if target is me:
            raise RuntimeError(f"{self.label} asks itself")
        timer = self.send_after(timeout_s, RequestTimedOut(number))
        self._pending[number] = PendingRequest(then, timer, message)
        self._monitor(number, target)  # the request's own number, so that its Down finds it among thousands
        if self.is_dead:  # killed meanwhile, so its end may not have seen this request
            self._pending.pop(number, None)
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

    def register(self, name: Hashable) -> Ref | None:
        """Take one more name, until the end or `unregister`: None when it is done, else who has it already.

        That is this actor itself when it asks twice (OTP rule 76).
        """
        return self.system.registry.register(name, self.ref)

    def unregister(self, name: Hashable) -> None:
        """Give up a name, if it is one's own (OTP rule 77)."""
        self.system.registry.unregister(name, self.ref)

    def subscribe(self, topic: Hashable) -> None:
        """Receive what is published on a topic, until the end or `unsubscribe`."""
        self.system.pubsub.subscribe(topic, self.ref)

    def unsubscribe(self, topic: Hashable) -> None:
        """Receive a topic no more."""
        self.system.pubsub.unsubscribe(topic, self.ref)

    # The runtime's messages ----------------------------------------------------------------------------------------

    def _take_runtime_message(self, message: Any) -> None:
        match message:
            case Reply() | RequestTimedOut():
                self._take_reply(message)
            case Down():
                self._take_down(message)
            case Idle(number) if self._idle is not None and number == self._idle_number:
                self._idle = None
                self._notice_care()
                self.on_idle()

    def _take_reply(self, message: Reply | RequestTimedOut) -> None:
        pending = self._pending.pop(message.request, None)
        if pending is None:
            return
        pending.timer.cancel()
        self.demonitor(message.request)
        pending.then(message.value if isinstance(message, Reply) else RequestFailed(TIMEOUT))

    def _take_down(self, down: Down) -> None:
        if self._monitored.pop(down.monitor, None) is None:
            return
        if down.monitor in self._pending:
            self._take_reply(Reply(down.monitor, RequestFailed(down.reason)))
        else:
            self.on_receive(down)

    def _die(self, reason: ExitReason) -> None:
        super()._die(reason)
        if self._idle is not None:
            self._idle.cancel()

    def _before_message(self, message: Any) -> None:
        if self._idle is not None and not isinstance(message, Idle):
            self._idle.cancel()
            self._idle = None
            self._notice_care()

    def _notice_care(self) -> None:
        super()._notice_care()
        self._takes_care = self._takes_care or self._idle is not None


def send_exit(ref: Ref, reason: ExitReason, source: Ref | None = None) -> None:
    """Send an exit signal; `kill` cannot be trapped and ends at once (OTP rule 67). A dead sender's is dropped.

    `source` is the actor that sends, unless another is named. An actor without a parent takes what comes from outside
    of all actors for its parent's: it ends with it, also with `normal` (OTP rules 25, 26).
    """
    sender = CURRENT.actor
    if sender is not None:
        if sender.is_dead:
            return
        source = sender.ref if source is None else source
    if reason is KILL or reason.kind == "kill":
        ref._actor.kill()
    else:
        ref.actor_inbox.put_signal(ExitSignal(source, reason))
