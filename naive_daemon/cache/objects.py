"""A cache database over any store: everything that is known of objects, once for memory and for Redis."""

from collections.abc import Callable

from naive_daemon.cache import layout
from naive_daemon.cache.argument import require, require_text
from naive_daemon.cache.database import CacheCorruptError, CacheHealth
from naive_daemon.cache.definitions import Definitions
from naive_daemon.cache.glob import matcher
from naive_daemon.cache.store import Put
from naive_daemon.cache.upkeep import Upkeep


class CacheObjects(Definitions, Upkeep):
    """Implements CacheDatabase."""

    def heartbeat(self, ts: int) -> None:
        """Note that whoever writes here lives, at this time (UTC nanoseconds)."""
        require(int, ts=ts)
        self._store.write(Put(layout.HEARTBEAT, b"%d" % ts))

    def load_heartbeat(self) -> int | None:
        """Give the last heartbeat."""
        found = self._store.values([layout.HEARTBEAT])[0]
        if found is None:
            return None
        if not found.isdigit():
            raise CacheCorruptError(f"{layout.HEARTBEAT} is {found[:40]!r}, and not a time in nanoseconds")
        return int(found)

    def keys(self, pattern: str = "*") -> list[str]:
        """Name the stored keys that match a glob pattern, without our prefix, sorted."""
        require_text(pattern=pattern)
        matches = matcher(pattern).fullmatch
        return [key for key in self._store.all_keys() if matches(key)]

    def flush(self, *, keep_general: bool = False) -> None:
        """Forget everything under our prefix, and nothing else; general objects stay if told so."""
        self._store.flush((layout.GENERAL, layout.PREVIOUS) if keep_general else ())

    def health(self) -> CacheHealth:
        """Say how the store is; never waits for it."""
        return self._store.health()

    def notify(self, done: Callable[[], None]) -> None:
        """Call `done`, from any thread, once everything written so far has been acknowledged."""
        self._store.notify(done)

    def close(self) -> None:
        """Write what waits within a bound, give the connections back; may be called twice."""
        self._store.close()
