"""A whole graph from a nested list, in one call."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from naive_daemon.redflow.errors import LinkError
from naive_daemon.redflow.flow import RedFlow

Nested = RedFlow[Any, Any] | Sequence[Any]
"""A level, or a pair of a level and the list of what is below it, each of that kind again."""


def initiate(nested: Nested) -> RedFlow[Any, Any]:
    """Link levels as they are nested, each under its own name; gives the first, whose init_flow is still to be called.

    `initiate((stream, [(decision, [account]), candles]))`. Raises LinkError, with nothing linked.
    """
    flow, _ = _read(nested)
    with ExitStack() as undo:
        _link(nested, undo)
        undo.pop_all()
    return flow


def _link(nested: Nested, undo: ExitStack) -> None:
    flow, below = _read(nested)
    for branch in below:
        child, _ = _read(branch)
        flow.link_child(child.name, child)
        undo.callback(flow.unlink_child, child.name)
        _link(branch, undo)


def _read(nested: Nested) -> tuple[RedFlow[Any, Any], Sequence[Nested]]:
    match nested:
        case RedFlow():
            return nested, ()
        case [RedFlow() as flow]:
            return flow, ()
        case [RedFlow() as flow, [*below]]:
            return flow, below
    raise LinkError(f"a level, or a pair of a level and the list of those below it, was expected: {nested!r}")
