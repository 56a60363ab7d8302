"""Where a schedule of faults is played: the installed daemon, real servers, a local exchange; what can be done there.

The daemon is started again whenever it ends, as systemd does. Whatever lasts for a while (a server that stands still, a
symbol that is halted) is ended when its time has come, while other faults go on. Commands of the operator run one
after the other, beside everything else, and may fail: their servers are struck, too.
"""

import heapq
import itertools
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from naive_daemon.console.client import ConsoleClient
from naive_daemon.console.protocol import SuspendActor, Told
from naive_daemon.domain.errors import NaiveError
from tests.e2e.daemon import Daemon
from tests.exchange.local_exchange import AdminError
from tests.exchange.trial import UNREACHABLE, Trial
from tests.postgres_proxy import PostgresProxy
from tests.simulation.plan import Plan
from tests.simulation.real.deed import PROGRAM, Deed, intrude
from tests.state.blow import CONT, KILL, STOP, TERM, send
from tests.state.layout import Layout, make_layout

FAILED = 1
GIVEN_UP = "supervision tree has given up"
STARTED_WITHIN_S = 90.0
POLL_S = 0.03
COMMANDS_MAX = 2
INTERVALS_SHRINK = 5
"""The generated market moves less than the simulated one."""
DATABASE_TIMEOUT_S = 2


class NotMadeError(Exception):
    """A fault could not be made just now; says why."""


class Stage:
    """See the module. `ends`: how the daemon ended, and how often. `tell` is told what happens by itself."""

    def __init__(
        self, folder: Path, seed: int, plan: Plan, *, layout: str, speed: int, tell: Callable[[str], None]
    ) -> None:
        self._tell = tell
        self.trial = Trial(
            folder,
            seed,
            symbols=len(plan.symbols),
            speed=speed,
            settings=_settings(plan),
            rules=_rules(plan),
            program=PROGRAM,
        )
        self.layout: Layout = make_layout(layout, self.trial.place.home)
        self.chunks = dict.fromkeys(self.trial.symbols, plan.chunks)
        self.ends: Counter[str] = Counter()
        self._proxy: PostgresProxy | None = None
        self._held = ExitStack()
        self._undos: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._frozen: Counter[str] = Counter()
        self._asked_to_end = False
        self._is_hasty = False
        self._ready: Daemon | None = None
        self._began_s = 0.0
        self._commands: deque[tuple[str, ...]] = deque()
        self._command: Daemon | None = None

    @property
    def daemon(self) -> Daemon:
        """The daemon that runs, or the last one that did."""
        assert self.trial.daemon is not None
        return self.trial.daemon

    @property
    def exchange(self) -> Any:
        """The local exchange."""
        return self.trial.exchange

    def symbol(self, size: float) -> str:
        """Choose a symbol by a fault's size."""
        symbols = self.trial.symbols
        return symbols[int(size * 1_000_003) // 7 % len(symbols)]

    # Life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start servers, exchange and daemon, and wait until it is ready."""
        place = self.trial.place
        place.environment |= {
            # Shorter than the product's own: a schedule has seconds, and how often something is tried is what counts.
            "NAIVE_SUPERVISION__STUCK_AFTER_S": "1",
            "NAIVE_SUPERVISION__KILL_STUCK_AFTER_S": "3",
            "NAIVE_SUPERVISION__QUARANTINE_FIRST_S": "2",
            "NAIVE_SUPERVISION__QUARANTINE_MAX_S": "8",
            "NAIVE_SHUTDOWN_TIMEOUT_S": "3",
        }
        self.layout.prepare(place)
        if not self.layout.is_embedded:
            self._proxy = self._held.enter_context(PostgresProxy(place.url))
            place.environment["NAIVE_DATABASE_URL"] = self._proxy.url
        self.trial.start()
        self._began_s = time.monotonic()

    def rest(self, seconds: float) -> float:
        """Let it trade, see to everything that is due; gives how many seconds of the schedule have passed."""
        began_s = time.monotonic()
        self.daemon.ends_within(max(0.0, min(seconds, POLL_S)))
        self.see_to_all()
        return time.monotonic() - began_s if self._is_hasty or self.is_ready() else 0.0

    def see_to_all(self) -> None:
        """Undo what has lasted long enough, start what has ended, go on with the operator's commands."""
        while self._undos and self._undos[0][0] <= time.monotonic():
            heapq.heappop(self._undos)[2]()
        self._keep_alive()
        if self._command is not None and not self._command.is_running():
            code = self._command.await_end()
            assert code in (0, FAILED, UNREACHABLE), self._command.log.text()
            self._command = None
        if self._command is None and self._commands:
            first, *others = self._commands.popleft()
            self._command = self.trial.place.run(*others, command=first)

    def is_ready(self) -> bool:
        """Say whether the daemon that runs has said that it is ready."""
        if not self.daemon.is_running():
            return False
        if self._ready is self.daemon or self.daemon.log.events("ready"):
            if self._ready is not self.daemon:
                self._ready = self.daemon
                self._tell(f"the daemon is ready after {time.monotonic() - self._began_s:.1f} s")
            self._is_hasty = False
            return True
        if not self._undos:
            assert time.monotonic() - self._began_s < STARTED_WITHIN_S, self._last_words("it does not become ready")
        return False

    def heal(self) -> None:
        """Undo everything, let the operator's last commands end, and wait until the daemon is ready."""
        while self._undos:
            heapq.heappop(self._undos)[2]()
        for server in ("postgres", "redis-server"):
            send(CONT, self.layout.processes(server))
            self.layout.revive(server)
        if self._proxy is not None:
            self._proxy.heal()
        self.trial.heal()
        self.exchange.fault("clock-skew", value="0")
        until_s = time.monotonic() + STARTED_WITHIN_S
        while self._command is not None or self._commands or not self.is_ready():
            assert time.monotonic() < until_s, self._last_words("the operator's commands do not end")
            self.rest(POLL_S)

    def end(self) -> None:
        """End everything, whatever has happened."""
        for server in ("postgres", "redis-server"):
            send(CONT, self.layout.processes(server))
        with self._held:
            try:
                self.trial.end()
            finally:
                self.layout.stop()

    def _keep_alive(self) -> None:
        daemon = self.daemon
        if daemon.is_running():
            return
        code = daemon.await_end()
        if code == -KILL:
            how = "killed"
        elif self._asked_to_end and code in (0, -TERM):
            how = "ended in order"
        elif code == UNREACHABLE:
            how = "ended without its servers"
        else:
            assert code == FAILED, self._last_words(f"it ended with {code}")
            assert GIVEN_UP in daemon.log.text(), self._last_words("it ended by itself")
            how = "gave up, as its root had ended"
        self.ends[how] += 1
        self._tell(f"the daemon: {how}")
        self._asked_to_end = False
        self._began_s = time.monotonic()
        self.trial.daemon = self.trial.place.run()

    def _last_words(self, what: str) -> str:
        self.daemon.end_hard()
        return f"{what}:\n{self.daemon.log.text()[-4000:]}"

    # What can be done -----------------------------------------------------------------------------------------------

    def later(self, seconds: float, undo: Callable[[], None]) -> None:
        """Have something undone after a while."""
        heapq.heappush(self._undos, (time.monotonic() + seconds, next(self._numbers), undo))

    def kill_daemon(self, *, is_hasty: bool) -> None:
        """Kill the daemon with -9; the next one may be struck while it still starts."""
        self.daemon.kill()
        self._is_hasty = is_hasty
        self._keep_alive()

    def end_daemon(self) -> None:
        """Ask the daemon to end in order."""
        if self._asked_to_end:
            raise NotMadeError("it was ending already")
        self._asked_to_end = True
        self.daemon.signal(signal.SIGTERM)

    def freeze(self, server: str, seconds: float) -> None:
        """Let a server stand still for a while."""
        processes = self._processes(server)
        send(STOP, processes)
        self._frozen[server] += 1

        def thaw() -> None:
            self._frozen[server] -= 1
            if not self._frozen[server]:
                send(CONT, processes)

        self.later(seconds, thaw)

    def kill_server(self, server: str, seconds: float) -> None:
        """Kill all processes of a server; it is there again after a while, or when the daemon sees to it."""
        send(KILL, self._processes(server))
        self.later(seconds, lambda: self.layout.revive(server))

    def ask_database(self, statement: str) -> None:
        """Say something to PostgreSQL beside the daemon."""
        if self._frozen["postgres"]:
            raise NotMadeError("PostgreSQL was away")
        try:
            with psycopg.connect(
                self.trial.place.url, autocommit=True, connect_timeout=DATABASE_TIMEOUT_S
            ) as connection:
                connection.execute(statement.encode())
        except (psycopg.Error, AssertionError):
            raise NotMadeError("PostgreSQL was away") from None

    def redis_url(self) -> str:
        """Give the URL of the Redis that runs; raises NotMadeError."""
        if self._frozen["redis-server"] or not self.layout.processes("redis-server"):
            raise NotMadeError("Redis was away")
        return self.layout.redis_url()

    def lose_answer(self) -> None:
        """Lose PostgreSQL's next answer: what was asked is done."""
        if self._proxy is None:
            raise NotMadeError("nobody stands between a daemon and its own PostgreSQL")
        self._proxy.lose_next()

    def fault(self, kind: str, **wish: Any) -> None:
        """Let the exchange misbehave."""
        self.ask_exchange(lambda: self.exchange.fault(kind, **wish))

    def ask_exchange(self, ask: Callable[[], Any]) -> Any:
        """Ask the exchange's operator's side for something."""
        try:
            return ask()
        except (OSError, AdminError):
            raise NotMadeError("the exchange was away") from None

    def command(self, *arguments: str) -> None:
        """Have the operator type a command when the one before is done; some at most wait for their turn."""
        if len(self._commands) >= COMMANDS_MAX:
            raise NotMadeError("the operator was still typing")
        self._commands.append(arguments)

    def command_later(self, seconds: float, *arguments: str) -> None:
        """Have the operator type a command after a while, unless it waits for its turn already."""

        def type_it() -> None:
            if arguments not in self._commands:
                self._commands.append(arguments)

        self.later(seconds, type_it)

    def strike_actor(self, kind: str, role: str, size: float, for_s: float = 0.0) -> str:
        """Do something to an actor of a role; gives its name."""
        try:
            name = intrude(self.daemon.pid, Deed(kind, role, size, for_s))
        except OSError:
            raise NotMadeError("the daemon was starting") from None
        if not name:
            raise NotMadeError("no such actor was there")
        return name

    def suspend(self, name: str, seconds: float) -> None:
        """Have an actor suspended by the console."""
        try:
            ConsoleClient(self.trial.place.home, time.monotonic).ask(SuspendActor(name, seconds), Told)
        except NaiveError as error:
            raise NotMadeError("the console refused it") from error

    def price(self, symbol: str) -> Decimal:
        """Give the last price of a symbol on the exchange."""
        found = self.ask_exchange(lambda: self.exchange.admin("GET", "/admin/market"))["prices"][symbol]
        if found is None:
            raise NotMadeError("nothing was traded yet")
        return Decimal(found)

    def _processes(self, server: str) -> list[Any]:
        processes = self.layout.processes(server)
        if not processes:
            raise NotMadeError(f"{server} was away")
        return processes


def _settings(plan: Plan) -> list[str]:
    return [
        f"chunks={plan.chunks}",
        f"budget={plan.budget}",
        f"dust={plan.dust.value}",
        *(
            f"{name}={getattr(plan, name) / INTERVALS_SHRINK:f}"
            for name in ("buy_down_interval", "profit_interval", "rebuy_interval")
        ),
    ]


def _rules(plan: Plan) -> list[str]:
    fee_asset = ["--fee-asset", "BNB=0.003"] if plan.fee_asset is not None else []
    fee = f"{plan.fee:f}"
    return ["--fill-model", plan.fill_model.value, "--maker-fee", fee, "--taker-fee", fee, *fee_asset]
