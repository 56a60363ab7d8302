"""Who may be suspended, and for how long: what rests where it must not does harm that nobody would see."""

import math

from naive_daemon.otp.children import living_children
from naive_daemon.otp.hooks import Hooks
from naive_daemon.otp.ref import Ref


class SuspensionRefusedError(ValueError):
    """The actor must not rest: its class says so, or it is the top of a tree.

    While the top rests, nobody below it is restarted, and nobody above would know.
    """


def check_suspension(ref: Ref, for_s: float, *, is_top: bool) -> None:
    """Refuse a suspension that would do harm; raises SuspensionRefusedError, ValueError for what is no time to wait."""
    if not 0 <= for_s < math.inf:
        raise ValueError(f"for_s={for_s!r} is not a finite number of seconds >= 0")
    actor = ref._actor
    if not isinstance(actor, Hooks):
        return  # it has ended
    if not actor.may_be_suspended:
        raise SuspensionRefusedError(f"{ref.label} must not rest: what it does can not wait, as its class says")
    if is_top and living_children(actor):
        raise SuspensionRefusedError(
            f"{ref.label} is the top of its tree: while it rests nobody restarts what is below, and nobody above "
            "would notice; suspend one that has a parent"
        )
