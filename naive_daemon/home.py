"""The home: the directory of a daemon's data, and the lock that lets one process at a time use it.

Invariant: whoever starts embedded servers in a home holds its lock. The lock is the kernel's (flock): it ends with its
process, however that ends, so a stale one can not be.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import filelock

from naive_daemon.domain.errors import ConfigError, NaiveError, PermanentError, TransientError

Role = Literal["daemon", "command"]
_LOCK_NAME = "daemon.lock"
_PID_NAME = "daemon.pid"
_POLL_S = 0.05
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MISTAKEN = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG,
)  # fmt: skip


class HomeInUseError(NaiveError):
    """Another process of ours holds the home."""


class Holder(NamedTuple):
    """Who holds a home; `pid` is None in the moment between taking the lock and saying so."""

    pid: int | None
    role: Role


class HomeLock:
    """Holds a home for this process: `with HomeLock(home): ...`, or `acquire` and `release`.

    `role` tells others what holds it: a daemon keeps it for months, a command for seconds.
    """

    def __init__(self, home: Path, role: Role = "daemon") -> None:
        self._home = home
        self._role = role
        self._pid_file = home / _PID_NAME
        self._lock = filelock.FileLock(home / _LOCK_NAME, mode=0o600, thread_local=False)

    def acquire(self, wait_s: float = 0) -> Self:
        """Take the home, which is made when it is missing; waits at most `wait_s` for another holder to leave.

        Raises HomeInUseError (exit 1) naming the holder, ConfigError (78) when the home is no directory, may not be
        written or, for root, is another account's, PermanentError when its disk is full, TransientError when the
        machine fails in another way, such as an error of its disk.
        """
        make_home(self._home)
        try:
            _refuse_foreign(self._home)
            self._lock.acquire(timeout=wait_s, poll_interval=_POLL_S)
        except filelock.Timeout:
            raise _in_use(self._home) from None
        except OSError as error:
            raise _unusable(self._home, error) from None
        try:
            self._write_pid()
        except OSError as error:
            self._lock.release()
            raise _unusable(self._home, error) from None
        return self

    def release(self) -> None:
        """Leave the home to others; may be called twice."""
        if self._lock.is_locked:
            # Before the lock goes: after that the file may be another holder's.
            with contextlib.suppress(FileNotFoundError):
                self._pid_file.unlink()
            self._lock.release()

    def _write_pid(self) -> None:
        # Renamed into place, so that a reader never sees half a number.
        fresh = self._pid_file.with_suffix(f".{os.getpid()}")
        fresh.write_text(f"{os.getpid()} {self._role}\n", encoding="ascii")
        fresh.replace(self._pid_file)

    def __enter__(self) -> Self:
        return self if self._lock.is_locked else self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def make_home(home: Path) -> None:
    """Make the home, for its owner alone, when it is missing; a home that is there keeps its mode.

    Raises ConfigError, PermanentError or TransientError in the words of `HomeLock.acquire`.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(home, error) from None
    if not os.access(home, os.W_OK | os.X_OK, effective_ids=True):
        raise _unusable(home, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _refuse_foreign(home: Path) -> None:
    """Refuse root a home that an ordinary account trades from: what root makes there locks the account out."""
    lock_file = home / _LOCK_NAME
    owner = (lock_file if lock_file.exists() else home).stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        raise ConfigError(
            f"the home {home} belongs to the account with uid {owner}",
            hint=f"run this as that account: sudo -u '#{owner}' naive-daemon …",
        )


def holder_of(home: Path) -> Holder | None:
    """Say who holds a home at this moment; None when nobody does, or it can not be seen."""
    try:
        with (home / _LOCK_NAME).open("rb") as lock_file:
            # Shared, so that two who look do not take each other for a holder; who takes the home waits or tries again.
            fcntl.flock(lock_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_holder(home)
    except OSError:
        return None
    return None


def read_holder(home: Path) -> Holder:
    """Say who holds a home, as the holder has written; meaningful only while the lock can not be had."""
    try:
        number, role = (home / _PID_NAME).read_text(encoding="ascii").split()
        return Holder(int(number), "command" if role == "command" else "daemon")
    except (OSError, ValueError):  # not written yet, or just gone
        return Holder(None, "daemon")


def _in_use(home: Path) -> HomeInUseError:
    holder = read_holder(home)
    pid = "unknown" if holder.pid is None else holder.pid
    hint = "wait until it has ended" if holder.role == "command" else "stop it first, or give this one another --home"
    return HomeInUseError(f"another naive-daemon (pid {pid}) uses {home}", hint=hint)


def _unusable(home: Path, error: OSError) -> NaiveError:
    if error.errno in _FULL:
        return PermanentError(f"the home {home} can not be written: {error.strerror}", hint="free some space")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return ConfigError(f"the home {home} is not a directory", hint="give another with --home or NAIVE_HOME")
    said = f"the home {home} can not be written: {error.strerror}"
    if error.errno in _MISTAKEN:
        return ConfigError(said, hint="give another with --home or NAIVE_HOME")
    return TransientError(said, hint="look at the machine: its disk, its memory, its limits")
