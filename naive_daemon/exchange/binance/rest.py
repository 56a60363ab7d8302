"""Binance's REST API, for one account: one keep-alive session, signed requests, answers as `Answer` or `Lost`.

Owned by one gateway, used on its loop only. Invariant: every request ends within its time-out, and whether it left is
told apart: what fails while connecting did not happen; what fails after may have.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import aiohttp
import msgspec
from yarl import URL

from naive_daemon.exchange.binance.exchange_time import ExchangeTime
from naive_daemon.exchange.binance.signal import Answer, Lost
from naive_daemon.exchange.binance.signing import Parameters, Signer, signed_query
from naive_daemon.exchange.binance.wire import ErrorBody, WireError, decode

BODY_MAX = 64 * 1024 * 1024
"""exchangeInfo of all symbols has some 15 MB."""
CONNECTIONS_MAX = 8
_CHUNK = 65_536

Method = Literal["GET", "POST", "DELETE"]


class RestAnswer(msgspec.Struct, frozen=True):
    """An answer, or how it was lost and why; headers by lower-case name."""

    answer: Answer | Lost
    headers: Mapping[str, str] = MappingProxyType({})
    reason: str = ""


class Rest:
    """See the module. To be made on the loop, and closed."""

    def __init__(self, url: str, signer: Signer, time: ExchangeTime, *, recv_window_ms: int, timeout_s: float) -> None:
        self._url = url
        self._signer = signer
        self._time = time
        self._recv_window = str(recv_window_ms)
        self._timeout_s = timeout_s
        self._deadline_s = 4 * timeout_s
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=30),
            headers={"X-MBX-APIKEY": signer.api_key},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=True,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.session.close()

    async def ask(
        self,
        method: Method,
        path: str,
        parameters: Parameters = (),
        *,
        is_signed: bool = True,
        connect_within_s: float | None = None,
    ) -> RestAnswer:
        """Send one request, once, and give what came of it. Never raises for what the network or the exchange does.

        `connect_within_s`: what takes longer to connect is not sent; the time-out at most.
        """
        if is_signed:
            stamped = [*parameters, ("recvWindow", self._recv_window), ("timestamp", str(self._time.now_ms()))]
            query = signed_query(self._signer, stamped)
        else:
            query = str(URL.build(query=list(parameters)).raw_query_string)
        # Encoded already, byte for byte as it was signed.
        url = URL(f"{self._url}{path}?{query}" if query else f"{self._url}{path}", encoded=True)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._ask(method, url, min(connect_within_s or self._timeout_s, self._timeout_s))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return RestAnswer(Lost.BEFORE_SEND, reason=connect_failure(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return RestAnswer(Lost.AFTER_SEND, reason=type(error).__name__)

    async def _ask(self, method: Method, url: URL, connect_s: float) -> RestAnswer:
        # To connect is apart from the rest: a time-out there means that nothing was sent.
        timeout = aiohttp.ClientTimeout(
            total=None, connect=connect_s, sock_connect=connect_s, sock_read=self._timeout_s
        )
        async with self.session.request(method, url, timeout=timeout, allow_redirects=False) as response:
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > BODY_MAX:
                    response.close()
                    return RestAnswer(Lost.AFTER_SEND, reason="the answer is too long")
                chunks.append(chunk)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return RestAnswer(answer_of(response.status, b"".join(chunks), headers), headers)


def answer_of(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Give an answer of HTTP as one; header names in lower case."""
    retry_after = headers.get("retry-after", "")
    retry_after_s = float(retry_after) if retry_after.isdecimal() and len(retry_after) < 10 else None  # noqa: PLR2004 - no longer number is one of seconds
    if status == 200:  # noqa: PLR2004 - HTTP's OK
        return Answer(status=status, body=body, retry_after_s=retry_after_s)
    try:
        error = decode(body, ErrorBody)
    except WireError:  # a page of a firewall or of a proxy
        error = ErrorBody()
    return Answer(status=status, code=error.code, message=error.msg[:300], retry_after_s=retry_after_s, body=body[:0])


def connect_failure(error: BaseException) -> str:
    """Say in a few words why no connection came about; nothing of the request's URL, which is signed."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not valid: {error.certificate_error}"
        case aiohttp.ClientConnectorSSLError() | aiohttp.ClientSSLError():
            return f"TLS failed: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known (DNS)"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case TimeoutError():
            return "it does not answer"
        case aiohttp.WSServerHandshakeError():
            return f"it refuses the WebSocket: HTTP {error.status}"
        case _:
            return f"no connection: {type(error).__name__}"
