"""What happens when more waits in a mailbox than its bound allows; each class of actors names its policy.

Either nothing is lost and who sends is told to slow down (orders, fills, exits), or only the newest of each kind is
kept (market data), which the log says once an episode. A mailbox that grows past its last limit all the same crashes
its actor, loudly: its supervisor starts it afresh, where an endless queue would take the memory of everybody.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import msgspec

from naive_daemon.otp.messages import RUNTIME_MESSAGES

LIMIT = 10_000
LAST_LIMIT_FACTOR = 100


class MessageQueue(Protocol):
    """The ordinary lane of a mailbox; each call is one step for other threads."""

    def append(self, message: Any, /) -> None:
        """Put at the end."""

    def popleft(self) -> Any:
        """Take the oldest; raises IndexError when there is none."""

    def clear(self) -> None:
        """Drop everything; the reader has ended."""

    def __getitem__(self, index: int, /) -> Any: ...

    def __len__(self) -> int: ...


class Owner(Protocol):
    """The mailbox that a queue is the lane of."""

    def report_dropped(self, what: str, count: int) -> None:
        """Take note that messages were dropped, once an episode."""


class MailboxPolicy(Protocol):
    """What a class of actors says about its mailboxes."""

    @property
    def limit(self) -> int:
        """Messages that may wait before the policy acts."""

    @property
    def last_limit(self) -> int:
        """Messages at which the actor crashes."""

    def make_queue(self, owner: Owner) -> MessageQueue:
        """Make the lane of one mailbox, its owner."""


class SlowDown(msgspec.Struct, frozen=True):
    """Drop nothing. A sender that puts more than `limit` gets `on_congested`, and `on_relieved` at half of it.

    Its turn ends after the message at hand, too, so that the receiver has the processor before it sends more.
    """

    limit: int = LIMIT
    last_limit: int = LIMIT * LAST_LIMIT_FACTOR

    def __post_init__(self) -> None:
        """Refuse limits that make no sense; raises ValueError."""
        _check(self.limit, self.last_limit)

    def make_queue(self, owner: Owner) -> MessageQueue:
        """Make a plain queue."""
        return deque()


class KeepNewest(msgspec.Struct, frozen=True):
    """At `limit`, keep only the newest message of each `key`; a key of None is never dropped, but told to slow down.

    What stays keeps its order. Below the limit nothing is dropped; requests, answers and Downs never are. `what` is
    what the log calls that which was dropped.
    """

    key: Callable[[Any], Hashable | None]
    limit: int = LIMIT
    last_limit: int = LIMIT * LAST_LIMIT_FACTOR
    what: str = "messages"

    def __post_init__(self) -> None:
        """Refuse limits that make no sense; raises ValueError."""
        _check(self.limit, self.last_limit)

    def make_queue(self, owner: Owner) -> "NewestQueue":
        """Make a queue that drops."""
        return NewestQueue(self.key, self.limit, lambda count: owner.report_dropped(self.what, count))


class NewestQueue:
    """Drops all but the newest of each key when it has grown over its limit; `dropped` counts them.

    From the first drop until all has been read is one *episode*: `tell` is called once in it, with how many messages
    were dropped at that moment. More may follow.
    """

    def __init__(self, key: Callable[[Any], Hashable | None], limit: int, tell: Callable[[int], None]) -> None:
        self.dropped = 0
        self._key = key
        self._limit = self._next_look = limit
        self._tell: Callable[[int], None] | None = tell
        self._is_told = False
        self._messages: deque[Any] = deque()
        self._lock = threading.Lock()

    def append(self, message: Any, /) -> None:
        """Put at the end."""
        untold = 0
        with self._lock:
            self._messages.append(message)
            if len(self._messages) > self._next_look:
                dropped = self._drop_old()
                if dropped and not self._is_told:
                    self._is_told, untold = True, dropped
            tell = self._tell
        if untold and tell is not None:  # without the lock: whoever is told may take its time
            tell(untold)

    def popleft(self) -> Any:
        """Take the oldest."""
        with self._lock:
            message = self._messages.popleft()
            if not self._messages:
                self._is_told = False
            return message

    def clear(self) -> None:
        """Drop everything, and tell nobody any more: the reader has ended, and must not be held by this."""
        with self._lock:
            self._messages.clear()
            self._tell = None

    def __getitem__(self, index: int, /) -> Any:
        return self._messages[index]

    def __len__(self) -> int:
        return len(self._messages)

    def _drop_old(self) -> int:
        newest: set[Hashable] = set()
        kept: deque[Any] = deque()
        for message in reversed(self._messages):
            key = None if type(message) in RUNTIME_MESSAGES else self._key(message)
            if key is None or key not in newest:
                kept.appendleft(message)
                newest.add(key)
        dropped = len(self._messages) - len(kept)
        self.dropped += dropped
        self._messages = kept
        # Where much may not be dropped, look again only when it has doubled: each message is looked at few times.
        self._next_look = max(self._limit, 2 * len(kept))
        return dropped


def _check(limit: object, last_limit: object) -> None:
    for field, value in (("limit", limit), ("last_limit", last_limit)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"mailbox policy: {field}={value!r} is not a whole number >= 1")
    if last_limit < limit:  # type: ignore[operator] # both are whole numbers by now
        raise ValueError(f"mailbox policy: last_limit={last_limit!r} is below limit={limit!r}")
