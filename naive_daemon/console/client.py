"""Asking a running daemon: one connection a request. What goes wrong is one of four errors, each with a hint."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from naive_daemon.console.address import make_socket, socket_address
from naive_daemon.console.line_stream import LineStream, PeerError, PeerLeftError
from naive_daemon.console.protocol import (
    ANSWER_BYTES_MAX,
    SOCKET_NAME,
    Answer,
    BadLineError,
    Refused,
    Request,
    VersionMismatchError,
    decode_answer,
    encode,
    is_last,
)
from naive_daemon.domain.errors import NaiveError, UnreachableError, UsageError
from naive_daemon.home import holder_of

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 10.0

Expected = TypeVar("Expected", bound=Answer)


class NoDaemonError(UnreachableError):
    """No daemon answers in this home."""


class UnknownActorError(UsageError):
    """No actor, or no single one, is called so."""


class ActorUnavailableError(NaiveError):
    """The actor has ended, is busy, is traced already, or could not do what it was asked."""


class ConsoleRefusedError(NaiveError):
    """The daemon does not take the request: it speaks another version, or has too many callers."""


class ConsoleClient:
    """Asks the daemon of a home. `now_s` is monotonic time; `timeout_s` bounds the wait for each answer."""

    def __init__(self, home: Path, now_s: Callable[[], float], timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._home = home
        self._now_s = now_s
        self._timeout_s = timeout_s

    def ask(self, request: Request, expected: type[Expected], more_s: float = 0.0) -> Expected:
        """Ask and wait for the one answer, `more_s` longer than a daemon usually takes.

        Raises NoDaemonError, UnknownActorError, UsageError, ActorUnavailableError, ConsoleRefusedError.
        """
        for answer in self.stream(request, more_s):
            if isinstance(answer, expected):
                return answer
        raise ConsoleRefusedError("the daemon has answered something else", hint="is it of another version?")

    def stream(self, request: Request, more_s: float = 0.0) -> Iterator[Answer]:
        """Ask and give the answers as they come, up to the last one; raises as `ask`, also when that one is missing."""
        answer: Answer | None = None
        with make_socket() as connection:
            stream = self._connect(connection)
            try:
                unsaid = self._say(stream, request)
                while (line := stream.read_or_end(self._timeout_s + more_s, ANSWER_BYTES_MAX)) is not None:
                    unsaid = None
                    answer = self._checked(line)
                    yield answer
                    if is_last(answer):
                        return
                raise unsaid or PeerLeftError("the connection was closed before the end")
            except PeerLeftError:
                raise self._left(answer) from None
            except PeerError as error:
                raise NoDaemonError(
                    f"the daemon in {self._home} does not answer: {error}", hint="the log says what it is doing"
                ) from None

    def _connect(self, connection: socket.socket) -> LineStream:
        connection.settimeout(CONNECT_TIMEOUT_S)
        try:
            with socket_address(self._home) as address:
                connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise self._absent() from None
        except PermissionError:
            raise NoDaemonError(
                f"the daemon in {self._home} may not be looked at by this account",
                hint="run this as the account that the daemon runs as",
            ) from None
        except OSError as error:
            raise NoDaemonError(
                f"the daemon in {self._home} can not be reached: {error.strerror or error}", hint="try again"
            ) from None
        return LineStream(connection, self._now_s)

    def _absent(self) -> NoDaemonError:
        """Tell why nobody can be asked: no daemon, or one without a console."""
        holder = holder_of(self._home)
        if holder is None or holder.role != "daemon":
            return NoDaemonError(
                f"no daemon runs in {self._home}",
                hint="name the daemon's home with --home or NAIVE_HOME, or start one there: naive-daemon run",
            )
        path = self._home / SOCKET_NAME
        who = "a daemon" if holder.pid is None else f"a daemon (pid {holder.pid})"
        if not os.path.lexists(path):
            return NoDaemonError(
                f"{who} runs in {self._home}, but its console is not there: {SOCKET_NAME} is missing",
                hint='it may be just starting or ending: try again; else the log says why ("no console")',
            )
        if not path.is_socket():
            return NoDaemonError(
                f"{who} runs in {self._home}, but its console is not there: {SOCKET_NAME} is no socket",
                hint=f"take {path} away and restart the daemon",
            )
        return NoDaemonError(
            f"{who} runs in {self._home}, but its console is not there: nobody listens at {SOCKET_NAME}",
            hint="it may be just starting or ending: try again; else restart it",
        )

    def _left(self, last: Answer | None) -> NoDaemonError:
        hint = "it may have ended: naive-daemon status says whether a daemon runs, its log what has happened"
        if last is None:
            return NoDaemonError(
                f"no daemon answers in {self._home}: it closed the connection without an answer", hint=hint
            )
        return NoDaemonError(f"the daemon in {self._home} closed the connection before the trace had ended", hint=hint)

    @staticmethod
    def _say(stream: LineStream, request: Request) -> PeerError | None:
        """Send the request; gives the failure, as a daemon that refuses at once says why before it hangs up."""
        try:
            stream.write(encode(request), CONNECT_TIMEOUT_S)
        except PeerError as error:
            return error
        return None

    @staticmethod
    def _checked(line: bytes) -> Answer:
        try:
            answer = decode_answer(line)
        except (VersionMismatchError, BadLineError) as error:
            raise ConsoleRefusedError(
                f"the daemon's answer is not understood: {error}", hint="restart the daemon with this version"
            ) from None
        if isinstance(answer, Refused):
            raise _error(answer)
        return answer


_UNAVAILABLE_HINTS: Mapping[str, str | None] = {
    "actor ended": "naive-daemon tree shows what runs in its place",
    "actor busy": "naive-daemon actor NAME state shows where it is",
    "traced already": "that trace ends by itself; try again then",
    "top actor": "naive-daemon tree shows what is below it",
    "must not rest": None,
    "account silent": "it may be just starting: try again; else naive-daemon tree shows how its actor is",
    "flow silent": "it may be just starting: try again; else naive-daemon tree shows how its actor, stream desk, is",
    "not reconciled": "naive-daemon status and the log say how the exchange is",
}


def _error(refused: Refused) -> NaiveError:
    match refused.why:
        case "unknown actor":
            names = ", ".join(refused.nearest)
            hint = f"did you mean {names}?" if names else "naive-daemon tree shows the names"
            return UnknownActorError(refused.message, hint=hint)
        case "unknown account":
            names = ", ".join(refused.nearest)
            return UsageError(refused.message, hint=f"it trades {names}" if names else "its tree may be just starting")
        case "unknown symbol":
            names = ", ".join(refused.nearest)
            hint = (
                f"did you mean {names}?" if names else "naive-daemon flow --depth 1 shows the symbols that have works"
            )
            return UsageError(refused.message, hint=hint)
        case "too many":
            return ConsoleRefusedError(refused.message, hint="try again in a moment")
        case "version":
            return ConsoleRefusedError(refused.message, hint="restart the daemon with this version")
        case "bad request":
            return ConsoleRefusedError(f"the daemon does not understand: {refused.message}", hint=None)
        case unavailable:
            return ActorUnavailableError(refused.message, hint=_UNAVAILABLE_HINTS[unavailable])
