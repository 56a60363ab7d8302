"""Seeing a live system from outside: its tree as data, and one actor of it.

The tree is read without asking any actor, so one that is stuck or suspended hides nothing. What is read belongs to
threads that go on changing it: every look takes a copy in a single step, and may find an actor that has just ended.
Everything is bounded, and says how much it has left out.
"""

import difflib
import enum
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from naive_daemon.otp.atom import label_of, tell_atom
from naive_daemon.otp.child import Child
from naive_daemon.otp.child_spec import ChildType
from naive_daemon.otp.departed import Departed
from naive_daemon.otp.process import Process
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.requests import ChildState
from naive_daemon.otp.supervisor_process import SupervisorProcess
from naive_daemon.otp.system import ActorSystem

NODES_MAX = 10_000
CHILDREN_MAX = 1_000
DEPTH_MAX = 32
NEAREST_MAX = 3
_COMPARED_MAX = 5_000
_DIGITS_MAX = 18
_LABEL_CHARACTERS_MAX = 200


class NodeState(enum.StrEnum):
    """What an actor does: the life of its process, seen with its supervisor's books and the pool's threads."""

    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STUCK = "stuck"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEAD = "dead"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One place in the tree. A child that has no process has no number, class, mailbox and children.

    `number`: of this incarnation, in its system. `restarts`: starts after the first, of this child by this
    supervisor. `mailbox`: messages that wait. `handled`: messages of this incarnation. `busy_s`: seconds in handlers.
    `memory_bytes`: an estimate, where one actor alone was asked. `left_out`: children that are not shown.
    """

    name: str
    number: int | None
    actor_class: str | None = msgspec.field(default=None, name="class")
    type: ChildType
    state: NodeState
    restarts: int = 0
    mailbox: int = 0
    handled: int = 0
    busy_s: float = 0.0
    memory_bytes: int | None = None
    children: tuple["Node", ...] = ()
    left_out: int = 0


class Tree(msgspec.Struct, frozen=True):
    """Tops of trees, in order of start, and how many more there are."""

    roots: tuple[Node, ...]
    left_out: int = 0


class Place(msgspec.Struct, frozen=True):
    """A living actor's place, or that of a child without a process: what its supervisor has in its books."""

    ref: Ref | None
    child: Child | None = None

    @property
    def label(self) -> str:
        """The actor's label; without a process, the name it would have, or its id."""
        if self.ref is not None:
            return label_of(self.ref)
        if self.child is None:
            return ""
        spec = self.child.spec
        name = spec.id if spec.name is None else spec.name
        parts = name if type(name) is tuple else (name,)
        return ":".join(part if type(part) is str else _plain(part) for part in parts)


class NotFoundError(LookupError):
    """No actor, or no single one, is called so. `nearest`: names that are alike, or what tells them apart."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


def tree(
    system: ActorSystem,
    top: Place | None = None,
    *,
    depth_max: int = DEPTH_MAX,
    nodes_max: int = NODES_MAX,
    children_max: int = CHILDREN_MAX,
) -> Tree:
    """Read the tree, or that below one place, level by level until a bound is met; asks no actor.

    `depth_max`: levels, at most DEPTH_MAX; `nodes_max`: places in all, of which none is in front of a higher one;
    `children_max`: places below one.
    """
    tops = [Place(ref) for ref in system.roots()] if top is None else [top]
    shown = [_Branch(place) for place in tops[: min(children_max, nodes_max)]]
    nodes_left = nodes_max - len(shown)
    level = deque((branch, 1) for branch in shown)
    while level:
        branch, depth = level.popleft()
        places = children_of(branch.place)
        count = min(len(places), nodes_left, children_max) if depth < min(depth_max, DEPTH_MAX) else 0
        nodes_left -= count
        branch.below = [_Branch(place) for place in places[:count]]
        branch.left_out = len(places) - count
        level.extend((below, depth + 1) for below in branch.below)
    stuck = stuck_refs(system)
    return Tree(tuple(branch.node(stuck) for branch in shown), len(tops) - len(shown))


def walk(system: ActorSystem) -> Iterator[Place]:
    """Go over every place of the tree, parents first."""
    places = deque(Place(ref) for ref in system.roots())
    while places:
        place = places.popleft()
        yield place
        places.extend(children_of(place))


def find(system: ActorSystem, name: str) -> Place:
    """Find a place by its label, or by the number of the incarnation, with `#` or without; raises NotFoundError."""
    found = [place for place in walk(system) if place.label == name]
    digits = name.removeprefix("#")
    if not found and digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX:
        number = int(digits)
        found = [place for place in walk(system) if place.ref is not None and place.ref._actor.number == number]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = [f"#{place.ref._actor.number}" for place in found if place.ref is not None]
        raise NotFoundError(f"{len(found)} actors are called {name}", numbers[:NEAREST_MAX])
    raise NotFoundError(f"no actor is called {name}", _nearest(system, name))


def children_of(place: Place) -> list[Place]:
    """List what a supervisor has in its books, in start order; nothing below any other actor."""
    actor = None if place.ref is None else place.ref._actor
    if isinstance(actor, SupervisorProcess):
        return [Place(child.ref, child) for child in actor.children()]
    return []


def stuck_refs(system: ActorSystem) -> frozenset[Ref]:
    """Collect the actors that a pool's thread does not come back from."""
    return frozenset(stuck.ref for stuck in system.pool_health().stuck)


def node_of(place: Place, stuck: frozenset[Ref] = frozenset()) -> Node:
    """Read one place, without what is below it."""
    ref, child = place.ref, place.child
    restarts = 0 if child is None else child.restarts
    if ref is None:
        kind = ChildType.WORKER if child is None else child.spec.type
        return Node(name=place.label, number=None, type=kind, state=state_of(place), restarts=restarts)
    actor = ref._actor
    return Node(
        name=place.label,
        number=actor.number,
        actor_class=actor.actor_class.__name__,
        type=ChildType.SUPERVISOR if issubclass(actor.actor_class, SupervisorProcess) else ChildType.WORKER,
        state=state_of(place, stuck),
        restarts=restarts,
        mailbox=len(actor.actor_inbox.messages),
        handled=actor.handled,
        busy_s=actor.busy_s,
    )


def state_of(place: Place, stuck: frozenset[Ref] = frozenset()) -> NodeState:
    """Read what the actor in a place does; `stuck` are those of `stuck_refs`."""
    if place.ref is None:
        return NodeState.STOPPED if place.child is None else NodeState(place.child.state.value)
    return _state(place.ref._actor, place.child, is_stuck=place.ref in stuck)


def _state(actor: Process | Departed, child: Child | None, *, is_stuck: bool) -> NodeState:
    if actor.is_dead:
        return NodeState.DEAD
    if is_stuck:
        return NodeState.STUCK
    if actor.phase == "suspended":
        return NodeState.SUSPENDED
    if child is not None and child.state is ChildState.STOPPING:
        return NodeState.STOPPING
    return NodeState(actor.phase)


class _Branch:
    """A place on its way to become a node."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.below: list[_Branch] = []
        self.left_out = 0

    def node(self, stuck: frozenset[Ref]) -> Node:
        """Read the place and all below it, no deeper than DEPTH_MAX."""
        children = tuple(branch.node(stuck) for branch in self.below)
        return msgspec.structs.replace(node_of(self.place, stuck), children=children, left_out=self.left_out)


def _plain(part: object) -> str:
    return tell_atom(part, _LABEL_CHARACTERS_MAX) or f"<{type(part).__name__}>"


def _nearest(system: ActorSystem, name: str) -> list[str]:
    """Find names like this one: those that hold it, then those that are spelt alike."""
    labels: dict[str, None] = {}
    for place in walk(system):
        labels[place.label] = None
        if len(labels) >= _COMPARED_MAX:
            break
    holding = [label for label in labels if name and name.casefold() in label.casefold()]
    alike = difflib.get_close_matches(name[:_LABEL_CHARACTERS_MAX], labels, NEAREST_MAX)
    return list(dict.fromkeys([*holding, *alike]))[:NEAREST_MAX]
