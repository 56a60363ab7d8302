"""What Redis refuses and how it fails, in one line for people, and by what is to be done about it."""

import redis
from redis.exceptions import AskError, AuthenticationError, BusyLoadingError, ClusterDownError, MasterDownError

from naive_daemon.cache.database import CacheAwayError

FAILURES = (redis.RedisError, OSError)
"""What talking to a server may raise."""

_MEANINGS: dict[str, str] = {
    "OOM": "it has no memory left (maxmemory)",
    "READONLY": "it is a replica, which takes no writes",
    "LOADING": "it is still loading its data",
    "MASTERDOWN": "it is a replica that has lost its master",
    "CLUSTERDOWN": "it is a Redis Cluster, which is down, too; give a server of its own",
    "BUSY": "it is busy with somebody's script",
    "MISCONF": "it can not save its data, and takes no writes until it can",
    "NOREPLICAS": "it has too few replicas to take writes",
    "NOPERM": "its user may not do what is needed",
    "NOAUTH": "it wants a password",
    "WRONGPASS": "its user name or password is wrong",
    "MOVED": "it is a Redis Cluster; give a server of its own",
    "ASK": "it is a Redis Cluster; give a server of its own",
    "CROSSSLOT": "it is a Redis Cluster; give a server of its own",
}
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (redis.exceptions.OutOfMemoryError, "OOM"),
    (redis.exceptions.ReadOnlyError, "READONLY"),
    (BusyLoadingError, "LOADING"),
    (MasterDownError, "MASTERDOWN"),
    (ClusterDownError, "CLUSTERDOWN"),
    (redis.exceptions.NoPermissionError, "NOPERM"),
    (AskError, "MOVED"),
    (redis.exceptions.ClusterCrossSlotError, "CROSSSLOT"),
)


def code_of(error: BaseException) -> str:
    """Give Redis's own word for an error, like OOM; an empty text for what is no answer of its."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if isinstance(error, AuthenticationError):
        return "NOAUTH" if "required" in str(error).lower() else "WRONGPASS"
    word = str(error).partition(" ")[0]
    return word if word.isupper() and word.isalpha() else ""


def reason(where: str, error: BaseException) -> str:
    """Say in one line what is wrong with the server at `where`."""
    meaning = _MEANINGS.get(code_of(error))
    if meaning is not None:
        return f"Redis at {where}: {meaning}"
    return f"Redis at {where}: {' '.join(str(error).split())[:200] or type(error).__name__}"


def away(where: str, error: BaseException) -> CacheAwayError:
    """Give the error for whoever waits."""
    return CacheAwayError(reason(where, error))


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether there was no memory, also for what a script has called."""
    return code_of(error) == "OOM" or "OOM command not allowed" in str(error)


def is_wrong_type(error: BaseException) -> bool:
    """Say whether a key holds something of another type."""
    return "WRONGTYPE" in str(error)
