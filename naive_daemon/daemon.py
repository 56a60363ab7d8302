"""The daemon's life: take the home, open the world, grow the tree, wait, and end everything in order.

The main thread only waits. It ends when a signal or the caller asks for it, or when the tree gives up: then with a
status that is not zero, so that the service manager starts it afresh.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from types import FrameType
from typing import Any

import structlog

from naive_daemon import names
from naive_daemon.config import parse_endpoint
from naive_daemon.console.server import ConsoleServer
from naive_daemon.domain.errors import NaiveError, TransientError
from naive_daemon.home import HomeLock
from naive_daemon.metrics.server import MetricsServer
from naive_daemon.otp import ActorDiedError, ActorSystem, Ref, StartFailedError, rare_collections
from naive_daemon.trading.account_messages import DrainAccounts, FlushAccounts
from naive_daemon.tree import root
from naive_daemon.world import World

TICK_S = 0.5
HOME_WAIT_S = 3.0
START_TIMEOUT_S = 120.0
FLUSH_TIMEOUT_S = 2.0
DESK_TIMEOUT_S = 1.0
"""How much longer than the accounts themselves who asks them all may take."""

Reload = Callable[[], None]


class TreeFailedError(NaiveError):
    """The supervision tree has given up."""


class Daemon:
    """One run of the daemon.

    What is given is called by the main thread: `on_start` when the world is open, `on_system` before the tree grows,
    `on_tick` twice a second while it trades, `on_stop` when the tree has ended in order and the world is still open.
    """

    def __init__(
        self,
        world: World,
        *,
        on_start: Callable[[World], None] = lambda _: None,
        on_system: Callable[[ActorSystem], None] = lambda _: None,
        on_tick: Callable[[ActorSystem], None] = lambda _: None,
        on_stop: Callable[[World], None] = lambda _: None,
        on_reload: Reload = lambda: None,
        pool_threads: int | None = None,
    ) -> None:
        self._world = world
        self._config = world.config
        self._on_start = on_start
        self._on_system = on_system
        self._on_tick = on_tick
        self._on_stop = on_stop
        self._on_reload = on_reload
        self._pool_threads = pool_threads or self._config.supervision.pool_threads
        self._wake = threading.Event()
        self._stop_reason: str | None = None
        self._failure: str | None = None
        self._shall_reload = False
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="daemon")

    def stop(self, reason: str) -> None:
        """Ask for the end, from any thread."""
        self._stop_reason = self._stop_reason or reason
        self._wake.set()

    def run(self) -> None:
        """Trade until asked to end; raises TreeFailedError when the tree gives up, and what opening the world raises.

        Takes the signals INT, TERM and HUP for its time, so it belongs to the main thread. Raises ConfigError or
        TransientError before anything is opened when metrics can not be served where they should be.
        """
        with HomeLock(self._config.home).acquire(HOME_WAIT_S), _signals(self._on_signal), self._metrics() as metrics:
            self._open_and_trade(metrics)
        self._log.info("ended", reason=self._stop_reason)

    def _metrics(self) -> AbstractContextManager[MetricsServer | None]:
        listen = self._config.metrics.listen
        return nullcontext() if listen is None else closing(MetricsServer(parse_endpoint(listen)))

    def _open_and_trade(self, metrics: MetricsServer | None) -> None:
        try:
            self._world.open(self._shall_end)
        except TransientError as error:
            if self._stop_reason is None:
                raise
            self._log.info("ended before it traded", reason=error.message)
            return
        try:
            with rare_collections():
                self._trade(metrics)
        finally:
            self._world.close()

    def _make_system(self) -> ActorSystem:
        supervision = self._config.supervision
        kill_after_s = supervision.kill_stuck_after_s
        return ActorSystem.live(
            self._world.clock,
            self._pool_threads,
            stuck_after_s=supervision.stuck_after_s,
            kill_after_s=None if kill_after_s == "never" else kill_after_s,
        )

    def _trade(self, metrics: MetricsServer | None) -> None:
        self._on_start(self._world)
        system = self._make_system()
        console = ConsoleServer(system, self._config.home)
        try:
            console.start()  # first, so that a tree that does not come up can be looked at
            if metrics is not None:
                metrics.start(system)
            self._on_system(system)
            top = self._grow(system)
            system.on_down(top, lambda down: self._fail(str(down.reason)))
            self._wait(system)
            self._end(system, top)
        finally:
            if metrics is not None:
                metrics.close()
            console.stop()
            system.stop(timeout_s=1.0)
        if self._failure is not None and self._stop_reason is None:
            raise TreeFailedError(
                f"the supervision tree has given up: {self._failure}", hint="the log says what kept crashing"
            )
        self._say_stopped()
        self._on_stop(self._world)

    def _say_stopped(self) -> None:
        try:
            self._world.say_stopped()
        except TransientError as error:  # the orders are safe: the next start reads the journal, not this note
            self._log.warning("the end is not noted in the database", reason=error.message)

    def _shall_end(self) -> bool:
        return self._stop_reason is not None or self._failure is not None

    def _grow(self, system: ActorSystem) -> Ref:
        try:
            return system.start(root(self._world.ports()), "root", START_TIMEOUT_S)
        except (StartFailedError, TimeoutError) as error:
            raise TreeFailedError(f"the supervision tree did not start: {error}", hint="the log says why") from None

    def _wait(self, system: ActorSystem) -> None:
        while not self._shall_end():
            self._wake.wait(TICK_S)
            self._wake.clear()
            if self._shall_reload:
                self._shall_reload = False
                self._on_reload()
            self._world.keep_up(self._shall_end)
            self._on_tick(system)

    def _end(self, system: ActorSystem, top: Ref) -> None:
        if self._failure is not None:
            return
        self._log.info("ending", reason=self._stop_reason)
        self._drain(system)
        self._flush(system)
        if system.terminate(top, self._config.shutdown_timeout_s) is None:
            self._log.error("the tree did not end in time", waited_s=self._config.shutdown_timeout_s)

    def _drain(self, system: ActorSystem) -> None:
        """Have no order on its way when the tree ends; one without an answer by then is asked for at the next start."""
        late = self._ask_accounts(system, DrainAccounts(self._config.shutdown_timeout_s))
        if late:
            self._log.warning("orders may be on their way", accounts=late)

    def _flush(self, system: ActorSystem) -> None:
        """Have the accounts' metadata written while everybody who writes it is there."""
        late = self._ask_accounts(system, FlushAccounts(FLUSH_TIMEOUT_S))
        if late:
            hint = "the log says above why Redis did not take it"
            self._log.warning("metadata is not written whole", accounts=late, hint=hint)

    def _ask_accounts(self, system: ActorSystem, question: DrainAccounts | FlushAccounts) -> str:
        """Ask the desk for something of all accounts; names those that have not done it."""
        try:
            late: tuple[str, ...] = system.ask(names.ACCOUNT_DESK, question, question.timeout_s + DESK_TIMEOUT_S)
        except (ActorDiedError, TimeoutError):
            return "all"
        return ", ".join(late)

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._wake.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._shall_reload = True
            self._wake.set()
        else:
            self.stop(signal.Signals(number).name)


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, action in former.items():
            signal.signal(number, action)
