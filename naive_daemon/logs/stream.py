"""Where log lines go: a stream that can be swapped under its writers, and that neither fails nor stops them."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from naive_daemon.domain.errors import ConfigError
from naive_daemon.logs.queued_text import END_TIMEOUT_S, QueuedText, may_stall

if TYPE_CHECKING:
    from collections.abc import Callable

SWAP_TIMEOUT_S = 0.5


class LogStream:
    """Writes whole lines to a target that can be swapped: standard error, a file, what a status line leaves free.

    A full disk or a terminal that went away must not end a daemon with orders open, and a reader that has stopped
    reading must not stop it: such lines are lost, counted in `dropped`, and told of as soon as a line can be written
    again (`tell_lost` makes that line). A target that may wait for its reader is written by a thread, unless
    `is_direct`: then every line has left before its writer goes on, as it should be in a short command.
    """

    def __init__(self, target: TextIO, *, is_direct: bool = False) -> None:
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._is_direct = is_direct
        self._untold = 0
        self.dropped = 0
        self.tell_lost: Callable[[int], str] | None = None
        self._target = self._patient(target)

    @property
    def target(self) -> TextIO:
        """What is written to now; it does not wait for its reader, unless `is_direct`."""
        return self._target

    def swap(self, target: TextIO) -> TextIO:
        """Write to `target` from the next line on; gives the former target, which stays open.

        Lines of before are out first, as far as somebody reads.
        """
        with self._lock:
            former, self._target = self._target, self._patient(target)
            if isinstance(former, QueuedText):
                former.drain(SWAP_TIMEOUT_S)
        return former

    def write_line(self, line: str) -> None:
        """Write one line and its end; lines of several threads never mix."""
        with self._lock:
            untold = self._untold
            if untold and self.tell_lost is not None and self._is_written(self.tell_lost(untold)):
                with self._counting:
                    self._untold -= untold
            if not self._is_written(line):
                self._lose()

    def close(self, timeout_s: float = END_TIMEOUT_S) -> bool:
        """Write what is queued; False when nobody reads it within `timeout_s`. Nothing can be written after that."""
        with self._lock:
            return not isinstance(self._target, QueuedText) or self._target.end(timeout_s)

    def is_terminal(self) -> bool:
        """Say whether a person reads."""
        return not self._target.closed and self._target.isatty()

    def _patient(self, target: TextIO) -> TextIO:
        if self._is_direct or isinstance(target, QueuedText) or not may_stall(target):
            return target
        return cast("TextIO", QueuedText(target, self._lose))

    def _is_written(self, line: str) -> bool:
        try:
            written = self._target.write(line + "\n")
            self._target.flush()
        except (OSError, ValueError):  # a closed file says ValueError
            return False
        return written > 0

    def _lose(self) -> None:
        with self._counting:
            self.dropped += 1
            self._untold += 1


def open_log_file(path: Path) -> TextIO:
    """Open a log file to append to, for its owner alone; raises ConfigError when it can not be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the log file {path} can not be written: {error.strerror}", hint="set log.file to another path"
        ) from None
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
