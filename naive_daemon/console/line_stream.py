"""Lines over a socket, each with a deadline and a bound: a peer that is slow, silent or endless costs only itself."""

import socket
from collections.abc import Callable

_CHUNK_BYTES = 64 * 1024


class PeerError(Exception):
    """The other side has left, says nothing, or says too much."""


class PeerLeftError(PeerError):
    """The other side has closed the connection, or has died."""


class LineStream:
    """One connection; `now_s` is monotonic time."""

    def __init__(self, connection: socket.socket, now_s: Callable[[], float]) -> None:
        self._connection = connection
        self._now_s = now_s
        self._rest = b""

    def read_or_end(self, timeout_s: float, bytes_max: int) -> bytes | None:
        """Read the next line as `read` does; None when the other side has closed after a whole one."""
        if not self._rest:
            self._rest = self._receive(timeout_s)
            if not self._rest:
                return None
        return self.read(timeout_s, bytes_max)

    def read(self, timeout_s: float, bytes_max: int) -> bytes:
        """Read the next line, without its end; raises PeerError when it is not there in time, or is longer."""
        deadline_s = self._now_s() + timeout_s
        parts, size = [self._rest], len(self._rest)
        while b"\n" not in parts[-1]:
            if size > bytes_max:
                raise PeerError(f"a line is longer than {bytes_max} bytes")
            part = self._receive(deadline_s - self._now_s())
            if not part:
                raise PeerLeftError("the connection was closed before a line was whole")
            parts.append(part)
            size += len(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        if len(line) > bytes_max:
            raise PeerError(f"a line is longer than {bytes_max} bytes")
        return line

    def write(self, line: bytes, timeout_s: float) -> None:
        """Write a line; raises PeerError when the other side does not take it in time."""
        deadline_s = self._now_s() + timeout_s
        rest = memoryview(line)
        while rest:
            self._set_timeout(deadline_s - self._now_s())
            try:
                rest = rest[self._connection.send(rest) :]
            except ConnectionError:
                raise PeerLeftError("the connection was closed before all was said") from None
            except OSError as error:
                raise PeerError(f"an answer was not taken: {error}") from None

    def has_left(self) -> bool:
        """Say whether the other side has closed the connection; what it says beyond its one line is left alone."""
        self._connection.setblocking(False)
        try:
            return not self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _receive(self, left_s: float) -> bytes:
        self._set_timeout(left_s)
        try:
            return self._connection.recv(_CHUNK_BYTES)
        except ConnectionError:
            raise PeerLeftError("the connection was broken off") from None
        except OSError as error:
            raise PeerError(f"nothing was said: {error}") from None

    def _set_timeout(self, left_s: float) -> None:
        if left_s <= 0:
            raise PeerError("timed out")
        self._connection.settimeout(left_s)
