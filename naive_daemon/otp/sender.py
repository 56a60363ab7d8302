"""What an actor knows of the mailboxes that it has filled: each `on_congested` is followed by one `on_relieved`.

The signals for it are put by whichever thread fills or empties a mailbox, so a relief may be read when the sender has
filled the same mailbox again. Invariant: whoever is told that it may send has room, when it is told.
"""

from naive_daemon.otp.hooks import Hooks
from naive_daemon.otp.messages import Congested, Relieved
from naive_daemon.otp.ref import Ref


class Sender(Hooks):
    """Calls the hooks of an actor that sends too much. Subclass `Actor`, not this."""

    _filled: dict[Ref, bool] | None = None  # by mailbox whose relief it awaits: whether `on_congested` has been called
    _put_off: list[Congested | Relieved] | None = None

    def await_room(self, ref: Ref) -> bool:
        """Say whether the mailbox of `ref` has room; else `on_relieved` will come, as if one had filled it oneself."""
        if not ref.is_congested:
            return True
        self._awaited().setdefault(ref, False)
        ref.actor_inbox.relieve_later(self.ref, ref)
        return False

    def _heed(self, signal: Congested | Relieved) -> None:
        """Call the hook, unless it would tell nothing new; while the actor is suspended, that waits for its end."""
        if self.is_suspended:
            if self._put_off is None:
                self._put_off = []
            self._put_off.append(signal)
            return
        ref, filled = signal.ref, self._awaited()
        if isinstance(signal, Congested):
            if not filled.get(ref):
                filled[ref] = True
                self.on_congested(ref)
        elif ref in filled and not ref.actor_inbox.has_waiting(self.ref):  # else it is full again: another relief comes
            del filled[ref]
            self.on_relieved(ref)

    def _heed_put_off(self) -> None:
        """Take up what came while the actor was suspended."""
        signals, self._put_off = self._put_off, None
        for signal in signals or ():
            self._heed(signal)

    def _awaited(self) -> dict[Ref, bool]:
        if self._filled is None:
            self._filled = {}
        return self._filled
