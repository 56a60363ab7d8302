"""Scenarios as plain values: a tree of supervisors, what each start of each child does, and what happens to the tree.

A scenario's repr is Python that makes it again, so what a property test has found becomes a named test by copying it.
"""

from typing import Literal

import msgspec

Path = tuple[str, ...]
"""The ids from the top of the tree down to a child."""

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
Does = Literal["ok", "ignore", "raise", "crash", "dies"]
"""What a start does: succeed, choose to be ignored, raise in the start function, crash in the child's init, or succeed
with a child that crashes in the continuation of its init."""

Way = Literal["kill", "crash", "normal", "shutdown", "detail"]
"""How a child ends: killed from outside, or by itself; `detail` is shutdown(detail)."""


class Value(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What equals by its fields, and prints as Python."""


# What supervisors are asked ----------------------------------------------------------------------------------------


class StartChild(Value, frozen=True):
    child: "Node"


class TerminateChild(Value, frozen=True):
    id: str


class RestartChild(Value, frozen=True):
    id: str


class DeleteChild(Value, frozen=True):
    id: str


class WhichChildren(Value, frozen=True):
    pass


class CountChildren(Value, frozen=True):
    pass


class Quit(Value, frozen=True):
    """The top of the tree is told to end, as by a parent of its own."""

    reason: Literal["normal", "shutdown", "odd"] = "shutdown"


Request = StartChild | TerminateChild | RestartChild | DeleteChild | WhichChildren | CountChildren


# The tree ----------------------------------------------------------------------------------------------------------


class Start(Value, frozen=True):
    """One start of a child, and what its supervisor is sent from within the start function."""

    does: Does = "ok"
    asks: tuple[Request | Quit, ...] = ()


class Node(Value, frozen=True):
    """A child spec. `starts` says what its first starts do, whatever incarnation its supervisor is; the rest are ok."""

    id: str
    restart: Restart = "permanent"
    significant: bool = False
    starts: tuple[Start, ...] = ()


class Leaf(Node, frozen=True):
    """A worker. `stubborn_s` is how long it is waited for after it was asked to stop, which it does not heed."""

    brutal_kill: bool = False
    stubborn_s: float | None = None


class Static(Node, frozen=True):
    """A supervisor of a list of children."""

    strategy: Strategy = "one_for_one"
    max_restarts: int = 1
    period_s: float = 5.0
    auto_shutdown: AutoShutdown = "never"
    children: tuple[Node, ...] = ()


class Dynamic(Node, frozen=True):
    """A supervisor of children that are started on request; told apart here by ids, which rule 79 ignores."""

    max_restarts: int = 3
    period_s: float = 5.0
    max_children: int | None = None


# What happens ------------------------------------------------------------------------------------------------------


class Strike(Value, frozen=True):
    """Children of one supervisor end at the same moment, all killed or all by themselves; `at` () is the top's."""

    at: Path
    ids: tuple[str, ...]
    ways: tuple[Way, ...]


class Ask(Value, frozen=True):
    """A supervisor is asked from outside."""

    at: Path
    request: Request


class Disturb(Value, frozen=True):
    """A supervisor gets an exit signal `shutdown` of a stranger, and a message that it does not know."""

    at: Path


class Pass(Value, frozen=True):
    """Time passes."""

    seconds: float


Step = Strike | Ask | Disturb | Pass | Quit


class Scenario(Value, frozen=True):
    """A tree that is started, and what happens to it; after each step everything comes to rest."""

    tree: Static | Dynamic
    steps: tuple[Step, ...] = ()
