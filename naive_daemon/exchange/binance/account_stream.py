"""The account's connection, kept alive: subscribe, snapshot, hold, renew, and connect again (execution.md, rules 7–9).

Owned by one gateway; `run` is its task. Invariants: nothing of a new connection is delivered before its snapshot; each
loss gives one Reconnecting, failed attempts none; at most one attempt to connect is under way; a connection that is
renewed goes on delivering until its successor is subscribed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from naive_daemon.exchange.binance.backoff import HELD_S, Backoff
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.reading import Reader, Told
from naive_daemon.exchange.binance.wire import EventKind
from naive_daemon.exchange.binance.ws_api import ConnectError, Connection
from naive_daemon.execution.client import AccountSnapshot, Reconnected, Reconnecting

AGE_MAX_S = 23.5 * 3600
"""Binance ends a connection after 24 h; it is renewed before."""
OVERLAP_S = 5.0
"""How long a connection that was renewed is still read: what was on its way then has come."""
BUFFER_MAX = 100_000
"""Events that may come while a snapshot is read; more are a connection that failed."""


class StreamPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream needs of its gateway, and how long a connection lives.

    `connect` opens a connection, `subscribe` subscribes on it, `read_snapshot` reads what the account has: all three
    raise ConnectError. `may_connect` waits until an attempt is allowed, and pauses longer after some failures.
    `note_away` is called with each loss and each attempt that failed, `note_there` with each that came through.
    """

    account: str
    connect: Callable[[], Awaitable[Connection]]
    subscribe: Callable[[Connection], Awaitable[None]]
    read_snapshot: Callable[[], Awaitable[AccountSnapshot]]
    may_connect: Callable[[], Awaitable[None]]
    note_away: Callable[[], object]
    note_there: Callable[[], object]
    age_max_s: float = AGE_MAX_S
    overlap_s: float = OVERLAP_S


class _Line:
    """A connection with its reader, and the events that wait for the snapshot."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.buffer: list[Told] | None = []
        self.must_renew = asyncio.Event()
        self.reader: asyncio.Task[str]

    @property
    def reason(self) -> str:
        """Why it has ended."""
        return "ended" if self.reader.cancelled() else self.reader.result()


class AccountStream:
    """See the module."""

    def __init__(self, ports: StreamPorts, delivery: Delivery, reader: Reader, backoff: Backoff, log: Any) -> None:
        self._ports = ports
        self._delivery = delivery
        self._reader = reader
        self._backoff = backoff
        self._log = log
        self._line: _Line | None = None
        self._connected = asyncio.Event()
        self._is_loss_told = False
        self._retiring: set[asyncio.Task[None]] = set()
        self._snapshot: tuple[float, AccountSnapshot] | None = None

    @property
    def connection(self) -> Connection | None:
        """The connection that takes requests now; None while there is none."""
        line = self._line
        return line.connection if line is not None and line.connection.is_open else None

    async def wait_connected(self) -> None:
        """Wait until events are delivered."""
        await self._connected.wait()

    def snapshot_since(self, moment_s: float) -> AccountSnapshot | None:
        """Give the one that this connection began with, if it was asked for at a moment of the loop's time or later."""
        if self._snapshot is None or self._snapshot[0] < moment_s:
            return None
        return self._snapshot[1]

    async def run(self) -> None:
        """Connect, hold, and connect again, until cancelled."""
        while True:
            line = await self._connect_until_done()
            reason, lived_s = await self._hold(line)
            self._line = None
            self._connected.clear()
            self._backoff.note_lifetime(lived_s)
            self._ports.note_away()
            self._tell_loss(reason)
            await asyncio.sleep(self._backoff.next_pause_s())

    # Connecting -----------------------------------------------------------------------------------------------------

    async def _connect_until_done(self) -> _Line:
        while True:
            await self._ports.may_connect()
            try:
                return await self._connect()
            except ConnectError as error:
                self._ports.note_away()
                if not self._tell_loss(str(error)):
                    self._log.debug("attempt to connect failed", reason=str(error))
                await asyncio.sleep(self._backoff.next_pause_s())

    async def _connect(self) -> _Line:
        """Subscribe, read a snapshot, deliver it, and then what came meanwhile."""
        line = await self._open()
        asked_s = asyncio.get_running_loop().time()
        try:
            snapshot = await self._ports.read_snapshot()
            buffer, line.buffer = line.buffer or [], None
            _check_open(line)
        except BaseException:
            await self._give_up(line)
            raise
        self._line = line
        self._is_loss_told = False
        self._delivery.tell(Reconnected(self._ports.account))
        self._delivery.snapshot(snapshot, buffer)
        self._snapshot = asked_s, snapshot
        self._connected.set()
        self._ports.note_there()
        self._log.info("connected to the exchange", open_orders=len(snapshot.orders))
        return line

    async def _open(self) -> _Line:
        """Open a connection and subscribe on it; its events are buffered."""
        line = _Line(await self._ports.connect())
        line.reader = asyncio.create_task(line.connection.read(lambda kind, body: self._take(line, kind, body)))
        try:
            await self._ports.subscribe(line.connection)
        except BaseException:
            await self._give_up(line)
            raise
        return line

    async def _give_up(self, line: _Line) -> None:
        line.connection.end("given up")
        await asyncio.wait([line.reader])

    def _tell_loss(self, reason: str) -> bool:
        """Say that the connection is lost, once for each loss; an exchange that is away at the start is one."""
        if self._is_loss_told:
            return False
        self._is_loss_told = True
        self._log.warning("connection to the exchange lost", reason=reason)
        self._delivery.tell(Reconnecting(self._ports.account, reason))
        return True

    # Holding --------------------------------------------------------------------------------------------------------

    async def _hold(self, line: _Line) -> tuple[str, float]:
        """Hold a connection, and its successors, until one is lost; gives why, and how long that one lived."""
        loop = asyncio.get_running_loop()
        while True:
            renewal = asyncio.create_task(self._time_to_renew(line))
            try:
                await asyncio.wait([line.reader, renewal], return_when=asyncio.FIRST_COMPLETED)
            finally:
                renewal.cancel()
            successor = None if line.reader.done() else await self._renewed(line)
            if successor is None:
                return line.reason, loop.time() - line.connection.opened_s
            former, line = line, successor
            self._line = line
            retiring = asyncio.create_task(self._retire(former))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    async def _time_to_renew(self, line: _Line) -> None:
        age_s = asyncio.get_running_loop().time() - line.connection.opened_s
        try:
            async with asyncio.timeout(max(0.0, self._ports.age_max_s - age_s)):
                await line.must_renew.wait()
        except TimeoutError:
            return

    async def _renewed(self, line: _Line) -> _Line | None:
        """Open a successor while the connection lives; None when it is lost before."""
        lived_s = asyncio.get_running_loop().time() - line.connection.opened_s
        self._backoff.note_lifetime(lived_s)
        pause_s = 0.0 if lived_s >= HELD_S else self._backoff.next_pause_s()
        while await self._may_open_beside(line, pause_s):
            try:
                successor = await self._open()
            except ConnectError as error:
                self._ports.note_away()
                self._log.info("connection is not renewed yet", reason=str(error))
                pause_s = self._backoff.next_pause_s()
                continue
            if not line.connection.is_open:
                # What happened before the successor had subscribed, neither was told: that is a loss like any other.
                await self._give_up(successor)
                await asyncio.wait([line.reader])
                return None
            self._ports.note_there()
            # From here on both are read: what one has delivered, the other does not again.
            buffer, successor.buffer = successor.buffer or [], None
            self._delivery.events(buffer)
            self._log.info("connection renewed")
            return successor
        return None

    async def _may_open_beside(self, line: _Line, pause_s: float) -> bool:
        """Wait until another connection may be opened; False when this one is lost before."""

        async def wait() -> None:
            await asyncio.sleep(pause_s)
            await self._ports.may_connect()

        waiting = asyncio.create_task(wait())
        try:
            await asyncio.wait([line.reader, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return not line.reader.done()

    async def _retire(self, line: _Line) -> None:
        """Read a connection that has a successor until nothing is on its way any more, then close it."""
        await asyncio.wait([line.reader], timeout=self._ports.overlap_s)
        await self._give_up(line)

    # Events ---------------------------------------------------------------------------------------------------------

    def _take(self, line: _Line, kind: EventKind, body: bytes) -> None:
        match kind.e:
            case "serverShutdown":
                line.must_renew.set()
            case "eventStreamTerminated":
                line.connection.end("the exchange ended the event stream")
            case _ if line.buffer is None:
                self._delivery.events(self._reader.event(kind, body))
            case _ if len(line.buffer) >= BUFFER_MAX:
                line.connection.end("too many events while the snapshot was read")
            case _:
                line.buffer += self._reader.event(kind, body)


def _check_open(line: _Line) -> None:
    if not line.connection.is_open:
        raise ConnectError("the connection was lost while the snapshot was read")
