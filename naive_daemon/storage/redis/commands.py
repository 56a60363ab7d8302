"""Changes as commands of Redis."""

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
from naive_daemon.storage.redis import scripts
from naive_daemon.storage.redis.scripts import Script
from naive_daemon.storage.redis.write import Command, Write


class Commands:
    """Makes the commands of each change, for one prefix. What a list holds is one command, so that it is quick."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()

    def of(self, change: Change) -> Write:
        """Give the write of a change."""
        match change:
            case Append(key, entry, index):
                return self._call(key, scripts.APPEND, [key, *_sets(index)], [entry, _name(index)])
            case Begin():
                return self._begin(change)
            case Put(key, value):
                return self._plain(key, (b"SET", self._key(key), value))
            case PutTable():
                return self._table(change)
            case Gather(key, entry):
                return self._plain(key, (b"RPUSH", self._key(key), entry))
            case Remove():
                return self._remove(change)
            case Replace(key, previous, value):
                return self._call(key, scripts.REPLACE, [key, previous], [value])
            case PutField(owner, key, field, value):
                return self._call(key, scripts.FIELD, [owner, key], [field.encode(), value])
            case Trim(key, count):
                return self._call(key, scripts.TRIM, [key], [b"%d" % count])

    def _begin(self, change: Begin) -> Write:
        sets = _sets(change.index)
        tables = [key for key, _ in change.fields]
        fields = [b"-" if value is None else b"+" + value for _, value in change.fields]
        given = [change.entry, _name(change.index), b"%d" % len(sets), *fields]
        return self._call(change.key, scripts.BEGIN, [change.key, *sets, *tables], given)

    def _table(self, change: PutTable) -> Write:
        key = self._key(change.key)
        clear = (b"DEL", key)
        if not change.fields:
            return self._plain(change.key, clear)
        pairs = [part for field, value in change.fields.items() for part in (field.encode(), value)]
        return self._plain(change.key, clear, (b"HSET", key, *pairs))

    def _remove(self, change: Remove) -> Write:
        keys = [*change.sets, *change.tables, *change.keys]
        given = [change.name.encode(), b"%d" % len(change.sets), b"%d" % len(change.tables)]
        return self._call(change.keys[0], scripts.REMOVE, keys, given)

    def _key(self, key: str) -> bytes:
        return self._prefix + key.encode()

    def _plain(self, key: str, *commands: Command) -> Write:
        return Write(key, commands)

    def _call(self, key: str, script: Script, keys: list[str], given: list[bytes]) -> Write:
        prefix = self._prefix
        command = (
            b"EVALSHA",
            script.digest,
            b"%d" % len(keys),
            *[prefix + one.encode() for one in keys],
            *given,
        )
        return Write(key, (command,), script)


def _sets(index: Index | None) -> tuple[str, ...]:
    return () if index is None else (index.into, *index.out_of)


def _name(index: Index | None) -> bytes:
    return b"" if index is None else index.name.encode()
