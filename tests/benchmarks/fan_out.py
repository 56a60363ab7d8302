"""One sender that tells many receivers in turn and learns when all of it has been handled; for every library."""

import queue
import time
from collections.abc import Sequence
from typing import Any, Protocol

WAIT_S = 120.0

Done = queue.SimpleQueue[object]


class Receiver(Protocol):
    """Whoever can be told something: a ref, ours or pykka's."""

    def tell(self, message: Any) -> None:
        """Send it a message."""


def tell_in_turn_s(receivers: Sequence[Receiver], each: int, done: Done) -> float:
    """Tell all of them in turn, `each` times; gives the seconds until all of them have said that they are done."""
    began = time.perf_counter()
    for number in range(each):
        for receiver in receivers:
            receiver.tell(number)
    await_all(done, len(receivers))
    return time.perf_counter() - began


def await_all(done: Done, count: int) -> None:
    """Wait until that many actors have said that they are done; raises queue.Empty when that takes too long."""
    for _ in range(count):
        done.get(timeout=WAIT_S)
