"""A live system in figures: how many actors do what, what waits, and sums that only rise.

Actors count for themselves, and their counts go with them; so whoever takes a census keeps what it saw last and adds up
the differences. What an actor did between the last census and its end counts as long as its ref still tells it; one
that began and ended between two was never seen. Taken from any thread, asks no actor, and is bounded.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec

from naive_daemon.otp.child import Child
from naive_daemon.otp.inspection import NodeState, Place, children_of, state_of, stuck_refs
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.system import ActorSystem

PLACES_MAX = 100_000
KINDS_MAX = 100
OTHER = "other"

Who = TypeVar("Who", Ref, Child)


class Census(msgspec.Struct, frozen=True, kw_only=True):
    """One count. `is_whole`: there were no more places than may be counted.

    `actors`: by state, places without a process included. `longest_mailbox`: messages that wait for one actor, at most;
    `congested`: mailboxes over their limit. `handled`, `dropped`: messages so far. `restarts`: made by supervisors so
    far, by the kind of the supervisor: what stands first in its name.
    """

    is_whole: bool
    actors: Mapping[NodeState, int]
    longest_mailbox: int
    congested: int
    handled: int
    dropped: int
    restarts: Mapping[str, int]


class CensusTaker:
    """Counts one system again and again, each time at most `places_max` places, those near the top first."""

    def __init__(self, system: ActorSystem, places_max: int = PLACES_MAX) -> None:
        self._system = system
        self._places_max = places_max
        self._handled = _Tally(_handled_by, Ref.is_alive)
        self._dropped = _Tally(_dropped_by, Ref.is_alive)
        self._restarts: dict[str, _Tally[Child]] = {}

    def take(self) -> Census:
        """Count now; not from two threads at once."""
        count = _Count(stuck_refs(self._system))
        is_whole = self._go_round(count)
        return Census(
            is_whole=is_whole,
            actors=count.states,
            longest_mailbox=count.longest_mailbox,
            congested=count.congested,
            handled=self._handled.add(count.handled),
            dropped=self._dropped.add(count.dropped),
            restarts=self._add_restarts(count.restarts),
        )

    def _go_round(self, count: "_Count") -> bool:
        places = deque(Place(ref) for ref in self._system.roots())
        for _ in range(self._places_max):
            if not places:
                return True
            place = places.popleft()
            children = children_of(place)
            count.add(place, children)
            places.extend(children)
        return not places

    def _add_restarts(self, found: Mapping[str, Mapping[Child, int]]) -> dict[str, int]:
        known: dict[str, dict[Child, int]] = {kind: {} for kind in self._restarts}
        for kind, restarts in found.items():
            has_room = kind in known or len(known) < KINDS_MAX
            known.setdefault(kind if has_room else OTHER, {}).update(restarts)
        tallies = self._restarts
        for kind, restarts in known.items():
            tallies.setdefault(kind, _Tally(_restarts_of, _lives)).add(restarts)
        return {kind: tally.total for kind, tally in tallies.items()}


class _Count:
    """What is found on one round."""

    def __init__(self, stuck: frozenset[Ref]) -> None:
        self.states: Counter[NodeState] = Counter()
        self.longest_mailbox = 0
        self.congested = 0
        self.handled: dict[Ref, int] = {}
        self.dropped: dict[Ref, int] = {}
        self.restarts: dict[str, dict[Child, int]] = {}
        self._stuck = stuck

    def add(self, place: Place, children: list[Place]) -> None:
        """Count one place, and the restarts of those below it."""
        self.states[state_of(place, self._stuck)] += 1
        ref = place.ref
        if ref is None:
            return
        mailbox = ref.actor_inbox
        self.longest_mailbox = max(self.longest_mailbox, len(mailbox.messages))
        self.congested += mailbox.is_congested
        self.handled[ref] = _handled_by(ref)
        if dropped := mailbox.dropped:
            self.dropped[ref] = dropped
        if restarted := {
            below.child: below.child.restarts for below in children if below.child and below.child.restarts
        }:
            self.restarts.setdefault(kind_of(ref), {}).update(restarted)


class _Tally(Generic[Who]):
    """A sum of counts whose owners come and go. One that was not met, but lives, is kept for the next time."""

    def __init__(self, count_of: Callable[[Who], int], lives: Callable[[Who], bool]) -> None:
        self.total = 0
        self._count_of: Callable[[Who], int] = count_of
        self._lives: Callable[[Who], bool] = lives
        self._seen: dict[Who, int] = {}

    def add(self, met: Mapping[Who, int]) -> int:
        """Add what has been counted since the last time, and give the sum."""
        seen = self._seen
        for who in seen.keys() - met.keys():
            if not self._lives(who):
                self.total += max(0, self._count_of(who) - seen.pop(who))
        for who, count in met.items():
            self.total += max(0, count - seen.get(who, 0))
            seen[who] = count
        return self.total


def kind_of(ref: Ref) -> str:
    """Give what stands first in an actor's name: there are few kinds, where there may be any number of names."""
    name: Hashable = ref.name
    first = name[0] if isinstance(name, tuple) and name else name
    return first if isinstance(first, str) else ref.actor_class.__name__


def _handled_by(ref: Ref) -> int:
    return ref._actor.handled


def _dropped_by(ref: Ref) -> int:
    return ref.actor_inbox.dropped


def _restarts_of(child: Child) -> int:
    return child.restarts


def _lives(child: Child) -> bool:
    return child.ref is not None and child.ref.is_alive()
