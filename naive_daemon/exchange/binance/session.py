"""An account's session with Binance, on one loop: what its parts are, who knows whom, and the answers to questions.

Owned by a gateway, which makes it on its loop, runs it once and closes it. Invariant: the exchange's time is measured
before anything is signed, and nothing is asked while the exchange has banned us.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import msgspec

from naive_daemon.clock import Clock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.exchange.binance.account_stream import AGE_MAX_S, OVERLAP_S, AccountStream, StreamPorts
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.backoff import Backoff
from naive_daemon.exchange.binance.budget import Budget, Priority
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.endpoints import Endpoints
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.orders import Orders
from naive_daemon.exchange.binance.questions import SNAPSHOT_WEIGHT, AskError, Questions, insist
from naive_daemon.exchange.binance.reading import Reader
from naive_daemon.exchange.binance.rest import Rest
from naive_daemon.exchange.binance.sender import Sender
from naive_daemon.exchange.binance.signal import Accepted, ClockOff, Signal, signal_of
from naive_daemon.exchange.binance.signing import Signer, signed_parameters
from naive_daemon.exchange.binance.trouble import Kind, Troubles
from naive_daemon.exchange.binance.upkeep import HEAL_PERIOD_S, ClockCheck, Upkeep
from naive_daemon.exchange.binance.usage import limits_of
from naive_daemon.exchange.binance.wire import ExchangeInformation
from naive_daemon.exchange.binance.ws_api import ConnectError, Connection, connect
from naive_daemon.execution.client import AccountSnapshot, ReconcilePace
from naive_daemon.otp import Call, crash

ANSWER_WITHIN_S = 45.0
"""How long it is tried to read a snapshot or balances, while there is no connection, say: who asks starts with them."""
SUBSCRIBED_ALREADY = -2035
CLOCK_AGE_MAX_S = 60.0
"""A session begins with the exchange's time as it was measured for another account, if that is not older."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Times that nobody sets but a test."""

    age_max_s: float = AGE_MAX_S
    overlap_s: float = OVERLAP_S
    heal_period_s: float = HEAL_PERIOD_S
    credentials_pause_s: float = 15.0


class GatewayPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs of the world. `address`: what it shares with those of other accounts; None alone."""

    account: str
    config: Binance
    endpoints: Endpoints
    signer: Signer
    instruments: MutableMapping[str, Instrument]
    clock: Clock
    generator: random.Random
    pace: Pace = Pace()
    address: Address | None = None


class Session:
    """See the module. To be made on the loop; every method is for the loop's thread.

    `refused` is told why the account's key is refused, again and again while it is.
    """

    def __init__(
        self,
        ports: GatewayPorts,
        tell: Callable[[Any], None],
        spawn: Callable[[Callable[[], Coroutine[Any, Any, object]]], None],
        log: Any,
        refused: Callable[[str], object] = lambda _: None,
    ) -> None:
        config = ports.config
        address = self._address = ports.address or Address(ports.clock)
        self._ports = ports
        self._spawn = spawn
        self._time = address.time
        self._oddities = Oddities(log)
        self._delivery = Delivery(tell, self._oddities)
        self._troubles = Troubles(ports.account, self._delivery, log, self._take_trouble)
        self._rest = Rest(
            ports.endpoints.rest_url,
            ports.signer,
            self._time,
            recv_window_ms=config.recv_window_ms,
            timeout_s=config.answer_timeout_s,
        )
        self._clock_check = ClockCheck(
            self._rest,
            address,
            self._troubles,
            drift_max_ms=config.clock_drift_max_ms,
            noted=self._noted,
        )
        reader = Reader(ports.account, ports.instruments, self._oddities)
        self._sender = Sender(
            self._rest,
            ports.signer,
            self._time,
            Budget(weight=address.weight, account=ports.account),
            self._troubles,
            connection=lambda: self._stream.connection,
            measure=self._clock_check.measure,
            spawn=spawn,
            recv_window_ms=config.recv_window_ms,
            timeout_s=config.answer_timeout_s,
        )
        self._questions = Questions(ports.account, self._sender, reader, self._oddities)
        self._stream = AccountStream(
            StreamPorts(
                account=ports.account,
                connect=self._connect,
                subscribe=self._subscribe,
                read_snapshot=self._read_snapshot,
                may_connect=self._may_connect,
                note_away=self._note_away,
                note_there=address.door.note_there,
                age_max_s=ports.pace.age_max_s,
                overlap_s=ports.pace.overlap_s,
            ),
            self._delivery,
            reader,
            Backoff(ports.generator),
            log,
        )
        self._orders = Orders(
            ports.account,
            self._sender,
            self._questions,
            reader,
            self._delivery,
            oddities=self._oddities,
            clock=ports.clock,
            spawn=spawn,
            is_connected=lambda: self._stream.connection is not None,
        )
        self._upkeep = Upkeep(
            self._questions,
            self._clock_check,
            self._delivery,
            self._troubles,
            log,
            address=address,
            account=ports.account,
            instruments=ports.instruments,
            relimit=self._relimit,
            clear=self._sender.wait_for_ban,
            refused=refused,
            refresh_s=config.refresh_s,
            heal_period_s=ports.pace.heal_period_s,
        )

    async def run(self) -> None:
        """Live until cancelled."""
        await self._clock_check.measure(CLOCK_AGE_MAX_S)
        self._spawn(self._upkeep.run)
        await self._stream.run()

    async def close(self) -> None:
        """Close every connection, and send nothing any more."""
        self._sender.close()
        await self._rest.close()

    # Orders and questions -------------------------------------------------------------------------------------------

    def place(self, order: Order, until_s: float) -> None:
        """Send an order, until then."""
        self._orders.place(order, until_s)

    def cancel(self, symbol: str, client_order_id: str) -> None:
        """Cancel an order."""
        self._orders.cancel(symbol, client_order_id)

    def answer_snapshot(self, call: Call, *, is_routine: bool = False) -> None:
        """Read a snapshot while events are delivered; who asks also learns again what is halted, and what is wrong."""
        self._upkeep.tell_status()
        self._troubles.tell_all()
        self._delivery.tell(ReconcilePace(self._ports.account, self._address.weight.pace_s(SNAPSHOT_WEIGHT)))
        priority = Priority.UPKEEP if is_routine else Priority.QUESTION
        asked_s = asyncio.get_running_loop().time()
        self._spawn(
            lambda: self._answer(call, insist(lambda: self._connected_snapshot(asked_s, priority), ANSWER_WITHIN_S))
        )

    def answer_order(self, call: Call, symbol: str, client_order_id: str) -> None:
        """Ask for one order."""
        self._spawn(lambda: self._answer(call, self._questions.report(symbol, client_order_id)))

    def answer_balances(self, call: Call) -> None:
        """Ask for what is owned."""
        self._spawn(lambda: self._answer(call, insist(self._questions.balances, ANSWER_WITHIN_S)))

    async def _answer(self, call: Call, question: Awaitable[object]) -> None:
        try:
            call.reply(await question)
        except AskError as error:
            call.fail(crash(str(error)))

    async def _connected_snapshot(self, asked_s: float, priority: Priority) -> AccountSnapshot:
        """Read a snapshot; raises AskError when the connection was lost meanwhile, since events are then missing.

        Who has waited for the connection gets the one that it began with. A connection that ends is none any more, also
        before its loss is told: nothing is asked then.
        """
        await self._stream.wait_connected()
        if self._stream.connection is not None:
            snapshot = self._stream.snapshot_since(asked_s) or await self._questions.snapshot(priority)
            if self._stream.connection is not None:
                return snapshot
        raise AskError("snapshot", reason="the connection was lost")

    # What the stream needs ------------------------------------------------------------------------------------------

    async def _may_connect(self) -> None:
        if self._troubles.is_so("credentials"):
            await asyncio.sleep(self._ports.pace.credentials_pause_s)
        await self._address.door.enter(self._sender.wait_for_ban)

    async def _connect(self) -> Connection:
        try:
            return await connect(
                self._rest.session,
                self._ports.endpoints.ws_api_url,
                self._oddities,
                within_s=self._ports.config.answer_timeout_s,
                stale_after_s=self._ports.config.stale_after_s,
            )
        except ConnectError as error:
            if error.answer is not None:  # a ban, perhaps: then the next attempt waits for its end
                self._noted(signal_of(error.answer, self._time.now_ms()))
            raise

    def _note_away(self) -> None:
        """Tell the door, unless it is the account's key that is refused: that is nobody else's affair."""
        if not self._troubles.is_so("credentials"):
            self._address.door.note_away()

    async def _subscribe(self, connection: Connection) -> None:
        """Subscribe to the account's events; once more with the right time when it was refused for that."""
        for is_last in (False, True):
            parameters: dict[str, str | int] = {
                "timestamp": self._time.now_ms(),
                "recvWindow": self._ports.config.recv_window_ms,
            }
            answer = await connection.ask(
                "userDataStream.subscribe.signature",
                signed_parameters(self._ports.signer, parameters),
                self._ports.config.answer_timeout_s,
            )
            signal = self._sender.noted(signal_of(answer, self._time.now_ms()))
            if isinstance(signal, Accepted) or getattr(signal, "code", 0) == SUBSCRIBED_ALREADY:
                return
            if is_last or not isinstance(signal, ClockOff) or not await self._clock_check.measure():
                raise ConnectError(f"subscribe: {getattr(signal, 'reason', type(signal).__name__)}")

    async def _read_snapshot(self) -> AccountSnapshot:
        try:
            snapshot = await self._questions.snapshot()
        except AskError as error:
            raise ConnectError(str(error)) from error
        self._troubles.end("credentials")
        return snapshot

    # ----------------------------------------------------------------------------------------------------------------

    def _noted(self, signal: Signal) -> Signal:
        return self._sender.noted(signal)

    def _relimit(self, information: ExchangeInformation) -> None:
        self._sender.relimit(limits_of(information.rate_limits))

    def _take_trouble(self, kind: Kind) -> None:
        if kind == "credentials":
            self._spawn(self._upkeep.heal_credentials)
        elif kind == "clock":
            self._spawn(self._upkeep.heal_clock)
