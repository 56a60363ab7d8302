"""A worker of a grid: a process that runs one backtest after the other, on the market that all share.

It ends when it is told to, when its owner ends however that happens, and by no signal that a terminal sends: its owner
hears that one.
"""

import os
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from naive_daemon.backtest import run_stretches
from naive_daemon.domain.errors import NaiveError
from naive_daemon.grid.outcome import Outcome, outcome_of
from naive_daemon.grid.shared import MarketFile, read
from naive_daemon.logs import LogFormat, LogLevel, configure_logs

if TYPE_CHECKING:
    from naive_daemon.grid.points import Point

_ORPHANED = 1


def work(tasks: "Connection[Outcome, Point]", market: MarketFile, level: LogLevel, log_format: LogFormat) -> None:
    """Take points and give outcomes, until its owner ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    configure_logs(level, log_format, sys.stderr)
    stretches = read(market)
    while True:
        point = tasks.recv()
        try:
            result = run_stretches(stretches, point.plan)
        except NaiveError as error:
            tasks.send(Outcome(number=point.number, changes=point.changes, error=error.message))
        else:
            tasks.send(outcome_of(point.number, point.changes, result, point.plan.instrument))


def _end_with_owner() -> None:
    """End at once with the owner, also within a backtest: nobody would ever read of it."""
    owner = parent_process()
    if owner is not None:
        wait([owner.sentinel])
    os._exit(_ORPHANED)
