"""A request and its answer, on both sides."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from naive_daemon.otp.exit import ExitReason

if TYPE_CHECKING:
    from naive_daemon.otp.timers import Timer


class Call:
    """A message that wants an answer, and where to put it. Answering twice is answering once."""

    __slots__ = ("_fail", "_reply", "message")

    def __init__(self, message: Any, reply: Callable[[Any], None], fail: Callable[[ExitReason], None]) -> None:
        self.message = message
        self._reply = reply
        self._fail = fail

    def reply(self, value: Any) -> None:
        """Answer the caller."""
        self._reply(value)

    def fail(self, reason: ExitReason) -> None:
        """Tell the caller why there is no answer."""
        self._fail(reason)


class PendingRequest(msgspec.Struct):
    """A request of one's own that is not answered yet. Its number is its monitor's, too."""

    then: Callable[[Any], None]
    timer: "Timer"
    message: Any = None
