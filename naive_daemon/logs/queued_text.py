"""A text stream that never waits for its reader: a paused terminal, a stuck pager, a collector that hangs.

Lines queue up to a bound, and a thread of its own writes them; what finds no room is lost, and its owner is told. The
thread goes round the target's own buffer and lock: one that is stuck in there could not be left at the process's end.
"""

import atexit
import io
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

QUEUED_BYTES_MAX = 1 << 20
"""Some thousands of lines."""
END_TIMEOUT_S = 1.0
"""How long the end of the process waits for a reader."""


def may_stall(target: TextIO) -> bool:
    """Say whether a write to `target` may wait for somebody: a terminal, a pipe or a socket, not a file or memory."""
    try:
        return not stat.S_ISREG(os.fstat(target.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # closed, or without a descriptor
        return False


class QueuedText(io.TextIOBase):
    """Writes to the descriptor of `target`, in order, from a thread; `on_lost` is called for each write that is lost.

    Owned by who made it, who calls `end`; the end of the process does it otherwise.
    """

    def __init__(self, target: TextIO, on_lost: Callable[[], None]) -> None:
        super().__init__()
        self._target = target
        self._descriptor = target.fileno()
        self._on_lost = on_lost
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._is_full = False
        self._is_ended = False
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.end)

    def write(self, text: str) -> int:
        """Queue `text`; gives its length, or 0 when there is no room for it."""
        line = text.encode(self._target.encoding or "utf-8", "backslashreplace")
        with self._changed:
            # Once full it stays so until it is half empty: long gaps, each told of once, and not a gap at every line.
            self._is_full = self._queued_bytes + len(line) > QUEUED_BYTES_MAX // (2 if self._is_full else 1)
            if self._is_full or self._is_ended:
                return 0
            self._queue.append(line)
            self._queued_bytes += len(line)
            self._changed.notify_all()
        return len(text)

    def isatty(self) -> bool:
        """Say whether a person reads."""
        return not self._target.closed and self._target.isatty()

    def fileno(self) -> int:
        """Give the target's descriptor."""
        return self._descriptor

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything is written; False when that takes longer than `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queued_bytes, timeout_s)

    def end(self, timeout_s: float = END_TIMEOUT_S) -> bool:
        """Write what is queued and end the thread; False, and the rest is lost, when that takes too long."""
        atexit.unregister(self.end)
        is_drained = self.drain(timeout_s)
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
        if is_drained:
            self._thread.join()
        return is_drained

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._is_ended)
                if self._is_ended:
                    return
                line = self._queue.popleft()
            self._write(line)
            with self._changed:
                self._queued_bytes -= len(line)
                self._changed.notify_all()

    def _write(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:  # a terminal that went away, a pipe without a reader
            self._on_lost()
