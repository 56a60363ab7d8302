"""The server: an exchange behind one port, its tasks, and what it can be told to do to itself.

Owned by whoever enters it (`async with ExchangeServer(options) as server`), in one loop. It ends every task, socket and
file of its own when it is left. A restart drops all connections and takes none for a while; then a new exchange comes
up on the same port from what the state has kept.
"""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple, Self

import structlog
from aiohttp import web

from naive_daemon.clock import NS_PER_MS, WallClock
from naive_daemon.domain.errors import ConfigError
from naive_daemon.exchange.server.accounts import Accounts, read_accounts
from naive_daemon.exchange.server.admin import Admin
from naive_daemon.exchange.server.channel import Channel
from naive_daemon.exchange.server.connection import PING_EVERY_S, Sockets
from naive_daemon.exchange.server.credentials import open_folder
from naive_daemon.exchange.server.exchange import Exchange, Surroundings
from naive_daemon.exchange.server.fault import Faults, FaultWish, filters_of, skew_ns
from naive_daemon.exchange.server.limits import Limiter, RateLimits
from naive_daemon.exchange.server.market_choice import MarketChoice, open_market
from naive_daemon.exchange.server.player import Player
from naive_daemon.exchange.server.rest import BODY_MAX, Rest
from naive_daemon.exchange.server.skewed_clock import SkewedClock
from naive_daemon.exchange.server.state import State
from naive_daemon.exchange.server.stream_socket import StreamSockets
from naive_daemon.exchange.server.venue import VenueRules
from naive_daemon.exchange.server.ws_api import WsApi

_BEAT_S = 1.0
_SAVE_EVERY_BEATS = 10
_SHUTDOWN_S = 0.2
_BACKLOG = 1_024
_RESTART_S = 1.0
_STREAMS = ("all", "stream")
_USERS = ("all", "user")


class ServerOptions(NamedTuple):
    """What is served, and where; `folder` is the exchange's own.

    Without `accounts` it makes some once, `account_count` at least.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    market: MarketChoice = MarketChoice()
    rules: VenueRules = VenueRules()
    limits: RateLimits = RateLimits()
    accounts: Path | None = None
    account_count: int = 0


class _Running(NamedTuple):
    """One life of the exchange, between two restarts."""

    exchange: Exchange
    runner: web.AppRunner
    sockets: Sockets
    streams: StreamSockets
    ws_api: WsApi
    tasks: list[asyncio.Task[None]]


class ExchangeServer:
    """See the module. Raises ConfigError on entering for a port that is taken, and for bad files."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self.port = options.port
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="exchange")
        self._running: _Running | None = None
        self._acts: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        self._failed = asyncio.get_running_loop().create_future()
        options = self._options
        clock = SkewedClock(WallClock())
        file = open_folder(options.folder, options.accounts, options.market.kind, options.account_count)
        accounts = Accounts(read_accounts(file))
        draw = random.Random(options.market.seed)  # noqa: S311 - faults, no secrets
        self._market = open_market(options.market, clock, options.folder)
        self.player = Player(self._market.source, self._market.instruments) if self._market.source else None
        self._surroundings = Surroundings(clock, accounts, Limiter(options.limits, clock), Faults(draw, clock))
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for act in self._acts:
            act.cancel()
        await asyncio.gather(*self._acts, return_exceptions=True)
        await self._close()
        if self.player is not None:
            self.player.save()

    @property
    def exchange(self) -> Exchange:
        """The exchange that is up."""
        return self._up().exchange

    @property
    def is_up(self) -> bool:
        """Say whether it serves, and is not being restarted."""
        return self._running is not None

    @property
    def sockets(self) -> Sockets:
        """The WebSocket connections that are open."""
        return self._up().sockets

    @property
    def address(self) -> str:
        """Host and port, as a URL has them."""
        # An address that stands for all of this machine's is none that anybody can connect to.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._options.host, self._options.host)  # noqa: S104 - no bind
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def account_names(self) -> list[str]:
        """The accounts that there are."""
        return [record.name for record in self._surroundings.accounts]

    async def failed(self) -> None:
        """Wait until a task of the server has failed, and raise what it failed of; for ever while none does."""
        if self._failed is not None:
            await self._failed

    def act(self, wish: FaultWish) -> None:
        """Do what a fault that is an action wants; raises NaiveError."""
        running = self._up()
        exchange, value = running.exchange, wish.value or ""
        match wish.kind:
            case "halt" | "resume":
                _check_listed(exchange, value)
                exchange.venue.halt(value, is_trading=wish.kind == "resume")
            case "delist":
                _check_listed(exchange, value)
                exchange.venue.delist(value)
            case "filters":
                symbol, filters = filters_of(wish)
                _check_listed(exchange, symbol)
                exchange.venue.change_filters(symbol, filters)
            case "revoke":
                revoked = exchange.accounts.revoke(value)
                if not revoked:
                    raise ConfigError("there is no such account or key that still works")
                exchange.users.terminate(revoked)
            case "clock-skew":
                exchange.clock.skew_ns = skew_ns(wish)
            case "cut":
                for channel in _channels(running, wish.where):
                    channel.cut()
            case "server-shutdown":
                self._begin(self._say_shutdown(running, wish.where, float(value or _RESTART_S)))
            case "restart":
                self._begin(self._restart(float(value or _RESTART_S)))

    def heal(self) -> None:
        """Let keys work, symbols be listed and trade as at the start, clocks agree, and banned addresses in again."""
        exchange = self._up().exchange
        exchange.accounts.restore()
        exchange.clock.skew_ns = 0
        exchange.limiter.pardon()
        exchange.venue.list_again()
        exchange.venue.restore_filters()

    async def _open(self) -> None:
        options = self._options
        state = State(options.folder / "state.sqlite")
        state.on_failure = self._fail
        try:
            exchange = Exchange(self._surroundings, state, self._market.instruments, options.rules)
            sockets = Sockets()
            streams, ws_api = StreamSockets(exchange, sockets), WsApi(exchange, sockets)
            app = web.Application(client_max_size=BODY_MAX)
            for part in (Rest(exchange), streams, ws_api, Admin(exchange, self.player, self)):
                part.add_routes(app)
            runner = web.AppRunner(
                app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S, handle_signals=False
            )
        except BaseException:
            state.close()
            raise
        try:
            await self._listen(runner)
        except BaseException:
            await runner.cleanup()
            state.close()
            raise
        self._running = _Running(exchange, runner, sockets, streams, ws_api, [])
        self._running.tasks.append(self._watched(self._beat(exchange)))
        self._running.tasks.append(self._watched(self._ping(exchange, sockets)))
        if self.player is not None:
            self._running.tasks.append(self._watched(self.player.play(exchange)))

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, self._options.host, self.port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            where = f"{self._options.host}:{self.port}"
            raise ConfigError(
                f"the exchange can not be served at {where}: {error.strerror or error}",
                hint="give an address of this machine and a free --port; 0 takes any",
            ) from None
        self.port = runner.addresses[0][1]

    async def _close(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        for task in running.tasks:
            task.cancel()
        await asyncio.gather(*running.tasks, return_exceptions=True)
        # No site before the connections: a client that comes back at once must find nobody.
        for site in list(running.runner.sites):
            await site.stop()
        for channel in running.sockets.channels():
            channel.cut()
        await running.runner.cleanup()
        running.exchange.close()

    async def _restart(self, seconds: float) -> None:
        if self._running is None:  # another restart is under way
            return
        self._log.info("restarting", seconds=seconds)
        await self._close()
        await asyncio.sleep(seconds)
        await self._open()

    async def _say_shutdown(self, running: _Running, where: str, seconds: float) -> None:
        if where in _STREAMS:
            running.streams.say_shutdown()
        if where in _USERS:
            running.ws_api.say_shutdown()
        channels = _channels(running, where)
        await asyncio.sleep(seconds)
        await running.sockets.close(channels)

    async def _beat(self, exchange: Exchange) -> None:
        beats = 0
        while True:
            await asyncio.sleep(_BEAT_S)
            exchange.beat()
            beats += 1
            if self.player is not None and beats % _SAVE_EVERY_BEATS == 0:
                self.player.save()

    async def _ping(self, exchange: Exchange, sockets: Sockets) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            await sockets.ping(str(exchange.clock.now_ns() // NS_PER_MS).encode())

    def _up(self) -> _Running:
        if self._running is None:
            raise ConfigError("the exchange is down, it is being restarted")
        return self._running

    def _begin(self, act: Coroutine[Any, Any, None]) -> None:
        task = self._watched(act)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._check)
        return task

    def _check(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


def _channels(running: _Running, where: str) -> list[Channel]:
    """Give the connections that are meant: of market streams, of the WebSocket API, or all."""
    streams = list(running.streams.channels) if where in _STREAMS else []
    return streams + (list(running.ws_api.sessions) if where in _USERS else [])


async def serve(server: ExchangeServer, end: asyncio.Event) -> None:
    """Wait until `end` is set, or raise what the server failed of."""
    failed = asyncio.ensure_future(server.failed())
    ended = asyncio.ensure_future(end.wait())
    try:
        done, _ = await asyncio.wait((failed, ended), return_when=asyncio.FIRST_COMPLETED)
        if failed in done:
            await failed
    finally:
        for waiting in (failed, ended):
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await waiting


def _check_listed(exchange: Exchange, symbol: str) -> None:
    if symbol not in exchange.listings:
        raise ConfigError(f"there is no symbol {symbol!r}", hint=f"there are {', '.join(exchange.listings)}")
