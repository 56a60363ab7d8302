"""What Binance lists, asked at its REST API before anything trades, and kept for when it can not be reached.

For the main thread, outside of any loop: a start and a command wait for it. Invariant: it ends within its deadline,
with instruments or with one line that names host and port. What is kept is Binance's answer with one more key, so the
file serves as `exchange.exchange_info`, too; it is never used for another address than the one it came from.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import structlog

from naive_daemon.clock import NS_PER_S, Clock
from naive_daemon.config import Config
from naive_daemon.domain.errors import ConfigError, UnreachableError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.endpoints import account_endpoints, address, market_endpoints
from naive_daemon.exchange.binance.rest import BODY_MAX, connect_failure
from naive_daemon.exchange.information import parse_exchange_information

FILE_NAME = "exchange_info.json"
PATH = "/api/v3/exchangeInfo?showPermissionSets=false"
"""Binance Spot API, "Exchange information"; the sets of permissions would be most of it."""
DEADLINE_FACTOR = 6
"""The whole answer may take so many times as long as its next part."""
_HTTP_OK = 200


class _Origin(msgspec.Struct):
    rest_url: str
    asked_ns: int


class _Kept(msgspec.Struct, rename={"origin": "naiveDaemon"}):
    origin: _Origin


class _NotHadError(Exception):
    """Why the exchange's answer could not be had, in a few words."""


def fetch_exchange_information(config: Config, clock: Clock, *, fresh_s: float = 0.0) -> dict[str, Instrument]:
    """Give what Binance lists, by symbol; what was kept serves where it is younger than `fresh_s`.

    What was kept serves with a warning, too, when Binance can not be reached; without it raises UnreachableError.
    Raises ConfigError where an account is to be traded at a place that nobody named.
    """
    binance = config.exchange.binance
    endpoints = account_endpoints(binance) if config.exchange.name == "binance" else market_endpoints(binance)
    source, kept = _Source(config.home / FILE_NAME, endpoints.rest_url, clock), None
    if fresh_s > 0 and (kept := source.read_kept(fresh_s)) is not None:
        return kept
    try:
        return source.ask(binance.answer_timeout_s)
    except _NotHadError as error:
        reason = f"{address(endpoints.rest_url)}: {error}"
    kept = source.read_kept()
    if kept is None:
        raise UnreachableError(
            f"what Binance lists can not be had from {reason}",
            hint="check the network and exchange.binance.rest_url, or name a file with exchange.exchange_info",
        )
    source.log.warning("what Binance lists is read from the copy kept", reason=reason, file=str(source.path))
    return kept


class _Source:
    """The answer of one address, and the file in which the last one is kept."""

    def __init__(self, path: Path, rest_url: str, clock: Clock) -> None:
        self.path = path
        self.log: Any = structlog.get_logger("naive_daemon").bind(actor="exchange information")
        self._rest_url = rest_url
        self._clock = clock

    def ask(self, timeout_s: float) -> dict[str, Instrument]:
        try:
            data = asyncio.run(_get(self._rest_url + PATH, timeout_s))
            instruments = self._parsed(data)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _NotHadError(_lost(error)) from error
        except ConfigError as error:
            raise _NotHadError(error.message) from error
        self._keep(data)
        return instruments

    def read_kept(self, younger_than_s: float | None = None) -> dict[str, Instrument] | None:
        """Give what was kept from this address; None when there is none that can be read, or it is too old."""
        try:
            data = self.path.read_bytes()
            origin = msgspec.json.decode(data, type=_Kept).origin
            age_ns = self._clock.now_ns() - origin.asked_ns
            if origin.rest_url != self._rest_url:
                return None
            if younger_than_s is not None and not 0 <= age_ns < younger_than_s * NS_PER_S:
                return None
            return self._parsed(data)
        except (OSError, ValueError, RecursionError, ConfigError):  # ValueError: not what was written here
            return None

    def _parsed(self, data: bytes) -> dict[str, Instrument]:
        return parse_exchange_information(data, pass_over=self._pass_over)

    def _pass_over(self, error: ConfigError) -> None:
        self.log.warning("a symbol is passed over", reason=error.message)

    def _keep(self, data: bytes) -> None:
        """Replace the file as a whole; a home that can not be written costs the copy, nothing else."""
        origin = msgspec.json.encode(_Kept(_Origin(self._rest_url, self._clock.now_ns())))
        kept = origin[:-1] + b"," + data.strip()[1:]  # an object that lists symbols: it is not empty
        fresh = None
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=self.path.parent, prefix=f".{FILE_NAME}.")
            with os.fdopen(handle, "wb") as file:
                file.write(kept)
            Path(fresh).replace(self.path)
        except OSError as error:
            if fresh is not None:
                Path(fresh).unlink(missing_ok=True)
            self.log.warning("what Binance lists is not kept", file=str(self.path), reason=error.strerror)


async def _get(url: str, timeout_s: float) -> bytes:
    timeout = aiohttp.ClientTimeout(
        total=DEADLINE_FACTOR * timeout_s, connect=timeout_s, sock_connect=timeout_s, sock_read=timeout_s
    )
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != _HTTP_OK:
            raise _NotHadError(f"it answers HTTP {response.status}")
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > BODY_MAX:
                raise _NotHadError("the answer is too long")
        return bytes(data)


def _lost(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError):
        return connect_failure(error)
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return f"the connection was lost: {type(error).__name__}"
