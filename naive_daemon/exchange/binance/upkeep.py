"""What is looked at from time to time: the exchange's clock, what is halted, its filters, whether a key was mended.

Owned by one gateway, used on its loop only. Invariant: a MarketStatus is told when what is halted has changed, and only
of symbols that are known; until it was asked, what was halted when the instruments were read is. What can not be asked
now is asked again at the next time.

Filters that have changed are written into the instruments, which all accounts and traders share, and told to the cache.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from naive_daemon.cache.messages import KeepInstruments
from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.filters import take_filters
from naive_daemon.exchange.binance.questions import AskError, Questions
from naive_daemon.exchange.binance.rest import Rest
from naive_daemon.exchange.binance.signal import Accepted, BadCredentials, Signal, signal_of
from naive_daemon.exchange.binance.trouble import Kind, Troubles
from naive_daemon.exchange.binance.wire import ExchangeInformation, ServerTime, WireError, decode
from naive_daemon.exchange.information import parse_exchange_information
from naive_daemon.execution.client import MarketStatus

TRADING = "TRADING"
HEAL_PERIOD_S = 60.0
"""How often it is looked whether a key that was refused is good again, or a clock right."""


class _NotSaidError(Exception):
    """The exchange did not say what time it is."""


class ClockCheck:
    """Measures the exchange's clock against ours, once for all accounts. `noted` takes note of a ban."""

    def __init__(
        self,
        rest: Rest,
        address: Address,
        troubles: Troubles,
        *,
        drift_max_ms: int,
        noted: Callable[[Signal], Signal],
    ) -> None:
        self._rest = rest
        self._time = address.time
        self._ahead_ms = address.ahead_ms
        self._troubles = troubles
        self._noted = noted
        self._drift_max_ms = drift_max_ms

    async def measure(self, age_max_s: float = 0.0) -> bool:
        """Ask what time it is there, and alarm when ours is off by too much; False when it does not say.

        What was measured for another account not longer ago than `age_max_s` seconds will do.
        """
        try:
            ahead_ms = await self._ahead_ms.get(self._ask, self._time.monotonic_s() - age_max_s)
        except _NotSaidError:
            return False
        if abs(ahead_ms) <= self._drift_max_ms:
            self._troubles.end("clock")
        else:
            way = "ahead of" if ahead_ms > 0 else "behind"
            off_s, allowed_s = math.ceil(abs(ahead_ms) / 100) / 10, self._drift_max_ms / 1_000
            self._troubles.begin(
                "clock", f"our clock is {off_s:.1f} s {way} the exchange's, allowed are {allowed_s:g} s"
            )
        return True

    async def _ask(self) -> int:
        asked_s = self._time.monotonic_s()
        result = await self._rest.ask("GET", "/api/v3/time", is_signed=False)
        answered_s = self._time.monotonic_s()
        signal = self._noted(signal_of(result.answer, self._time.now_ms()))
        if not isinstance(signal, Accepted):
            raise _NotSaidError
        try:
            server_ms = decode(signal.body, ServerTime).server_time
        except WireError as error:
            raise _NotSaidError from error
        return self._time.measured(server_ms, asked_s, answered_s)


class Upkeep:
    """See the module. `clear` waits until the exchange may be spoken to; `relimit` takes over its limits.

    `refused` is told why the key is refused, as often as that is found.
    """

    def __init__(
        self,
        questions: Questions,
        clock_check: ClockCheck,
        delivery: Delivery,
        troubles: Troubles,
        log: Any,
        *,
        address: Address,
        account: str,
        instruments: MutableMapping[str, Instrument],
        relimit: Callable[[ExchangeInformation], None],
        clear: Callable[[], Awaitable[None]],
        refused: Callable[[str], object],
        refresh_s: float,
        heal_period_s: float = HEAL_PERIOD_S,
    ) -> None:
        self._account = account
        self._instruments = instruments
        self._questions = questions
        self._clock_check = clock_check
        self._delivery = delivery
        self._troubles = troubles
        self._log = log
        self._relimit = relimit
        self._clear = clear
        self._refused = refused
        self._address = address
        self._refresh_s = refresh_s
        self._heal_period_s = heal_period_s
        self._halted = frozenset(symbol for symbol, each in instruments.items() if not each.is_trading)
        self._healing: set[Kind] = set()

    async def run(self) -> None:
        """Look every `refresh_s` seconds, until cancelled. The clock was looked at just before the first time."""
        while True:
            await self._clear()
            await self.look_at_symbols()
            await asyncio.sleep(self._refresh_s)
            await self._clear()
            await self._clock_check.measure(self._refresh_s / 2)

    async def look_at_symbols(self) -> None:
        """Ask which symbols are traded, and tell when that has changed."""
        try:
            since_s = self._address.time.monotonic_s() - self._refresh_s / 2
            information = await self._address.information.get(self._ask_information, since_s)
        except AskError as error:
            self._log.warning("symbols could not be looked at", reason=str(error))
            return
        self._relimit(information)
        trading = {
            each.symbol for each in information.symbols if each.status == TRADING and each.is_spot_trading_allowed
        }
        halted = frozenset(self._instruments.keys() - trading)
        if halted != self._halted:
            self._halted = halted
            self._log.warning("halted symbols changed", count=len(halted), symbols=sorted(halted)[:20])
            self.tell_status()

    async def _ask_information(self) -> ExchangeInformation:
        return await self._questions.information(self._look_at_filters)

    def _look_at_filters(self, body: bytes) -> None:
        """Have orders made by the filters of now, those of cycles that run already too."""
        try:
            listed = parse_exchange_information(body, pass_over=self._not_read)
        except ConfigError as error:
            self._not_read(error)
            return
        changes = take_filters(self._instruments, listed)
        for symbol, difference in changes.items():
            self._log.warning("filters changed", symbol=symbol, difference=difference)
        if changes:
            self._delivery.tell(KeepInstruments(tuple(self._instruments[symbol] for symbol in changes)))

    def _not_read(self, error: ConfigError) -> None:
        self._log.debug("filters not read", reason=error.message)

    def tell_status(self) -> None:
        """Say which symbols are halted."""
        self._delivery.tell(MarketStatus(self._account, self._halted))

    async def heal_credentials(self) -> None:
        """See that it is the key that is refused, and not one request; then whether it may trade again.

        Where the network does not say what a key may do, an order that is accepted says so.
        """
        await self._clear()
        await self._may_trade()
        await self._heal("credentials", self._look_at_key)

    async def heal_clock(self) -> None:
        """Look whether our clock is right again."""
        await self._heal("clock", self._clock_check.measure)

    async def _heal(self, kind: Kind, look: Callable[[], Awaitable[object]]) -> None:
        """Look again and again until a trouble is over; one that comes back meanwhile is looked at already."""
        if kind in self._healing:
            return
        self._healing.add(kind)
        try:
            while self._troubles.is_so(kind):
                await asyncio.sleep(self._heal_period_s)
                await self._clear()
                await look()
        finally:
            self._healing.discard(kind)

    async def _look_at_key(self) -> None:
        if await self._may_trade():
            self._troubles.end("credentials")

    async def _may_trade(self) -> bool:
        """Say whether account and key may trade; False where the network does not say it of keys."""
        try:
            information = await self._questions.account()
            restrictions = await self._questions.restrictions()
        except AskError as error:
            if isinstance(error.signal, BadCredentials):
                self._refused(error.signal.reason)
            return False
        if not restrictions.enable_spot_and_margin_trading:
            self._refused("it may not trade")
            return False
        return information.can_trade
