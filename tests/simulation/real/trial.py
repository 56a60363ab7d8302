"""A seed's schedule of faults, played against the installed daemon with real servers; then everything must agree.

The promises are those of the simulation, by the same names. What it holds after each step is held here where the
daemon's own books and the exchange's can be compared to the last order and fill: once all is healed and rests, again
behind a kill of all three at rest, where nothing may have changed; then it must trade on.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from naive_daemon.domain.settings import TradingStatus
from tests.e2e.books import Books, write
from tests.simulation.odds import Fault
from tests.simulation.plan import Plan
from tests.simulation.promises.violation import promised
from tests.simulation.real.counterparts import COUNTERPARTS
from tests.simulation.real.schedule import Schedule
from tests.simulation.real.stage import NotMadeError, Stage
from tests.state.blow import KILL, send
from tests.state.layout import POSTGRES, REDIS, await_ends
from tests.state.rest import Rest, await_trade

LAST_WISHES = (TradingStatus.ON, TradingStatus.ON, TradingStatus.SHUTDOWN, TradingStatus.OFF)
NOTHING_WITHHELD = "UPDATE kill_switch SET is_on = false"


class RealTrial:
    """`made` and `not_made` count faults by kind, the latter with the reason."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        plan: Plan,
        schedule: Schedule,
        *,
        layout: str,
        speed: int = 10,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._say = say
        self.stage = Stage(folder, seed, plan, layout=layout, speed=speed, tell=self._tell)
        self.made: Counter[str] = Counter()
        self.not_made: Counter[tuple[str, str]] = Counter()
        self._draw = random.Random(f"{seed}/wishes")
        self._schedule = schedule
        self._rest = Rest(self.stage.trial, self.stage.layout)
        self._began_s = time.monotonic()

    def play(self) -> None:
        """Start, let every fault befall at its time, and heal."""
        stage = self.stage
        stage.start()
        await_trade(stage.daemon, stage.trial.place)
        self._began_s = time.monotonic()
        for fault in self._schedule.left_out:
            self.not_made[fault.kind, "too close on another death"] += 1
        passed_s = 0.0
        for due in self._schedule.dues:
            while (left_s := due.at_s - passed_s) > 0:
                passed_s += stage.rest(left_s)
            stage.see_to_all()
            self._strike(due.fault)
        self._tell("heals")
        with promised("the daemon comes up"):
            stage.heal()

    def audit(self) -> Books:
        """Hold what must hold at rest, also behind a death of all three; then it must trade on."""
        self._say_last_wishes()
        self._tell("comes to rest")
        with promised("at rest all agree"):
            self._rest.come()
        self._tell("all three are killed at rest")
        with promised("the daemon comes up"):
            self._kill_all()
        with promised("at rest all agree"):
            books = self._rest.come()
        self._tell("trades on")
        for symbol in self.stage.trial.symbols:
            self._want(TradingStatus.ON, symbol)
        self.stage.exchange.resume()
        with promised("nothing holds entries back"):
            await_trade(self.stage.daemon, self.stage.trial.place)
        return books

    def told(self, books: Books) -> str:
        """Tell in a line what there was."""
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.made.items()))
        ends = ", ".join(f"{count} × {how}" for how, count in sorted(self.stage.ends.items()))
        return (
            f"{len(books.orders)} orders, {len(books.fills)} fills, {books.completed} cycles completed; "
            f"{self.made.total()} faults: {faults or 'none'}; the daemon: {ends or 'ran on'}"
        )

    def told_not_made(self) -> str:
        """Tell in a line what was not made real, and why."""
        return ", ".join(f"{count} {kind} ({why})" for (kind, why), count in sorted(self.not_made.items())) or "none"

    def _strike(self, fault: Fault) -> None:
        counterpart = COUNTERPARTS[fault.kind]
        if counterpart.strike is None:
            self.not_made[fault.kind, "it has no counterpart"] += 1
            return
        try:
            counterpart.strike(self.stage, fault)
        except NotMadeError as error:
            self.not_made[fault.kind, str(error)] += 1
            return
        self.made[fault.kind] += 1
        self._tell(f"{fault.kind}, {fault.place} #{fault.number} ({fault.size:.3f})")

    def _tell(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._began_s:7.2f} s  {what}")

    def _say_last_wishes(self) -> None:
        """Say as an operator what is wanted in the end: nothing withheld, some symbols finished or off."""
        url = self.stage.trial.place.url
        write(url, NOTHING_WITHHELD)
        write(url, "DELETE FROM risk_limits")
        for symbol in self.stage.trial.symbols:
            self._want(self._draw.choice(LAST_WISHES), symbol)

    def _want(self, status: TradingStatus, symbol: str) -> None:
        write(self.stage.trial.place.url, f"UPDATE settings SET status = '{status.value}' WHERE symbol = '{symbol}'")

    def _kill_all(self) -> None:
        """Kill the daemon and both servers at rest, all in one moment, and start what is started."""
        stage = self.stage
        struck = [process for server in (POSTGRES, REDIS) for process in stage.layout.processes(server)]
        send(KILL, struck)
        stage.daemon.kill()
        await_ends(struck)
        for server in (POSTGRES, REDIS):
            stage.layout.revive(server)
        stage.trial.start_daemon()
