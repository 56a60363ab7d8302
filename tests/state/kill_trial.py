"""A daemon that trades while it and its servers are killed, ended, frozen and emptied; then everything is audited.

The exchange is a process of its own that nobody strikes: it knows the truth.
"""

import random
import time
from collections import Counter
from pathlib import Path

import psutil
import redis

from tests.e2e.books import Books
from tests.e2e.daemon import Daemon
from tests.exchange.trial import UNREACHABLE, Trial
from tests.state.blow import CONT, KILL, Blow, send
from tests.state.layout import POSTGRES, REDIS, Layout, await_ends, make_layout
from tests.state.rest import Rest, await_trade

FROZEN_S = (0.5, 3.0)
KILLED_AT_START = 0.3
LINES_STARTING_MAX = 12
PAUSES_S = (0.0, 0.3, 1.5)


class KillTrial:
    """One exchange, one daemon, and servers in one of two layouts."""

    def __init__(self, folder: Path, seed: int, *, layout: str, symbols: int, speed: int) -> None:
        self._trial = Trial(folder, seed, symbols=symbols, speed=speed)
        self.draw = random.Random(f"{seed}/blows")
        self._layout: Layout = make_layout(layout, self._trial.place.home)
        self._struck: Counter[str] = Counter()
        self._rest = Rest(self._trial, self._layout)

    @property
    def daemon(self) -> Daemon:
        """The daemon that runs, or the last one that did."""
        assert self._trial.daemon is not None
        return self._trial.daemon

    def start(self) -> None:
        """Start servers, exchange and daemon, and wait until it trades."""
        self._layout.prepare(self._trial.place)
        self._trial.start()
        await_trade(self.daemon, self._trial.place)

    def play(self, blow: Blow) -> float:
        """Let it trade for a while, strike, mend; gives how many seconds after the blow it traded again."""
        self._trial.rest(self.draw.uniform(0.2, 3))
        struck = time.monotonic()
        self._strike(blow)
        self._struck[blow.name] += 1
        await_trade(self.daemon, self._trial.place)
        return time.monotonic() - struck

    def audit(self) -> Books:
        """Let everything come to rest, and compare all that is known of it; kills all three once more on the way."""
        self._trial.heal()
        self._rest.come()
        self._strike(Blow("at rest", daemon=KILL, redis=KILL, postgres=KILL))
        again = self._rest.come()
        self._trial.exchange.resume()
        await_trade(self.daemon, self._trial.place)
        return again

    def told(self, books: Books) -> str:
        """Tell in a line what there was."""
        blows = ", ".join(f"{count} × {name}" for name, count in sorted(self._struck.items()))
        return (
            f"{len(books.orders)} orders, {len(books.fills)} fills, {books.completed} cycles completed: "
            f"journal, exchange and cache agree after {blows}"
        )

    def end(self) -> None:
        """End everything, whatever has happened."""
        for server in (REDIS, POSTGRES):
            send(CONT, self._layout.processes(server))
        self._trial.end()
        self._layout.stop()

    # One blow --------------------------------------------------------------------------------------------------------

    def _strike(self, blow: Blow) -> None:
        targets = {server: self._layout.processes(server) for server in (REDIS, POSTGRES)}
        if blow.flush:
            with redis.Redis.from_url(self._layout.redis_url()) as client:
                client.flushall()
        if blow.daemon is not None:
            self.daemon.signal(blow.daemon)
        for server, number in ((REDIS, blow.redis), (POSTGRES, blow.postgres)):
            if number is not None:
                # A kill takes all processes at once, as a power cut does; any other signal is the main one's affair.
                send(number, targets[server] if number is KILL or blow.freezes else targets[server][:1])
        if blow.freezes:
            self._trial.rest(self.draw.uniform(*FROZEN_S))
            send(CONT, [*targets[REDIS], *targets[POSTGRES]])
            return
        if blow.daemon is not None:
            code = self.daemon.await_end()
            assert code == (-KILL if blow.daemon is KILL else 0), self.daemon.log.text()[-4000:]
        self._mend(blow, [p for server in struck_servers(blow) for p in targets[server]])

    def _mend(self, blow: Blow, struck: list[psutil.Process]) -> None:
        """Start again what was struck, in a drawn order of time, as systemd and operators do."""
        await_ends(struck)
        if blow.empty:
            self._layout.empty_redis()
        is_late = self.draw.random() < 0.5
        if blow.daemon is not None and is_late and not self._layout.is_embedded:
            self._start_too_early(blow)
        elif blow.daemon is None:
            self._trial.rest(self.draw.choice(PAUSES_S))
        for server in struck_servers(blow):
            self._layout.revive(server)
        if blow.daemon is not None and not self.daemon.is_running():
            if blow.daemon is KILL and self.draw.random() < KILLED_AT_START:
                self._kill_as_it_starts()
            self._trial.start_daemon()

    def _kill_as_it_starts(self) -> None:
        """Kill the next daemon too, somewhere on its way to trading."""
        early = self._trial.place.run()
        early.log.await_lines(self.draw.randrange(LINES_STARTING_MAX))
        early.kill()

    def _start_too_early(self, blow: Blow) -> None:
        """Start the daemon before its servers: without Postgres it says so and ends, without Redis it trades."""
        if blow.postgres is not None:
            early = self._trial.place.run()
            assert early.await_end() == UNREACHABLE, early.log.text()[-4000:]
        elif blow.redis is not None:
            self._trial.start_daemon()


def struck_servers(blow: Blow) -> list[str]:
    """Name the servers that a blow ends."""
    return [server for server, number in ((REDIS, blow.redis), (POSTGRES, blow.postgres)) if number is not None]
