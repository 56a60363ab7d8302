"""Who waits for whom: what stands still for ever when nothing is runnable and no timer is pending.

Actors tell and never block, so what waits is a request without an answer, a supervisor for a child, or the caller
outside. Each of them says so by a `Wait`; what they say together is the report, cycles first.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from naive_daemon.otp.atom import label_of
from naive_daemon.otp.ref import Ref

SHOWN_MAX = 50
"""Waits of each kind in a report; how many more there are is said."""


class Wait(msgspec.Struct, frozen=True):
    """`who` goes on when `whom` has done something: "to answer Ask", "to start". None is the caller outside."""

    who: Ref | None
    whom: Ref
    what: str

    def __str__(self) -> str:
        who = "the caller" if self.who is None else _name(self.who)
        return f"{who} waits for {_name(self.whom)} {self.what}"


class DeadlockError(TimeoutError):
    """Nothing is runnable, no timer is pending, and somebody waits: no time that passes would help.

    `waits` is all that is waited for, `cycles` those of them that wait in a circle; `lead` begins the text.
    """

    def __init__(self, waits: Iterable[Wait], lead: str = "") -> None:
        self.waits = tuple(waits)
        self.cycles = find_cycles(self.waits)
        super().__init__(f"{lead}deadlock: nothing is runnable, no timer is pending\n{tell_waits(self.waits)}")


class LivelockError(TimeoutError):
    """Virtual time stands, and after so many steps that it looks endless there is still something to do.

    `busy` are those that had something to read then.
    """

    def __init__(self, steps: int, busy: Sequence[Ref]) -> None:
        self.busy = tuple(busy)
        who = ", ".join(_bounded([_name(ref) for ref in busy], "actors")) or "nobody: timers of no delay"
        super().__init__(f"livelock: no rest after {steps} steps at one moment; who has something to read: {who}")


def tell_waits(waits: Sequence[Wait]) -> str:
    """Give a line for each cycle, then one for each wait that is in none."""
    cycles = find_cycles(waits)
    circling = {id(wait) for cycle in cycles for wait in cycle}
    lines = [f"in a circle: {', '.join(map(str, cycle))}" for cycle in cycles]
    others = [str(wait) for wait in waits if id(wait) not in circling]
    return "\n".join([*_bounded(lines, "circles"), *_bounded(others, "waits")])


def find_cycles(waits: Iterable[Wait]) -> tuple[tuple[Wait, ...], ...]:
    """Find waits that lead back to where they began; every group that waits in a circle shows in at least one."""
    leaving: dict[Ref, list[Wait]] = {}
    for wait in waits:
        if wait.who is not None:
            leaving.setdefault(wait.who, []).append(wait)
    seen: set[Ref] = set()
    return tuple(cycle for start in leaving for cycle in _cycles_from(start, leaving, seen))


def _cycles_from(start: Ref, leaving: dict[Ref, list[Wait]], seen: set[Ref]) -> Iterator[tuple[Wait, ...]]:
    """Walk on, depth first and without recursion: a chain may be longer than Python's stack."""
    if start in seen:
        return
    seen.add(start)
    path: list[Wait] = []
    place = {start: 0}
    branches = [iter(leaving[start])]
    while branches:
        wait = next(branches[-1], None)
        if wait is None:
            branches.pop()
            del place[path.pop().whom if path else start]
        elif wait.whom in place:
            yield (*path[place[wait.whom] :], wait)
        elif wait.whom not in seen and wait.whom in leaving:
            seen.add(wait.whom)
            path.append(wait)
            place[wait.whom] = len(path)
            branches.append(iter(leaving[wait.whom]))


def _bounded(lines: list[str], what: str) -> list[str]:
    more = len(lines) - SHOWN_MAX
    return lines if more <= 0 else [*lines[:SHOWN_MAX], f"and {more} more {what}"]


def _name(ref: Ref) -> str:
    return f"{label_of(ref)}#{ref.number}" + ("" if ref.is_alive() else " (dead)")
