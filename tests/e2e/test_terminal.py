"""At a terminal: a log for people, in colour, a status line below it, and Ctrl-C that ends everything in order."""

import os
import pty
import re
import threading

from tests.e2e.daemon import PATIENCE_S
from tests.e2e.place import Place, await_end

SIZE_ENVIRONMENT = {"COLUMNS": "160", "LINES": "40", "TERM": "xterm-256color"}
CTRL_C = b"\x03"
COLOUR = "\x1b["
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The person's side of a terminal that the program runs at."""

    def __init__(self, place: Place, *arguments: str) -> None:
        self.pid, self._side = pty.fork()
        if self.pid == 0:  # pragma: no cover - the program's side
            place.become(*arguments, **SIZE_ENVIRONMENT)
        self._seen = ""
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def await_text(self, pattern: str) -> str:
        """Wait until this is to be seen; gives all that was."""
        with self._news:
            seen = self._news.wait_for(lambda: re.search(pattern, ESCAPES.sub("", self._seen)), PATIENCE_S)
            assert seen, f"{pattern!r} is not to be seen in:\n{self._seen[-2000:]}"
            return self._seen

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._side, key)

    def await_status(self) -> int:
        """Wait until the program has ended; gives its exit status."""
        await_end(self.pid)
        self._thread.join(PATIENCE_S)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._side)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> None:
        try:
            while text := os.read(self._side, 4096):
                with self._news:
                    self._seen += text.decode(errors="replace")
                    self._news.notify_all()
        except OSError:
            return  # the program's side is closed: the program has ended


def test_a_person_sees_it_trade_and_ends_it(place: Place) -> None:
    terminal = Terminal(place, "run", "--start", "BTCUSDT", "--speed", "20")
    terminal.await_text(r"buy placed")
    terminal.await_text(r"cycle finished +.*profit=\S+ USDT")
    seen = terminal.await_text(r"BTCUSDT on +price \d+\.?\d* +traders \d +cycles [1-9]\d* +profit ")
    assert COLOUR in seen
    assert "{" not in seen, "a person does not read JSON"
    terminal.press(CTRL_C)
    assert terminal.await_status() == 0
    terminal.await_text(r"ended +.*reason=SIGINT")
    assert place.servers() == []
