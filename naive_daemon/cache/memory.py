"""A cache database in memory: for tests, for a backtest, and as the model that the one in Redis is held against."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from naive_daemon.cache.database import CacheClosedError, CacheHealth
from naive_daemon.cache.encoding import Encoding, EncodingName
from naive_daemon.cache.objects import CacheObjects
from naive_daemon.cache.store import (
    Append,
    Begin,
    Change,
    Gather,
    Index,
    Put,
    PutField,
    PutTable,
    Remove,
    Replace,
    Trim,
)

Held = bytes | list[bytes] | dict[str, bytes] | set[str]
Shape = TypeVar("Shape", list[bytes], dict[str, bytes], set[str])


class MemoryStore:
    """Implements Store; what is empty is not there, as in Redis."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._lock = threading.RLock()
        self._is_closed = False

    def write(self, change: Change, *, durable: bool = False) -> None:
        """Make a change; it is as durable as it can be."""
        with self._lock:
            self._refuse_closed()
            self._make(change)

    def names(self, kind: str) -> list[str]:
        """Name the objects of a kind, sorted."""
        prefix = f"{kind}:"
        return [key.removeprefix(prefix) for key in self.all_keys() if key.startswith(prefix)]

    def all_keys(self) -> list[str]:
        """Name all keys, sorted."""
        with self._lock:
            self._refuse_closed()
            return sorted(self._held)

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """Give the value of each key."""
        with self._lock:
            self._refuse_closed()
            found = [self._held.get(key) for key in keys]
        return [value if isinstance(value, bytes) else None for value in found]

    def lists(self, keys: Sequence[str]) -> list[list[bytes]]:
        """Give the list of each key."""
        with self._lock:
            self._refuse_closed()
            return [list(self._get(key, list)) for key in keys]

    def tables(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        """Give the table of each key."""
        with self._lock:
            self._refuse_closed()
            return [dict(self._get(key, dict)) for key in keys]

    def members(self, key: str) -> frozenset[str]:
        """Give what is in a set."""
        with self._lock:
            self._refuse_closed()
            return frozenset(self._get(key, set))

    def flush(self, keep: Sequence[str]) -> None:
        """Forget everything but the objects of these kinds."""
        with self._lock:
            self._refuse_closed()
            kept = tuple(f"{kind}:" for kind in keep)
            self._held = {key: value for key, value in self._held.items() if key.startswith(kept)}

    def health(self) -> CacheHealth:
        """Nothing is ever wrong with it."""
        return CacheHealth()

    def notify(self, done: Callable[[], None]) -> None:
        """Everything is done already."""
        done()

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise CacheClosedError("the cache database is closed")

    def _make(self, change: Change) -> None:
        held = self._held
        match change:
            case Begin() | Append() | Gather() | Trim():
                self._make_list(change)
            case Put(key, value):
                held[key] = value
            case Replace(key, previous, value):
                if key in held:
                    held[previous] = held[key]
                held[key] = value
            case PutTable(key, fields):
                self._keep(key, dict(fields))
            case PutField(owner, key, field, value):
                if owner in held:
                    self._set_fields(field, [(key, value)])
            case Remove():
                self._remove(change)

    def _make_list(self, change: Begin | Append | Gather | Trim) -> None:
        held = self._held
        match change:
            case Begin(key, entry, index, fields):
                held[key] = [entry]
                self._move(index)
                if index is not None:
                    self._set_fields(index.name, fields)
            case Append(key, entry, index):
                if key in held:
                    self._get(key, list).append(entry)
                    self._move(index)
            case Gather(key, entry):
                entries = self._get(key, list)
                entries.append(entry)
                held[key] = entries
            case Trim(key, count):
                entries = self._get(key, list)
                if len(entries) > count:
                    held[key] = entries[count:]

    def _remove(self, change: Remove) -> None:
        for key in change.keys:
            self._held.pop(key, None)
        self._take_out(change.name, change.sets)
        self._set_fields(change.name, [(key, None) for key in change.tables])

    def _set_fields(self, name: str, fields: Sequence[tuple[str, bytes | None]]) -> None:
        for key, value in fields:
            table = self._get(key, dict)
            table.pop(name, None)
            if value is not None:
                table[name] = value
            self._keep(key, table)

    def _move(self, index: Index | None) -> None:
        if index is None:
            return
        self._take_out(index.name, index.out_of)
        members = self._get(index.into, set)
        members.add(index.name)
        self._keep(index.into, members)

    def _take_out(self, name: str, sets: Sequence[str]) -> None:
        for key in sets:
            members = self._get(key, set)
            members.discard(name)
            self._keep(key, members)

    def _get(self, key: str, shape: type[Shape]) -> Shape:
        value = self._held.get(key)
        return value if isinstance(value, shape) else shape()

    def _keep(self, key: str, value: dict[str, bytes] | set[str]) -> None:
        if value:
            self._held[key] = value
        else:
            self._held.pop(key, None)


class MemoryCacheDatabase(CacheObjects):
    """Implements CacheDatabase."""

    def __init__(self, encoding: EncodingName = "msgpack") -> None:
        super().__init__(MemoryStore(), Encoding(encoding))
