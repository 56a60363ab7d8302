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

from naive_daemon.otp.exit import ExitReason, crash
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

    def break_down(self, reason: ExitReason) -> None:
        """End the reader: the policy of its class has failed."""


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
    """Over `drop_over`, keep only the newest message of each `key`; a key of None is never dropped.

    Over `limit`, which `drop_over` is unless given, senders are told to slow down: a greater one is for those who send
    few messages each, however many they are. What stays keeps its order. Below the bound nothing is dropped; requests,
    answers and Downs never are. `what` is what the log calls that which was dropped. `key` runs in the thread of who
    sends, and should be as quick as a look; when it raises, or gives what is not hashable, that crashes the reader,
    whose policy it is, and no sender.
    """

    key: Callable[[Any], Hashable | None]
    limit: int = LIMIT
    last_limit: int = LIMIT * LAST_LIMIT_FACTOR
    what: str = "messages"
    drop_over: int | None = None

    def __post_init__(self) -> None:
        """Refuse limits that make no sense; raises ValueError."""
        _check(self.limit, self.last_limit)
        if self.drop_over is not None:
            _check(self.drop_over, self.limit, ("drop_over", "limit"))

    @property
    def bound(self) -> int:
        """Messages that may wait before any is dropped."""
        return self.limit if self.drop_over is None else self.drop_over

    def make_queue(self, owner: Owner) -> "NewestQueue":
        """Make a queue that drops."""
        return NewestQueue(self, owner)


class NewestQueue:
    """Drops all but the newest of each key when it has grown over its limit; `dropped` counts them.

    From the first drop until all has been read is one *episode*: its owner is told once in it, with how many messages
    were dropped at that moment. More may follow.
    """

    def __init__(self, policy: KeepNewest, owner: Owner) -> None:
        self.dropped = 0
        self._policy = policy
        self._next_look = policy.bound
        self._owner: Owner | None = owner
        self._is_told = False
        self._is_dropping = False
        self._messages: deque[Any] = deque()
        # Re-entrant, and nothing is put under it: a key, a signal's handler or a garbage collection may tell the reader
        # something while this very thread drops what is old.
        self._lock = threading.RLock()

    def append(self, message: Any, /) -> None:
        """Put at the end."""
        self._messages.append(message)
        if len(self._messages) > self._next_look:
            self._make_room()

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
            self._owner = None

    def __getitem__(self, index: int, /) -> Any:
        return self._messages[index]

    def __len__(self) -> int:
        return len(self._messages)

    def _make_room(self) -> None:
        """Drop what is old, and let the owner know; without the lock, as it may take its time."""
        owner, untold = self._owner, 0
        try:
            with self._lock:
                if not self._is_dropping:
                    untold = self._begin_episode(self._drop_old())
        except BaseException as error:  # noqa: BLE001 - whatever a key raises is the reader's fault, not the sender's
            if owner is not None:
                owner.break_down(crash(error))
            return
        if untold and owner is not None:
            owner.report_dropped(self._policy.what, untold)

    def _begin_episode(self, dropped: int) -> int:
        """Give how many drops the owner must be told of."""
        if not dropped or self._is_told:
            return 0
        self._is_told = True
        return dropped

    def _drop_old(self) -> int:
        """Give how many were dropped. Whoever looks without the lock sees fewer meanwhile, but never none."""
        messages = self._messages
        if len(messages) <= self._next_look:  # another thread has just done it
            return 0
        self._is_dropping = True
        try:
            waiting = messages.copy()
            kept = self._newest_of(waiting)
            if self._owner is None:  # a key has ended the reader
                return 0
            for _ in range(len(waiting) - 1):
                messages.popleft()
            messages.extendleft(kept)
        finally:
            self._is_dropping = False
        dropped = len(waiting) - 1 - len(kept)
        self.dropped += dropped
        # Where much may not be dropped, look again only when it has doubled: each message is looked at few times.
        self._next_look = max(self._policy.bound, 2 * (len(kept) + 1))
        return dropped

    def _newest_of(self, waiting: deque[Any]) -> list[Any]:
        """List what stays beside the last one, which always does; the newest first."""
        newest: set[Hashable] = set()
        kept: list[Any] = []
        for message in reversed(waiting):
            key = None if type(message) in RUNTIME_MESSAGES else self._policy.key(message)
            if key is None or key not in newest:
                kept.append(message)
                newest.add(key)
        return kept[1:]


def _check(limit: object, last_limit: object, names: tuple[str, str] = ("limit", "last_limit")) -> None:
    for field, value in zip(names, (limit, last_limit), strict=True):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"mailbox policy: {field}={value!r} is not a whole number >= 1")
    if last_limit < limit:  # type: ignore[operator] # both are whole numbers by now
        raise ValueError(f"mailbox policy: {names[1]}={last_limit!r} is below {names[0]}={limit!r}")
