"""One actor in detail: its state between two messages, or what can be seen from outside while it is busy.

Also suspends and resumes one. Everything ends by itself: no look waits longer than it says, no suspension lasts.
"""

import msgspec

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.departed import Departed
from naive_daemon.otp.description import describe, describe_state
from naive_daemon.otp.exit import NOPROC, ActorDiedError
from naive_daemon.otp.inspection import Node, Place, node_of, stuck_refs
from naive_daemon.otp.memory import memory_of
from naive_daemon.otp.process import Process
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.stack import stack_of
from naive_daemon.otp.system import ActorSystem

LOOK_TIMEOUT_S = 2.0
TEXT_LIMIT = 1_000
"""Characters of each attribute and message."""

SUSPEND_DEFAULT_S = 60.0
SUSPEND_MAX_S = 600.0


class ActorView(msgspec.Struct, frozen=True, kw_only=True):
    """An actor's place, state and last messages (oldest first), as texts without secrets.

    `is_busy`: it did not come to rest in time, so the state may be in the middle of a change, and `stack` says where
    its thread is.
    """

    node: Node
    state: dict[str, str]
    last_messages: list[str]
    is_busy: bool = False
    stack: list[str] = []


def view(system: ActorSystem, place: Place, timeout_s: float = LOOK_TIMEOUT_S) -> ActorView:
    """Look at an actor between two of its messages; from outside when that takes longer than `timeout_s`.

    Raises ActorDiedError when it has ended. A suspended actor can be looked at like any other.
    """
    ref = _living(place)

    def look(actor: Actor) -> ActorView:
        node = msgspec.structs.replace(node_of(place), memory_bytes=memory_of(actor))
        return ActorView(node=node, state=describe_state(actor, TEXT_LIMIT), last_messages=_last_messages(actor))

    try:
        return system.inspect(ref, look, timeout_s)
    except TimeoutError:
        actor = ref._actor
        if isinstance(actor, Departed):
            raise ActorDiedError(actor.reason) from None
        return ActorView(
            node=node_of(place, stuck_refs(system)),
            state=describe_state(actor, TEXT_LIMIT),
            last_messages=_last_messages(actor),
            is_busy=True,
            stack=stack_of(actor),
        )


def suspend(
    system: ActorSystem, place: Place, for_s: float = SUSPEND_DEFAULT_S, timeout_s: float = LOOK_TIMEOUT_S
) -> bool:
    """Let an actor handle nothing for `for_s` seconds; False when it is still in a handler after `timeout_s`.

    Then it is suspended as soon as it comes back. Raises ValueError unless 0 < for_s <= SUSPEND_MAX_S, ActorDiedError.
    """
    if not 0 < for_s <= SUSPEND_MAX_S:
        raise ValueError(f"for_s={for_s!r} is not a number of seconds, more than 0 and at most {SUSPEND_MAX_S:g}")
    ref = _living(place)
    system.suspend(ref, for_s)
    return _has_seen(system, ref, timeout_s)


def resume(system: ActorSystem, place: Place, timeout_s: float = LOOK_TIMEOUT_S) -> bool:
    """Let a suspended actor go on; False when it is in a handler. Raises ActorDiedError."""
    ref = _living(place)
    system.resume(ref)
    return _has_seen(system, ref, timeout_s)


def _has_seen(system: ActorSystem, ref: Ref, timeout_s: float) -> bool:
    """Wait until the actor has read the signals that were put before."""
    try:
        system.inspect(ref, lambda _: None, timeout_s)
    except TimeoutError:
        return False
    return True


def _living(place: Place) -> Ref:
    if place.ref is None:
        raise ActorDiedError(NOPROC)
    if place.ref._actor.is_dead:
        raise ActorDiedError(place.ref._actor.reason or NOPROC)
    return place.ref


def _last_messages(actor: Process) -> list[str]:
    return [describe(message, TEXT_LIMIT) for message in actor.recent_messages()]
