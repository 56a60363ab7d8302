"""What every part of a cache database of objects has: the store below it, and the encoding."""

from collections.abc import Sequence
from typing import TypeVar

from naive_daemon.cache.encoding import Encoding
from naive_daemon.cache.layout import key_of
from naive_daemon.cache.store import Store

Value = TypeVar("Value")


class ObjectBase:
    """The common base of the parts."""

    def __init__(self, store: Store, encoding: Encoding) -> None:
        self._store = store
        self.encoding = encoding

    def _read(self, kind: str, name: str, shape: type[Value]) -> Value | None:
        """Read the value of one object."""
        key = key_of(kind, name)
        content = self._store.values([key])[0]
        return None if content is None else self.encoding.decode(content, shape, key)

    def _read_all(self, kind: str, shape: type[Value]) -> dict[str, Value]:
        """Read the values of all objects of a kind, by name."""
        return {
            name: self.encoding.decode(content, shape, key_of(kind, name))
            for name, content in self._contents(kind).items()
        }

    def _contents(self, kind: str) -> dict[str, bytes]:
        names = self._store.names(kind)
        contents = self._store.values(_keys(kind, names))
        return {name: content for name, content in zip(names, contents, strict=True) if content is not None}

    def _entries(self, kind: str, names: Sequence[str]) -> list[tuple[str, str, list[bytes]]]:
        """Read the lists of these objects: name, key, entries; what went meanwhile has none."""
        keys = _keys(kind, names)
        return list(zip(names, keys, self._store.lists(keys), strict=True))


def _keys(kind: str, names: Sequence[str]) -> list[str]:
    return [key_of(kind, name) for name in names]
