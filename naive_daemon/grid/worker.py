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
from typing import TYPE_CHECKING, Any, NoReturn

from naive_daemon.backtest import needs_of_plan, run_stretches
from naive_daemon.domain.errors import NaiveError
from naive_daemon.grid.outcome import Outcome, outcome_of
from naive_daemon.grid.shared import read
from naive_daemon.logs import LogFormat, LogLevel, configure_logs
from naive_daemon.market.signaller import signals_of
from naive_daemon.market.signals_in_bulk import BulkSignals, signals_in

if TYPE_CHECKING:
    from naive_daemon.backtest import BacktestPlan
    from naive_daemon.grid.points import Point
    from naive_daemon.grid.shared import MarketFile
    from naive_daemon.market.columns import Stretch

_ORPHANED = 1


def work(tasks: "Connection[Outcome, Any]", level: LogLevel, log_format: LogFormat) -> None:
    """Take the market and then points, and give outcomes, until its owner ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    configure_logs(level, log_format, sys.stderr)
    try:
        _work_off(tasks)
    except (EOFError, ConnectionError):  # the owner has ended, perhaps with an outcome that it had not read yet
        sys.exit(_ORPHANED)


def _work_off(tasks: "Connection[Outcome, Any]") -> NoReturn:
    market: MarketFile = tasks.recv()
    shared = _Shared(read(market))
    while True:
        point: Point = tasks.recv()
        try:
            result = run_stretches(shared.stretches, point.plan, signals=shared.signals(point.plan))
        except NaiveError as error:
            tasks.send(Outcome(number=point.number, changes=point.changes, error=error.message))
        else:
            tasks.send(outcome_of(point, result))


class _Shared:
    """What one point after the other is tested on."""

    def __init__(self, stretches: "list[Stretch]") -> None:
        self.stretches = stretches
        self._of: str | None = None
        self._signals: BulkSignals | None = None

    def signals(self, plan: "BacktestPlan") -> BulkSignals | None:
        """Give the signals of a plan: those of the plan before, where it needs the same."""
        needs = needs_of_plan(plan)
        if needs is None:
            return None
        strategy = plan.settings.strategy
        wanted = signals_of(strategy, needs)
        if wanted != self._of:
            self._signals = signals_in(self.stretches, plan.instrument.symbol, strategy, needs)
            self._of = wanted
        return self._signals


def _end_with_owner() -> None:
    """End at once with the owner, also within a backtest: nobody would ever read of it."""
    owner = parent_process()
    if owner is not None:
        wait([owner.sentinel])
    os._exit(_ORPHANED)
