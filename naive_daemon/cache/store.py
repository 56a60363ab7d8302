"""What objects are stored in: keys of values, lists, tables and sets, changed one whole change after another.

Everything that a cache database knows of its objects stands above this, once; memory and Redis are below.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from naive_daemon.cache.database import CacheHealth


class Put(msgspec.Struct, frozen=True, gc=False):
    """Set a value, whatever was there."""

    key: str
    value: bytes


class Replace(msgspec.Struct, frozen=True, gc=False):
    """Set a value; what was there moves to `previous`."""

    key: str
    previous: str
    value: bytes


class PutTable(msgspec.Struct, frozen=True):
    """Set a table, whatever was there; an empty one is none."""

    key: str
    fields: Mapping[str, bytes]


class PutField(msgspec.Struct, frozen=True, gc=False):
    """Set one field of a table, as long as there is anything under `owner`."""

    owner: str
    key: str
    field: str
    value: bytes


class Index(msgspec.Struct, frozen=True):
    """Where an object stands in the indexes: in one of these sets, and no more in the others."""

    name: str
    into: str
    out_of: tuple[str, ...]


class Begin(msgspec.Struct, frozen=True):
    """Begin a list, whatever was there, and index its object; a field that is None is taken out of its table."""

    key: str
    entry: bytes
    index: Index | None = None
    fields: tuple[tuple[str, bytes | None], ...] = ()


class Append(msgspec.Struct, frozen=True):
    """Append to a list and move its object in the indexes; where there is no list, change nothing."""

    key: str
    entry: bytes
    index: Index | None = None


class Gather(msgspec.Struct, frozen=True, gc=False):
    """Append to a list, which begins with it where there is none."""

    key: str
    entry: bytes


class Remove(msgspec.Struct, frozen=True):
    """Forget keys; take `name` out of sets and tables."""

    keys: tuple[str, ...]
    name: str = ""
    sets: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


class Trim(msgspec.Struct, frozen=True, gc=False):
    """Forget the first `count` entries of a list that has more than these."""

    key: str
    count: int


Change = Put | Replace | PutTable | PutField | Begin | Append | Gather | Remove | Trim


class Store(Protocol):
    """Changes take effect in the order of `write`; a read sees those made before it. Safe for use by many threads.

    Raises CacheAwayError, CacheFullError and CacheClosedError as `CacheDatabase` says, and CacheCorruptError naming a
    key that holds something of another type.
    """

    def write(self, change: Change, *, durable: bool = False) -> None:
        """Take a change; a durable one is acknowledged when this returns."""

    def names(self, kind: str) -> list[str]:
        """Name the objects of a kind, sorted."""

    def all_keys(self) -> list[str]:
        """Name all keys, sorted."""

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """Give the value of each key."""

    def lists(self, keys: Sequence[str]) -> list[list[bytes]]:
        """Give the list of each key."""

    def tables(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        """Give the table of each key."""

    def members(self, key: str) -> frozenset[str]:
        """Give what is in a set."""

    def flush(self, keep: Sequence[str]) -> None:
        """Forget everything but the objects of these kinds; done when this returns."""

    def health(self) -> CacheHealth:
        """Say how the store is."""

    def notify(self, done: Callable[[], None]) -> None:
        """Call `done` once everything written so far has been acknowledged."""

    def close(self) -> None:
        """Write what waits within a bound; may be called twice."""
