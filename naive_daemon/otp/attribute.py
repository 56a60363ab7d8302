"""What an object holds, read without running any code of its class: no property, no `__getattr__`."""

import dataclasses
import functools
import inspect
import types
from typing import Any

import msgspec

from naive_daemon.otp.call import Call

_ABSENT = object()
_RUNTIME_MODULES = frozenset(f"{__package__}.{module}" for module in ("actor", "process"))


def fields(value: Any) -> list[tuple[str, Any]] | None:
    """Give the fields of a struct, dataclass or named tuple, those never set left out; None for anything else."""
    kind = type(value)
    if issubclass(kind, msgspec.Struct):
        names = list(kind.__struct_fields__)
    elif issubclass(kind, tuple) and isinstance(named := getattr(kind, "_fields", None), tuple):
        return list(zip(named, tuple.__iter__(value), strict=False))
    elif dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    elif kind is Call:
        names = ["message"]  # where the answer goes is the runtime's business
    else:
        return None
    return [(name, found) for name in names if (found := _field(value, name)) is not _ABSENT]


def attributes(value: Any) -> list[tuple[str, Any]]:
    """List what an instance holds, in its dictionary and in the slots of its classes."""
    found = list(dictionary(value).copy().items())  # in one step: its owner may be changing it
    for kind in reversed(type(value).__mro__):
        for name, slot in tuple(kind.__dict__.items()):
            if isinstance(slot, types.MemberDescriptorType) and (held := _field(value, name)) is not _ABSENT:
                found.append((name, held))
    return found


def own_attributes(actor: object) -> list[tuple[str, Any]]:
    """List an actor's attributes without those that the runtime keeps in every actor."""
    # Whatever stands above the class's own in the order of look-up; found by its module, for it imports this one.
    runtime = next((kind for kind in type(actor).__mro__ if kind.__module__ in _RUNTIME_MODULES), object)
    names = _runtime_names(runtime)
    return [(name, value) for name, value in attributes(actor) if name not in names]


def dictionary(value: Any) -> dict[str, Any]:
    """Give the instance's own dictionary, not a copy; an empty one where it has none."""
    try:
        state = object.__getattribute__(value, "__dict__")
    except AttributeError:  # its class has slots only
        return {}
    return state if type(state) is dict else {}


def _field(value: Any, name: str) -> Any:
    """Read a field from where it lies: the instance's dictionary or a slot; a property would be code."""
    state = dictionary(value)
    if name in state:
        return state[name]
    for kind in type(value).__mro__:
        slot = kind.__dict__.get(name)
        if isinstance(slot, types.MemberDescriptorType):
            try:
                return slot.__get__(value)
            except AttributeError:  # never set
                return _ABSENT
    return _ABSENT


@functools.lru_cache(maxsize=8)
def _runtime_names(runtime: type) -> frozenset[str]:
    """Collect what the runtime keeps: what a bare actor holds, and what its classes declare."""
    names = {name for name, _ in attributes(runtime())}
    for kind in runtime.__mro__:
        names.update(kind.__dict__, inspect.get_annotations(kind))
    return frozenset(names)
