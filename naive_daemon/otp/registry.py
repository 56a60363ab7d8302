"""Names of actors, and entries of many actors under one key. Who has ended is in neither (OTP rules 76, 77)."""

from collections.abc import Hashable

import msgspec

from naive_daemon.otp.holdings import Holdings
from naive_daemon.otp.ref import Ref


class Registry(Holdings):
    """Unique names: each is held by at most one living actor; an actor may hold many."""

    def __init__(self) -> None:
        super().__init__()
        self._refs: dict[Hashable, Ref] = {}

    def register(self, name: Hashable, ref: Ref) -> Ref | None:
        """Give `name` to `ref` until it ends: None when that is done, else who has it already, also when that is `ref`.

        The name of an actor that has ended is free at once; an actor that has ended gets none.
        """
        with self._lock:
            holder = self._refs.get(name)
            if holder is not None and holder.is_alive():
                return holder
            self._refs[name] = ref
            is_new = self._hold(ref, name)
        if is_new:
            self._watch_holder(ref)
        return None

    def unregister(self, name: Hashable, ref: Ref) -> None:
        """Free the name, if `ref` holds it."""
        with self._lock:
            self._drop(name, ref)
            self._release(ref, name)

    def whereis(self, name: Hashable) -> Ref | None:
        """Find the living holder of a name."""
        ref = self._refs.get(name)
        return ref if ref is not None and ref.is_alive() else None

    def names(self) -> list[Hashable]:
        """List the names of living actors, the eldest first."""
        with self._lock:
            return [name for name, ref in self._refs.items() if ref.is_alive()]

    def keys(self, ref: Ref) -> list[Hashable]:
        """List the names that an actor holds, the eldest first; none for one that has ended."""
        with self._lock:
            return list(self._held_by(ref))

    def count(self) -> int:
        """Count the names of living actors."""
        return len(self.names())

    def _drop(self, key: Hashable, ref: Ref) -> None:
        if self._refs.get(key) is ref:
            del self._refs[key]


class Entry(msgspec.Struct, frozen=True):
    """One registration under a key that many may share."""

    ref: Ref
    value: object = None


class DuplicateRegistry(Holdings):
    """Keys that any number of actors share, each with a value of its own; one actor may stand there many times."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[Hashable, dict[Ref, list[object]]] = {}

    def register(self, key: Hashable, ref: Ref, value: object = None) -> None:
        """Add one more entry of `ref` under `key`, until it ends; nothing for an actor that has ended."""
        with self._lock:
            self._values.setdefault(key, {}).setdefault(ref, []).append(value)
            is_new = self._hold(ref, key)
        if is_new:
            self._watch_holder(ref)

    def unregister(self, key: Hashable, ref: Ref) -> None:
        """Remove all entries of `ref` under `key`, and nobody else's."""
        with self._lock:
            self._drop(key, ref)
            self._release(ref, key)

    def lookup(self, key: Hashable) -> list[Entry]:
        """List the entries of living actors under a key: who came there first comes first, with all of its own."""
        with self._lock:
            holders = self._values.get(key, {})
            return [Entry(ref, value) for ref, values in holders.items() if ref.is_alive() for value in values]

    def keys(self, ref: Ref) -> list[Hashable]:
        """List the keys that an actor stands under, each as often as it does; none for one that has ended."""
        with self._lock:
            return [key for key in self._held_by(ref) for _ in self._values[key][ref]]

    def count(self) -> int:
        """Count the entries of living actors under all keys."""
        with self._lock:
            holders = [holder for holders in self._values.values() for holder in holders.items()]
        return sum(len(values) for ref, values in holders if ref.is_alive())

    def _drop(self, key: Hashable, ref: Ref) -> None:
        holders = self._values.get(key)
        if holders is not None:
            holders.pop(ref, None)
            if not holders:
                del self._values[key]
