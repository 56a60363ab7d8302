"""A running daemon as a test sees it: its process and its log, read line by line while it is written."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Any

import psycopg
import tenacity

PATIENCE_S = 30.0
"""How long anything may take before the test calls it failed; nothing is expected to come near it."""
SHOWN_LINES = 15
_POLL_S = 0.05

Event = dict[str, Any]


def eventually() -> Iterator[tenacity.AttemptManager]:
    """Give attempts at what will be true some time, for as long as anything may take."""
    return iter(
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((AssertionError, psycopg.Error)),
            wait=tenacity.wait_fixed(_POLL_S),
            stop=tenacity.stop_after_delay(PATIENCE_S),
            reraise=True,
        )
    )


class Log:
    """What a daemon has written to standard error: JSON events, and plain lines where it says an error."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: list[Event] = []
        self._news = threading.Condition()
        self._has_ended = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        with self._news:
            return len(self._lines)

    def lines(self) -> list[Event]:
        """Give everything so far."""
        with self._news:
            return list(self._lines)

    def events(self, event: str, start: int = 0, **fields: object) -> list[Event]:
        """Give the events of this name so far, from line `start` on, that have these fields."""
        with self._news:
            return list(self._matching(event, start, fields))

    def await_event(self, event: str, start: int = 0, count: int = 1, **fields: object) -> Event:
        """Wait for the `count`th such event from line `start` on."""
        with self._news:
            self._news.wait_for(
                lambda: self._has_ended or len(list(self._matching(event, start, fields))) >= count, PATIENCE_S
            )
            found = list(self._matching(event, start, fields))
            assert len(found) >= count, f"{count} × {event!r} {fields or ''} is not in the log:\n{self._tail()}"
            return found[count - 1]

    def await_lines(self, count: int) -> None:
        """Wait until so many lines have been written, or the log has ended."""
        with self._news:
            self._news.wait_for(lambda: self._has_ended or len(self._lines) >= count, PATIENCE_S)

    def text(self) -> str:
        """Give everything that was written, after waiting for the end of it."""
        self._thread.join(PATIENCE_S)
        with self._news:
            return "\n".join(line.get("line") or json.dumps(line) for line in self._lines)

    def plain_lines(self) -> list[str]:
        """Give the lines that are no events, after waiting for the end of the log."""
        self._thread.join(PATIENCE_S)
        with self._news:
            return [line["line"] for line in self._lines if "line" in line]

    def _matching(self, event: str, start: int, fields: dict[str, object]) -> Iterator[Event]:
        wanted = {"event": event, **fields}.items()
        return (line for line in self._lines[start:] if wanted <= _hashable(line).items())

    def _read(self, stream: IO[str]) -> None:
        for text in stream:
            with self._news:
                self._lines.append(_event(text.rstrip("\n")))
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()

    def _tail(self) -> str:
        return "\n".join(str(line) for line in self._lines[-SHOWN_LINES:])


class Daemon:
    """A process that a place has started, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self._process = process
        self.log = Log(process.stderr)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end, so long at most; says whether it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def press_ctrl_c(self) -> None:
        """Interrupt the whole process group, as a terminal does."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill it with -9."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def await_end(self) -> int:
        """Wait until it has ended; gives its exit status."""
        return self._process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End it in order, which must succeed."""
        self.signal(signal.SIGTERM)
        assert self.await_end() == 0, self.log.text()

    def output(self) -> str:
        """Give what it printed, after its end."""
        assert self._process.stdout is not None
        return self._process.stdout.read()

    def end_hard(self) -> None:
        """End it whatever it does, and close its pipes."""
        if self.is_running():
            self.kill()
        self.log.text()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _event(text: str) -> Event:
    try:
        event = json.loads(text)
    except json.JSONDecodeError:
        event = None
    return event if isinstance(event, dict) else {"line": text}


def _hashable(line: Event) -> Event:
    return {key: value for key, value in line.items() if not isinstance(value, dict | list)}
