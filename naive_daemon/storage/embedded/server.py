"""One server program as a child process: launched, awaited, ended, and found again when an earlier one was left over.

Owned by the embedded server it carries. Invariant: whatever `launch` has started is gone when `stop` has returned.
"""

import contextlib
import enum
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import psutil
import tenacity

from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.storage.embedded import privilege

_START_S_MAX = 30
_RECOVERY_S_MAX = 120
_POLL_S = 0.01
_LOG_BYTES_MAX = 16 * 1024 * 1024
_REASON_LINES = 3
_FULL_BYTES = 1024 * 1024
_ABRUPT = ((signal.SIGQUIT, 5), (signal.SIGKILL, 5))


class Readiness(enum.Enum):
    """What a starting server says of itself: nothing yet, that it reads its data, or that it serves."""

    SILENT = "silent"
    RECOVERING = "recovering"
    READY = "ready"


class GaveUpError(PermanentError):
    """The server ended while it started, with a status of its own: no signal ended it."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a home's server from every other process, and how it is ended.

    `marker` is a path that stands in its command line and in no other server's; `names` are its process names; `data`
    is its working directory. `ending` lists signals, each with the seconds it is given to work; the first of them is
    also what the kernel sends when this process dies.
    """

    title: str
    names: frozenset[str]
    marker: str
    data: Path
    log: Path
    ending: tuple[tuple[signal.Signals, int], ...]


class Server:
    """A server of one home. For use by one thread, the one that lives as long as the server shall."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process: psutil.Popen | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id of the child while it runs, else None."""
        if self._process is None or self._process.poll() is not None:
            return None
        return int(self._process.pid)

    def launch(self, command: Sequence[str], account: privilege.Account | None) -> None:
        """Start the program as our child in a session of its own, which Ctrl-C in our terminal does not reach.

        What it prints goes to the log. Raises OSError when it can not be started.
        """
        prefix = privilege.prefix(self._program.ending[0][0], account)
        with self._open_log() as log:
            self._process = psutil.Popen(
                [*prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=privilege.environment(),
                start_new_session=True,
                umask=0o077,
            )

    def await_ready(self, probe: Callable[[], Readiness], is_unwanted: Callable[[], bool] = lambda: False) -> None:
        """Wait until `probe` says that the server serves: 30 s, or 120 s while it says that it recovers.

        Raises PermanentError at once when the server ends (GaveUpError: by itself), TransientError when the time is
        over or the server `is_unwanted`; each tells the last lines that the server has logged.
        """
        waiting = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda readiness: readiness is not Readiness.READY),
            stop=lambda state: is_unwanted() or _is_late(state),
            wait=tenacity.wait_fixed(_POLL_S),
        )
        try:
            waiting(self._look, probe)
        except tenacity.RetryError as error:
            said = f"{self._program.title} does not come up: {self._reason()}"
            raise TransientError(said, hint=f"see {self._program.log}") from error

    def stop(self) -> None:
        """End the child, at first gently; returns when it is gone. Does nothing when there is none."""
        process, self._process = self._process, None
        if process is not None:
            self._end([process], self._program.ending)
            process.wait()  # it has ended; this lets the system forget it

    def end_left_overs(self) -> None:
        """End what an earlier daemon has left of this home's server: the server, then processes that outlived it."""
        self._end([process for process in _candidates(self._program) if _is_server(process, self._program)])
        self._end([process for process in _candidates(self._program) if _is_inside(process, self._program)], _ABRUPT)

    def _look(self, probe: Callable[[], Readiness]) -> Readiness:
        if self._process is not None and (status := self._process.poll()) is not None:
            said = f"{self._program.title} ended with status {status} while it started: {self._reason()}"
            ended = GaveUpError if status > 0 else PermanentError
            raise ended(said, hint=f"see {self._program.log}")
        return probe()

    def _end(
        self, processes: Sequence[psutil.Process], ending: Sequence[tuple[signal.Signals, int]] | None = None
    ) -> None:
        alive = list(processes)
        for sign, patience_s in ending or self._program.ending:
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(sign)
            alive = _await_end(alive, patience_s)
            if not alive:
                return
        if alive:
            said = f"{self._program.title}: process {alive[0].pid} does not end, not even by SIGKILL"
            raise TransientError(said, hint="it may wait for a disk; look at the machine")

    def _open_log(self) -> BinaryIO:
        """Open the log for one more run; one that has grown large gives way, and one such is kept."""
        log = self._program.log
        if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))
        opened = log.open("ab")
        self._log_start = opened.tell()
        return opened

    def _reason(self) -> str:
        """Tell the last lines logged since the launch; a full disk keeps them out of the log, so it is told, too."""
        with self._program.log.open("rb") as log:
            log.seek(self._log_start)
            told = log.read().decode(errors="replace")
        lines = [line.strip() for line in told.splitlines() if line.strip()][-_REASON_LINES:]
        if shutil.disk_usage(self._program.data).free < _FULL_BYTES:
            lines.append(f"no space left on {self._program.data}")
        return " | ".join(lines) or "it has logged nothing"


def find(program: Program) -> psutil.Process | None:
    """Find the running server of a home, whoever started it; None when there is none."""
    return next((process for process in _candidates(program) if _is_server(process, program)), None)


def _candidates(program: Program) -> Iterator[psutil.Process]:
    """Give the processes that bear the program's name and that we may signal: ours; to root, everybody's."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() in program.names and os.geteuid() in {0, process.uids().real}:
                yield process


def _is_server(process: psutil.Process, program: Program) -> bool:
    """Say whether this is the server itself. A process id on file may be another program's by now; this can not."""
    try:
        return program.marker in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _is_inside(process: psutil.Process, program: Program) -> bool:
    """Say whether this works in the server's data, as its children do, who rewrite their command lines."""
    try:
        return bool(process.cwd() == str(program.data))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _await_end(processes: Sequence[psutil.Process], patience_s: int) -> list[psutil.Process]:
    """Wait until all have ended, at most `patience_s`; give those that have not."""
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        stop=tenacity.stop_after_delay(patience_s),
        wait=tenacity.wait_fixed(_POLL_S),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else [],
    )
    return waiting(lambda: [process for process in processes if not _has_ended(process)])


def _has_ended(process: psutil.Process) -> bool:
    """Say whether a process has ended, though nobody may have taken note: init of a container often does not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _is_late(state: tenacity.RetryCallState) -> bool:
    recovers = state.outcome is not None and state.outcome.result() is Readiness.RECOVERING
    return (state.seconds_since_start or 0) > (_RECOVERY_S_MAX if recovers else _START_S_MAX)
