"""Who has the work: how many messages each actor has handled between two looks, and how long that took it."""

import heapq
from collections.abc import Callable
from typing import Literal

import msgspec

from naive_daemon.otp.inspection import NodeState, Place, node_of, stuck_refs, walk
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.system import ActorSystem

Order = Literal["rate", "mailbox", "busy"]

BUSIEST_MAX = 200


class ActorLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One actor's work between two looks.

    `rate_per_s`: messages handled. `busy_ratio`: share of the time spent in its handlers, in turns that have ended.
    `mailbox`: messages that wait now. `handled`: of this incarnation, in all.
    """

    name: str
    number: int
    actor_class: str = msgspec.field(name="class")
    state: NodeState
    mailbox: int
    handled: int
    rate_per_s: float
    busy_ratio: float


class SystemLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A system's work over `over_s` seconds, and its busiest actors.

    `threads`, `stuck`, `replaced`, `lost`: see `PoolHealth`.
    """

    over_s: float
    actors: int
    threads: int
    stuck: int
    replaced: int
    lost: int = 0
    messages_per_s: float
    busiest: tuple[ActorLoad, ...]


class SystemHealth(msgspec.Struct, frozen=True):
    """How many actors live, and how the threads are: see `PoolHealth`."""

    actors: int
    threads: int
    stuck: int
    replaced: int
    lost: int = 0


class _Counters(msgspec.Struct, frozen=True):
    place: Place
    handled: int
    busy_s: float
    mailbox: int


class LoadMeter:
    """Looks once when it is made, and again at each `read`."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._at_s, self._counters = self._look()

    def read(self, order: Order = "rate", count: int = 20) -> SystemLoad:
        """Give what was done since the last look, with the `count` actors that come first in `order`."""
        before_s, before = self._at_s, self._counters
        self._at_s, self._counters = self._look()
        over_s = max(self._at_s - before_s, 1e-9)
        done = [_difference(counters, before.get(ref)) for ref, counters in self._counters.items()]
        stuck = stuck_refs(self._system)
        key = _KEYS[order]
        first = heapq.nsmallest(min(count, BUSIEST_MAX), done, key=lambda one: (-key(one), -one.mailbox))
        health = self._system.pool_health()
        return SystemLoad(
            over_s=over_s,
            actors=len(done),
            threads=health.threads,
            stuck=len(health.stuck),
            replaced=health.replaced,
            lost=health.lost,
            messages_per_s=sum(one.handled for one in done) / over_s,
            busiest=tuple(_load(one, over_s, stuck) for one in first),
        )

    def _look(self) -> tuple[float, dict[Ref, _Counters]]:
        counters = {}
        for place in walk(self._system):
            if place.ref is not None:
                actor = place.ref._actor
                waiting = len(actor.actor_inbox.messages)
                counters[place.ref] = _Counters(place, actor.handled, actor.busy_s, waiting)
        return self._system.clock.monotonic_s(), counters


def health(system: ActorSystem) -> SystemHealth:
    """Count the living actors, and say how the threads are."""
    actors = sum(place.ref is not None and place.ref.is_alive() for place in walk(system))
    pool = system.pool_health()
    return SystemHealth(actors, pool.threads, len(pool.stuck), pool.replaced, pool.lost)


def _difference(now: _Counters, before: _Counters | None) -> _Counters:
    if before is None:
        return now
    return _Counters(now.place, now.handled - before.handled, now.busy_s - before.busy_s, now.mailbox)


def _load(done: _Counters, over_s: float, stuck: frozenset[Ref]) -> ActorLoad:
    node = node_of(done.place, stuck)
    return ActorLoad(
        name=node.name,
        number=node.number or 0,
        actor_class=node.actor_class or "",
        state=node.state,
        mailbox=done.mailbox,
        handled=node.handled,
        rate_per_s=done.handled / over_s,
        busy_ratio=min(1.0, done.busy_s / over_s),
    )


_KEYS: dict[Order, Callable[[_Counters], float]] = {
    "rate": lambda one: one.handled,
    "mailbox": lambda one: one.mailbox,
    "busy": lambda one: one.busy_s,
}
