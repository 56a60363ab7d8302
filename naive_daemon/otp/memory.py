"""How much memory one actor holds, by a walk over what it refers to: an estimate, bounded in time."""

import types
from collections import deque
from typing import Any

from naive_daemon.otp.attribute import attributes, fields
from naive_daemon.otp.process import Process
from naive_daemon.otp.ref import Ref

OBJECTS_MAX = 5_000
"""Objects that are looked at; what an actor holds beyond that is not counted."""

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, Ref)
_CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)


def memory_of(actor: Process) -> int:
    """Estimate the bytes an actor holds: its own, its mailbox's, its state's. Call it where the actor runs.

    Classes, functions, other actors and what the system shares are not counted; nor are objects that lie in structures
    of other libraries.
    """
    seen = {id(actor), id(getattr(actor, "system", None))}
    todo: deque[Any] = deque([actor.actor_inbox, *(value for _, value in attributes(actor))])
    total = _size(actor)
    while todo and len(seen) < OBJECTS_MAX:
        value = todo.popleft()
        if id(value) in seen or issubclass(type(value), (*_SHARED, Process)):
            continue
        seen.add(id(value))
        total += _size(value)
        todo.extend(_parts(value)[:OBJECTS_MAX])
    return total


def _parts(value: Any) -> list[Any]:
    kind = type(value)
    if issubclass(kind, dict):
        return [part for pair in dict.copy(value).items() for part in pair]
    for known in _CONTAINERS:
        if issubclass(kind, known):
            return list(known.__iter__(value))
    named = fields(value)
    return [part for _, part in (attributes(value) if named is None else named)]


def _size(value: Any) -> int:
    # A class of somebody's own may say anything of its size, by any code; then only the bare object counts.
    sizeof: Any = type(value).__sizeof__
    return object.__sizeof__(value) if isinstance(sizeof, types.FunctionType) else int(sizeof(value))
