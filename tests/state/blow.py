"""What can befall the daemon and its servers in one round: who is struck, and how."""

import contextlib
import signal
from collections.abc import Sequence
from typing import NamedTuple

import psutil

KILL, TERM, INT, STOP, CONT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGCONT


class Blow(NamedTuple):
    """The signal that each of the three gets, all in one moment. `flush`: what Redis holds is lost while it runs.

    `empty`: what it has on disk is lost, too.
    """

    name: str
    daemon: signal.Signals | None = None
    redis: signal.Signals | None = None
    postgres: signal.Signals | None = None
    flush: bool = False
    empty: bool = False

    @property
    def freezes(self) -> bool:
        """Say whether a server only stands still for a while."""
        return STOP in (self.redis, self.postgres)


BLOWS: tuple[Blow, ...] = (
    Blow("daemon killed", daemon=KILL),
    Blow("Redis killed", redis=KILL),
    Blow("Postgres killed", postgres=KILL),
    Blow("daemon and Redis killed", daemon=KILL, redis=KILL),
    Blow("daemon and Postgres killed", daemon=KILL, postgres=KILL),
    Blow("all three killed", daemon=KILL, redis=KILL, postgres=KILL),
    Blow("Redis and Postgres killed", redis=KILL, postgres=KILL),
    Blow("daemon ended", daemon=TERM),
    Blow("Redis ended", redis=TERM),
    Blow("Postgres ended", postgres=INT),
    Blow("Redis frozen", redis=STOP),
    Blow("Postgres frozen", postgres=STOP),
    Blow("Redis flushed", flush=True),
    Blow("Redis flushed, daemon killed", daemon=KILL, flush=True),
    Blow("daemon and Redis killed, Redis emptied", daemon=KILL, redis=KILL, empty=True),
)


def send(number: signal.Signals, processes: Sequence[psutil.Process]) -> None:
    """Signal all processes; one that has just ended by itself is passed over."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
