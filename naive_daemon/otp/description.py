"""Any value as a text that is short, free of secrets and always the same: for crash reports, traces and consoles.

It runs no code of the value's class: no `__repr__`, no `__str__`, no property, no iterator of its own. So it can
neither hang nor raise nor change anything, whatever it is given. Invariant: a text is never longer than its limit.
"""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from naive_daemon.otp.atom import CUT, cut, tell_atom
from naive_daemon.otp.attribute import fields, own_attributes
from naive_daemon.otp.secret import HIDDEN, Secret, names_secret

TEXT_LIMIT = 200
"""Characters of one description, unless another limit is asked for."""

DEPTH_MAX = 5
ITEMS_MAX = 32
"""Items of one collection; a set with more is only counted, since which ones come first is never the same."""
VALUES_MAX = 256
"""Values of one description over all its collections."""
ATTRIBUTES_MAX = 64
"""Attributes of an actor's state."""

_PAIR = 2

Teller = Callable[[Any, int], str | None]
"""Describes a value in at most so many characters, or gives None where it has nothing to say."""


def describe(value: object, limit: int = TEXT_LIMIT, tell_first: Teller | None = None) -> str:
    """Give a value as text of at most `limit` characters, secrets hidden; equal values give equal texts.

    Structs, dataclasses and named tuples show their fields, a Ref is `label#number`, what is of an unknown type shows
    only that type. What is left out shows as `…`. `tell_first` is asked before all that, for each value in it.
    """
    return cut(_Description(tell_first=tell_first).text(value, DEPTH_MAX, limit), limit)


def describe_state(actor: object, limit: int = TEXT_LIMIT) -> dict[str, str]:
    """Give an actor's own attributes, without those of the runtime, as texts of at most `limit` characters each.

    Call it where the actor runs, or from outside where a state in the middle of a change will do. At most
    ATTRIBUTES_MAX are shown; the key `…` says how many were left out.
    """
    own = own_attributes(actor)
    state = {name: HIDDEN if names_secret(name) else describe(value, limit) for name, value in own[:ATTRIBUTES_MAX]}
    if len(own) > ATTRIBUTES_MAX:
        state[CUT] = f"{len(own) - ATTRIBUTES_MAX} more"
    return state


class _Description:
    """One description on its way. `depth`: how many collections deep it may still go; `room`: characters left."""

    def __init__(self, values_max: int = VALUES_MAX, tell_first: Teller | None = None) -> None:
        self._values_left = values_max
        self._tell_first = tell_first

    def text(self, value: Any, depth: int, room: int) -> str:
        """Describe by the type alone: an instance may lie about its class."""
        self._values_left -= 1
        if room <= 0 or self._values_left < 0:
            return CUT
        kind = type(value)
        if any("get_secret_value" in base.__dict__ for base in kind.__mro__):
            return HIDDEN
        atom = None if self._tell_first is None else self._tell_first(value, room)
        if atom is None:
            atom = tell_atom(value, room)
        if atom is not None:
            return atom
        try:
            return self._collection(value, kind, depth, room)
        except RuntimeError:  # another thread has changed it at this moment
            return f"<{kind.__name__}: changing>"

    def _collection(self, value: Any, kind: type, depth: int, room: int) -> str:
        named = fields(value)
        if named is not None:
            parts = self._named(named[:ITEMS_MAX], depth, room)
            return _enclosed(f"{kind.__name__}(", ")", len(named), parts, depth)
        if issubclass(kind, BaseException):
            arguments: tuple[Any, ...] = BaseException.args.__get__(value)  # type: ignore[attr-defined] # one of C's slots
            parts = self._items(arguments[:ITEMS_MAX], depth, room)
            return _enclosed(f"{kind.__name__}(", ")", len(arguments), parts, depth)
        if issubclass(kind, dict):
            pairs = tuple(itertools.islice(dict.items(value), ITEMS_MAX))
            return _enclosed("{", "}", dict.__len__(value), self._pairs(pairs, depth, room), depth)
        for known, opening, closing in _SEQUENCES:
            if issubclass(kind, known):
                items = tuple(itertools.islice(known.__iter__(value), ITEMS_MAX))
                return _enclosed(opening, closing, known.__len__(value), self._items(items, depth, room), depth)
        for known in _SETS:
            if issubclass(kind, known):
                items = tuple(itertools.islice(known.__iter__(value), ITEMS_MAX + 1))
                return self._set(items, known.__len__(value), depth, room)
        return f"<{kind.__name__}>"

    def _set(self, items: Sequence[Any], count: int, depth: int, room: int) -> str:
        if not items:
            return "set()"
        if len(items) > min(ITEMS_MAX, self._values_left):
            return f"<set of {count}>"
        # To each the same: what is shown must not depend on the order in which a set gives its items.
        share = self._values_left // len(items)
        self._values_left -= share * len(items)
        texts = sorted(_Description(share, self._tell_first).text(item, depth - 1, room) for item in items if depth > 0)
        return _enclosed("{", "}", len(items), _fitting(texts, room), depth)

    def _items(self, items: Sequence[Any], depth: int, room: int) -> Iterator[str]:
        if len(items) == _PAIR and names_secret(items[0]):  # a header, or an entry of a table
            items = (items[0], Secret())
        for item in items:
            if room <= 0 or self._values_left <= 0:
                return
            text = self.text(item, depth - 1, room)
            room -= len(text) + 2
            yield text

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], depth: int, room: int) -> Iterator[str]:
        for key, value in pairs:
            if room <= 0 or self._values_left <= 0:
                return
            name = self.text(key, depth - 1, room)
            text = f"{name}: {self._value(key, value, depth, room - len(name))}"
            room -= len(text) + 2
            yield text

    def _named(self, named: Iterable[tuple[str, Any]], depth: int, room: int) -> Iterator[str]:
        for name, value in named:
            if room <= 0 or self._values_left <= 0:
                return
            text = f"{name}={self._value(name, value, depth, room - len(name))}"
            room -= len(text) + 2
            yield text

    def _value(self, key: object, value: Any, depth: int, room: int) -> str:
        return HIDDEN if names_secret(key) else self.text(value, depth - 1, room)


def _enclosed(opening: str, closing: str, count: int, parts: Iterable[str], depth: int) -> str:
    if count == 0:
        return opening + closing
    if depth <= 0:
        return opening + CUT + closing
    shown = list(parts)
    if len(shown) < count:
        shown.append(f"{CUT} {count - len(shown)} more")
    return opening + ", ".join(shown) + closing


def _fitting(texts: Iterable[str], room: int) -> Iterator[str]:
    for text in texts:
        if room <= 0:
            return
        room -= len(text) + 2
        yield text


_SEQUENCES: tuple[tuple[Any, str, str], ...] = (
    (list, "[", "]"),
    (tuple, "(", ")"),
    (collections.deque, "[", "]"),
)
_SETS: tuple[Any, ...] = (set, frozenset)
