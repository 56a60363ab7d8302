"""A line: some streams that share a market connection, whichever connection that is at the moment.

Owned by `MarketStreams`. It opens a connection, replaces it in time, and opens another when it is lost. Invariant: in a
replacement the former connection is read until the new one is subscribed and everything that was on its way has come;
what the new one brings meanwhile waits. So nothing is missed and no trade overtakes another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from naive_daemon.exchange.binance.backoff import HELD_S, Backoff
from naive_daemon.exchange.binance.market_connection import ConnectFailed, MarketConnection

DRAIN_WITHIN_S = 5.0

Connect = Callable[[MarketConnection], Awaitable[ConnectFailed | None]]
"""Opens a connection when it is its turn."""


class MarketLine:
    """`run` it as a task, which ends only by being cancelled.

    `streams` are their names, which may change at any time; then call `level`.
    """

    def __init__(
        self,
        *,
        number: int,
        address: str,
        make_connection: Callable[[set[str]], MarketConnection],
        connect: Connect,
        backoff: Backoff,
        note_change: Callable[[], None],
    ) -> None:
        self.streams: set[str] = set()
        self.reconnects = 0
        self.is_down = False
        self.is_up = False
        self.origin = ""
        self._make_connection = make_connection
        self._connect = connect
        self._backoff = backoff
        self._note_change = note_change
        self._current: MarketConnection | None = None
        self._connections: set[MarketConnection] = set()
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="player", connection=number, address=address)

    def is_confirmed(self, stream: str) -> bool:
        """Say whether a stream arrives on this line now."""
        current = self._current
        return current is not None and not current.has_ended and stream in current.confirmed

    def level(self) -> None:
        """Subscribe what is wanted and is not yet, on each connection there is."""
        for connection in self._connections:
            connection.level()

    async def run(self) -> None:
        """Keep the line up."""
        try:
            current = await self._open(pause_s=0.0)
            self._switch_to(current)
            while True:
                await asyncio.wait((current.ended, current.renewal), return_when=asyncio.FIRST_COMPLETED)
                current = await (self._open_again(current) if current.has_ended else self._replace(current))
        finally:
            for connection in self._connections:
                connection.close()

    async def _open_again(self, lost: MarketConnection) -> MarketConnection:
        self._note_lifetime(lost)
        self._take_down(lost.ended.result())
        self._connections.discard(lost)
        fresh = await self._open(self._backoff.next_pause_s())
        self._switch_to(fresh)
        return fresh

    async def _replace(self, former: MarketConnection) -> MarketConnection:
        """Open another one beside the former, which is closed when the new one has taken over."""
        lived_s = self._note_lifetime(former)
        self._log.info("market stream is replaced", reason=former.renewal.result())
        pause_s = 0.0 if lived_s >= HELD_S else self._backoff.next_pause_s()
        fresh = await self._open_beside(former, pause_s)
        while fresh.has_ended and not former.has_ended:
            self._connections.discard(fresh)
            fresh = await self._open_beside(former, self._backoff.next_pause_s())
        former.close()
        self._connections.discard(former)
        self._switch_to(fresh)
        return fresh

    async def _open_beside(self, former: MarketConnection, pause_s: float) -> MarketConnection:
        """Open another one, and read what the former was sent until then; should that be lost, say so at once."""
        opening = asyncio.ensure_future(self._open(pause_s, beside=former))
        try:
            await asyncio.wait((opening, former.ended), return_when=asyncio.FIRST_COMPLETED)
            if former.has_ended:
                self._take_down(former.ended.result())
            fresh = await opening
        finally:
            opening.cancel()
        await former.drain(DRAIN_WITHIN_S)
        return fresh

    async def _open(self, pause_s: float, *, beside: MarketConnection | None = None) -> MarketConnection:
        """Open a connection, however many attempts that takes; `beside` one that is up a failure is no loss."""
        while True:
            await asyncio.sleep(pause_s)
            connection = self._make_connection(self.streams)
            if beside is not None:
                connection.hold()
            self._connections.add(connection)
            failed = await self._connect(connection)
            if failed is None:
                return connection
            self._connections.discard(connection)
            if beside is None or beside.has_ended:
                self._take_down(failed.reason)
            self._log.debug("market stream can not be opened", reason=failed.reason)
            pause_s = max(self._backoff.next_pause_s(), failed.retry_after_s)

    def _switch_to(self, connection: MarketConnection) -> None:
        self._current = connection
        connection.release()
        was_down, self.is_down, self.is_up = self.is_down, False, True
        if was_down:
            self._log.info("market stream is back")
        self._note_change()

    def _take_down(self, origin: str) -> None:
        """Say once for each loss that the line is down."""
        if self.is_down:
            return
        self.is_down, self.is_up, self.origin = True, False, origin
        self.reconnects += 1
        self._log.warning("market stream reconnecting", origin=origin)
        self._note_change()

    def _note_lifetime(self, connection: MarketConnection) -> float:
        lived_s = asyncio.get_running_loop().time() - connection.opened_s
        self._backoff.note_lifetime(lived_s)
        return lived_s
