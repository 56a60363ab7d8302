"""Where log lines go: a stream that can be swapped under its writers, and that never fails them."""

import os
import threading
from pathlib import Path
from typing import TextIO

from naive_daemon.domain.errors import ConfigError


class LogStream:
    """Writes whole lines to a target that can be swapped: standard error, a file, what a status line leaves free.

    A full disk or a terminal that went away must not end a daemon with orders open: such a line is lost, and counted
    in `dropped`, which the daemon can report.
    """

    def __init__(self, target: TextIO) -> None:
        self._lock = threading.Lock()
        self._target = target
        self.dropped = 0

    @property
    def target(self) -> TextIO:
        """What is written to now."""
        return self._target

    def swap(self, target: TextIO) -> TextIO:
        """Write to `target` from the next line on; gives the former target, which stays open."""
        with self._lock:
            former, self._target = self._target, target
        return former

    def write_line(self, line: str) -> None:
        """Write one line and its end; lines of several threads never mix."""
        with self._lock:
            try:
                self._target.write(line + "\n")
                self._target.flush()
            except (OSError, ValueError):  # a closed file says ValueError
                self.dropped += 1

    def is_terminal(self) -> bool:
        """Say whether a person reads."""
        return not self._target.closed and self._target.isatty()


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
