"""One child in its supervisor's books, and the first step of its life. What follows are messages: Started, then Down.

Invariant: `ref` is the incarnation whose Down has not been seen to yet, so it is never forgotten while it lives.
"""

from typing import TYPE_CHECKING

import msgspec

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.child_spec import BRUTAL_KILL, ChildSpec, Restart
from naive_daemon.otp.exit import KILLED, SHUTDOWN, ActorExit, ExitReason, crash
from naive_daemon.otp.messages import Down, Ignore
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.requests import ChildIgnored, ChildInfo, ChildStarted, ChildState, SupervisorError

if TYPE_CHECKING:
    from naive_daemon.otp.supervisor_process import SupervisorProcess

PARENT_MONITOR = 0
"""Number of the monitor that a supervisor has on each of its children; the numbers of others start at 1."""

IGNORED = ExitReason("ignore")


class Child(msgspec.Struct, eq=False):
    """One child in a supervisor's books.

    `incarnation` is the number of its last one. `restarts` counts those made by the supervisor itself, and that ran.
    `given` is what the child gave to `acknowledge_start`. `ended` is set between the arrival of its Down and the
    supervisor's decision what to do about it.
    """

    spec: ChildSpec
    ref: Ref | None = None
    state: ChildState = ChildState.STOPPED
    incarnation: int = 0
    restarts: int = 0
    given: object = None
    ended: ExitReason | None = None
    retry: "Retry | None" = None

    def info(self) -> ChildInfo:
        """Show it to others; one whose end is not seen to yet is shown as what it is going to be."""
        ref, state, ended = self.ref, self.state, self.ended
        if ended is not None and state is ChildState.RUNNING:
            is_restarted = restarts_after(self.spec, ended)
            ref, state = None, ChildState.RESTARTING if is_restarted else ChildState.STOPPED
        return ChildInfo(self.spec.id, ref, state, self.spec.type.value, self.restarts)

    def start_answer(self, failure: ExitReason | None) -> ChildStarted | ChildIgnored | SupervisorError:
        """Give the answer to who asked for its start; `failure` is None when it runs."""
        if failure is IGNORED:
            return ChildIgnored()
        if failure is not None or self.ref is None:
            return SupervisorError("failed", failure)
        return ChildStarted(self.ref, self.given)

    def become(self, state: ChildState) -> None:
        """Be without a process from now on."""
        self.ref, self.ended, self.retry, self.state = None, None, None, state


class Retry(msgspec.Struct, eq=False):
    """A supervisor's note to itself to start a child again; void unless the child still holds this very note."""

    child: Child


class Orphaned(msgspec.Struct, frozen=True):
    """The child's name is still held by what a dead supervisor has left, and what is ending now: wait for its end.

    To retry at once would only use up the restarts of everybody above.
    """

    holder: Ref


def launch(owner: "SupervisorProcess", child: Child) -> Ref | ExitReason | Orphaned:
    """Make the child's actor and let it begin; its Started or its Down comes to `owner` as a message.

    Gives the ref of what begins, or why nothing does (IGNORED is one such reason), or whom to wait for first.
    """
    spec = child.spec
    try:
        made = spec.start(*owner.extra_arguments, *spec.arguments)
        if not isinstance(made, Actor):
            return _failure_of(made)
        holder = made.attach(owner.system, spec.name, owner.ref)
    except ActorExit as leaving:
        return leaving.reason
    except BaseException as error:  # noqa: BLE001 - a start function that raises is a failed start (OTP rule 5)
        return crash(error)
    ref = made.ref
    if holder is not ref:
        return Orphaned(holder) if holder.is_orphan() else ExitReason("already_started", holder)
    child.become(ChildState.STARTING)
    child.ref, child.incarnation = ref, made.number
    owner.keep(child, ref)
    if owner.is_dead:  # killed while it makes this child, so its end may not have seen it in the books
        made.kill()
        owner.exit(KILLED)
    made.parent_watcher = owner.hear
    if made.is_dead:  # killed by its name meanwhile, perhaps before there was anybody to tell
        owner.hear(Down(PARENT_MONITOR, ref, made.reason or KILLED))
    made.begin(owner.hear)
    return ref


def _failure_of(answer: object) -> ExitReason:
    """Read what a start function gave in place of an actor (OTP rule 5)."""
    if isinstance(answer, Ignore):
        return IGNORED
    if isinstance(answer, ExitReason):
        return IGNORED if answer.kind == "ignore" and answer.detail is None else answer
    kind = f"the class {answer.__name__}" if isinstance(answer, type) else f"a {type(answer).__name__}"
    return crash(f"its start gave {kind}, which is neither an unstarted actor nor IGNORE nor an ExitReason")


def restarts_after(spec: ChildSpec, reason: ExitReason) -> bool:
    """Say whether a child that ended by itself is started again (OTP rules 28-30)."""
    if spec.restart is Restart.TRANSIENT:
        return not reason.is_orderly
    return spec.restart is Restart.PERMANENT


def ends_well(spec: ChildSpec, reason: ExitReason) -> bool:
    """Say whether a child that ended by itself did so as it may; anything else is reported."""
    return reason.is_orderly and spec.restart is not Restart.PERMANENT


def stops_cleanly(spec: ChildSpec, reason: ExitReason) -> bool:
    """Say whether a child that was told to stop did so as it should; anything else is reported (OTP rule 24)."""
    if spec.grace_s == BRUTAL_KILL and reason == KILLED:
        return True
    return reason == SHUTDOWN or ends_well(spec, reason)
