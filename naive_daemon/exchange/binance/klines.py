"""Candles by REST: the history of a symbol, and what a lost connection has missed. Nothing of it is signed.

Owned by the live market's actor, used on its loop. What the budget does not allow yet waits, at most as long as whoever
asks does. Invariant: each question is answered, or said why not, and no more than `AT_ONCE` are on their way.
"""

import asyncio

import aiohttp

from naive_daemon.domain.candle import Candle
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.budget import Budget, Cost, Grant, Priority
from naive_daemon.exchange.binance.endpoints import address
from naive_daemon.exchange.binance.kline import candles_of_rows
from naive_daemon.exchange.binance.market_frame import OddFrameError
from naive_daemon.exchange.binance.rest import BODY_MAX, answer_of, connect_failure
from naive_daemon.exchange.binance.signal import Banned, signal_of
from naive_daemon.exchange.binance.usage import apply_headers
from naive_daemon.market.player import KLINES_MAX, AskKlines
from naive_daemon.otp import Call, crash

COST = Cost(2)
"""Binance Spot API, "Kline/Candlestick data"; however many rows are asked for."""
AT_ONCE = 4
_OK = 200


class KlinesError(Exception):
    """Why candles can not be had, in one line."""


class Klines:
    """See the module. `wait_s`: how long whoever asks waits. `shared`: what the accounts of this address share."""

    def __init__(self, rest_url: str, shared: Address, *, timeout_s: float, wait_s: float) -> None:
        self._url = rest_url
        self._time = shared.time
        self._budget = Budget(weight=shared.weight, account="market")
        self._timeout = aiohttp.ClientTimeout(
            total=2 * timeout_s, connect=timeout_s, sock_connect=timeout_s, sock_read=timeout_s
        )
        self._wait_s = wait_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def answer(self, session: aiohttp.ClientSession, question: AskKlines, call: Call) -> None:
        """Ask, and answer `call` with the candles, or with why there are none."""
        reason: str | None = "the market ends"
        try:
            async with asyncio.timeout(self._wait_s), self._turns:
                call.reply(await self._ask_in_turn(session, question))
                reason = None
        except TimeoutError:
            reason = f"{address(self._url)}: it does not answer, or its limits are used up"
        except KlinesError as error:
            reason = f"{address(self._url)}: {error}"
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{address(self._url)}: {connect_failure(error)}"
        finally:
            if reason is not None:
                call.fail(crash(reason))

    async def _ask_in_turn(self, session: aiohttp.ClientSession, question: AskKlines) -> tuple[Candle, ...]:
        grant = await self._wait_for_budget()
        try:
            return await self._ask(session, question)
        finally:
            self._budget.settle(grant, self._now_ms())

    async def _wait_for_budget(self) -> Grant:
        while (grant := self._budget.take(COST, Priority.QUESTION, self._now_ms())) is None:
            chance_ms = self._budget.next_chance_ms(COST, Priority.QUESTION, self._now_ms())
            await asyncio.sleep((chance_ms - self._now_ms()) / 1_000)
        return grant

    async def _ask(self, session: aiohttp.ClientSession, question: AskKlines) -> tuple[Candle, ...]:
        asked_ms = self._now_ms()
        parameters = {"symbol": question.symbol, "interval": question.interval, "limit": str(KLINES_MAX)}
        url = f"{self._url}/api/v3/klines"
        async with session.get(url, params=parameters, timeout=self._timeout, allow_redirects=False) as response:
            body = await _read(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
        apply_headers(self._budget, headers, asked_ms)
        answer = answer_of(response.status, body, headers)
        now_ms = self._now_ms()
        signal = signal_of(answer, now_ms)
        if isinstance(signal, Banned):
            self._budget.ban_until(now_ms + round(signal.for_s * 1_000), "candles were asked for too often")
            raise KlinesError(f"asked too often, silent for {signal.for_s:g} s")
        if answer.status != _OK:
            raise KlinesError(f"HTTP {answer.status} {answer.message}".rstrip())
        try:
            return candles_of_rows(body, question.symbol, question.interval)
        except OddFrameError as odd:
            raise KlinesError(odd.kind) from odd

    def _now_ms(self) -> int:
        return self._time.now_ms()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_MAX:
            raise KlinesError("the answer is too long")
    return bytes(body)
