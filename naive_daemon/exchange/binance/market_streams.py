"""The market streams of Binance: which trades and candles are wanted, on which connections, and what arrives of them.

Owned by the live market's actor, and ended by it or by the world when the actor was killed; what stands above the line
may be called from any thread, everything else happens on the loop of its own.
Invariant: of one symbol each trade is told once, in the order of the exchange's numbers, and nothing after `end`.
Closed candles are told as they come: one may come twice, and what a lost connection has missed does not come.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import aiohttp
import structlog

from naive_daemon.clock import NS_PER_S, Clock
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance.attempt_limit import AttemptLimit
from naive_daemon.exchange.binance.backoff import Backoff
from naive_daemon.exchange.binance.endpoints import address
from naive_daemon.exchange.binance.loop_thread import LoopThread
from naive_daemon.exchange.binance.market_connection import ConnectFailed, MarketConnection, StreamRules
from naive_daemon.exchange.binance.market_line import MarketLine
from naive_daemon.exchange.binance.market_subscription import candle_stream, trade_stream
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.market.live import StreamState

ANEW_AFTER_NS = 10 * NS_PER_S
"""A trade whose number is too low, but which is later than the last one by so much, begins a new numbering (a test
network that was reset); one connection never lags behind another by so much."""


class MarketListener(Protocol):
    """Who is told what arrives. On the loop's thread, which must not wait."""

    def on_trade(self, trade: Trade) -> None:
        """Take a trade."""

    def on_candle(self, candle: Candle) -> None:
        """Take a closed candle."""

    def on_health(self, *, connected: bool, reason: str) -> None:
        """Trades arrive from now on, or do not."""

    def on_defect(self, error: BaseException) -> None:
        """Something in here has failed that must not: nothing may be relied on any more."""


class _Tape:
    """What is known of one symbol's trades."""

    def __init__(self, line: MarketLine) -> None:
        self.line = line
        self.last_id = -1
        self.last_ns: int | None = None
        self.arrived_s = 0.0
        self.dropped = 0


class MarketStreams:
    """`start` it once, `end` it once."""

    def __init__(self, stream_url: str, clock: Clock, generator: random.Random, rules: StreamRules) -> None:
        self._url = f"{stream_url}/ws"
        self._address = address(stream_url)
        self._clock = clock
        self._generator = generator
        self._rules = rules
        self._loop = LoopThread("market streams")
        self._attempts = AttemptLimit()
        self._tapes: dict[str, _Tape] = {}
        self._candles: dict[tuple[str, str], MarketLine] = {}
        self._lines: dict[MarketLine, asyncio.Task[None]] = {}
        self._lines_made = 0
        self._health: tuple[bool, str] | None = None
        self._is_over = False
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="player", address=self._address)
        self._oddities = Oddities(self._log)
        self._session: aiohttp.ClientSession
        self._listener: MarketListener

    def start(self, listener: MarketListener) -> None:
        """Start the loop; `listener` is told from now on."""
        self._listener = listener
        self._loop.start()
        self._loop.call(self._open_session)

    def play(self, symbol: str) -> None:
        """Bring the symbol's trades; again is the same."""
        self._loop.call(self._play, symbol)

    def silence(self, symbol: str) -> None:
        """Bring the symbol's trades no more."""
        self._loop.call(self._silence, symbol)

    def play_candles(self, symbol: str, interval: str) -> None:
        """Bring the symbol's candles of one interval as they close; again is the same."""
        self._loop.call(self._play_candles, symbol, interval)

    def silence_candles(self, symbol: str, interval: str) -> None:
        """Bring these candles no more."""
        self._loop.call(self._silence_candles, symbol, interval)

    def run(self, make: Callable[["aiohttp.ClientSession"], Coroutine[Any, Any, object]]) -> bool:
        """Run what `make` gives as a task on the loop, with a session of its own; False when the loop is ending."""
        return self._loop.submit(lambda: make(self._session))

    def say_health(self) -> None:
        """Tell again whether trades arrive, if that was ever told."""
        self._loop.call(self._say_health)

    def states(self) -> tuple[StreamState, ...]:
        """Say how each symbol's stream stands."""
        now_s = self._clock.monotonic_s()
        return tuple(self._state(symbol, tape, now_s) for symbol, tape in sorted(self._tapes.copy().items()))

    def odd_frames(self) -> dict[str, int]:
        """Count the frames that could not be used, by kind."""
        return self._oddities.counts()

    def end_soon(self) -> None:
        """Tell nothing any more, and close all connections without waiting for it."""
        self._is_over = True
        self._loop.end_soon()

    def end(self) -> None:
        """Do the same, and wait for the thread; a thread that does not come back in time is logged."""
        self._is_over = True
        if not self._loop.end():
            self._log.warning("the thread of the market streams does not end")

    # On the loop ----------------------------------------------------------------------------------------------------

    def _open_session(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._loop.spawn(self._close_at_end)

    async def _close_at_end(self) -> None:
        async with self._session:
            await asyncio.get_running_loop().create_future()

    def _play(self, symbol: str) -> None:
        if symbol not in self._tapes:
            self._tapes[symbol] = _Tape(self._add(trade_stream(symbol)))
            self._level_health()

    def _silence(self, symbol: str) -> None:
        tape = self._tapes.pop(symbol, None)
        if tape is not None:
            self._drop(trade_stream(symbol), tape.line)

    def _play_candles(self, symbol: str, interval: str) -> None:
        if (symbol, interval) not in self._candles:
            self._candles[symbol, interval] = self._add(candle_stream(symbol, interval))
            self._level_health()

    def _silence_candles(self, symbol: str, interval: str) -> None:
        line = self._candles.pop((symbol, interval), None)
        if line is not None:
            self._drop(candle_stream(symbol, interval), line)

    def _add(self, stream: str) -> MarketLine:
        """Put a stream on a line that has room, or on one more."""
        line = next((line for line in self._lines if len(line.streams) < self._rules.streams_max), None)
        if line is None:
            line = self._add_line()
        line.streams.add(stream)
        line.level()
        return line

    def _drop(self, stream: str, line: MarketLine) -> None:
        line.streams.discard(stream)
        if line.streams:
            line.level()
        else:
            self._lines.pop(line).cancel()
            self._level_health()

    def _add_line(self) -> MarketLine:
        self._lines_made += 1
        line = MarketLine(
            number=self._lines_made,
            address=self._address,
            make_connection=lambda wanted: MarketConnection(self._url, wanted, self._rules, self._take, self._oddities),
            connect=self._connect,
            backoff=Backoff(self._generator),
            note_change=self._level_health,
        )
        task = self._lines[line] = asyncio.get_running_loop().create_task(line.run())
        task.add_done_callback(self._note_line_end)
        return line

    async def _connect(self, connection: MarketConnection) -> ConnectFailed | None:
        await self._attempts.enter()
        return await connection.open(self._session)

    def _take(self, arrived: Trade | Candle) -> None:
        if isinstance(arrived, Trade):
            self._take_trade(arrived)
        elif (arrived.symbol, arrived.interval) in self._candles and not self._is_over:
            self._listener.on_candle(arrived)

    def _take_trade(self, trade: Trade) -> None:
        tape = self._tapes.get(trade.symbol)
        if tape is None or self._is_over:
            return
        if trade.trade_id <= tape.last_id:
            if trade.time_ns - (tape.last_ns or 0) < ANEW_AFTER_NS:
                tape.dropped += 1
                return
            self._log.warning("trades are numbered anew", symbol=trade.symbol, last=tape.last_id, first=trade.trade_id)
        tape.last_id, tape.last_ns, tape.arrived_s = trade.trade_id, trade.time_ns, self._clock.monotonic_s()
        self._listener.on_trade(trade)

    def _level_health(self) -> None:
        """Say so when trades begin to arrive, or do not, or for another reason. That they do not yet is no news."""
        if not self._lines or self._is_over:
            return
        down = [line.origin for line in self._lines if line.is_down]
        connected = not down and any(line.is_up for line in self._lines)
        if not connected and not down and self._health is None:
            return
        reason = "connected" if connected else f"market stream of {self._address}: {(*down, 'connecting')[0]}"
        if self._health != (connected, reason):
            self._health = (connected, reason)
            self._say_health()

    def _say_health(self) -> None:
        if self._health is not None and not self._is_over:
            connected, reason = self._health
            self._listener.on_health(connected=connected, reason=reason)

    def _note_line_end(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._is_over:
            self._listener.on_defect(error)

    @staticmethod
    def _state(symbol: str, tape: _Tape, now_s: float) -> StreamState:
        return StreamState(
            symbol=symbol,
            connected=tape.line.is_confirmed(trade_stream(symbol)),
            last_trade_ns=tape.last_ns,
            silent_s=None if tape.last_ns is None else now_s - tape.arrived_s,
            reconnects=tape.line.reconnects,
            dropped=tape.dropped,
        )
