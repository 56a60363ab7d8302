"""A client of the local exchange that does what the test says and no more: it signs, sends, gives what came back."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import aiohttp
import msgspec

PATIENCE_S = 20.0

Json = dict[str, Any]


class Answer(NamedTuple):
    """An answer of REST."""

    status: int
    body: Any
    headers: Any


class Socket:
    """A WebSocket connection; `next` waits for a message in JSON."""

    def __init__(self, response: aiohttp.ClientWebSocketResponse, key: str, secret: str) -> None:
        self.response = response
        self._key = key
        self._secret = secret
        self._number = 0
        self.events: list[Json] = []

    async def next(self) -> Json:
        message = await asyncio.wait_for(self.response.receive(), PATIENCE_S)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        value: Json = msgspec.json.decode(message.data)
        return value

    async def ended(self) -> int | None:
        """Wait for the connection's end; gives the code that the server closed it with, None when it was cut."""
        while True:
            message = await asyncio.wait_for(self.response.receive(), PATIENCE_S)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return int(message.data) if message.type is aiohttp.WSMsgType.CLOSE else None

    async def say(self, method: str, params: Any = None, request_id: Any = 1) -> Json:
        """Send a request without a signature, and give its answer."""
        await self.response.send_str(
            msgspec.json.encode({"method": method, "params": params or [], "id": request_id}).decode()
        )
        return await self.next()

    async def ask(self, method: str, **params: object) -> Json:
        """Send a request as it is, and give its answer; events that come before are kept in `events`."""
        self._number += 1
        await self.response.send_str(
            msgspec.json.encode({"method": method, "params": params, "id": self._number}).decode()
        )
        while True:
            message = await self.next()
            if "event" not in message:
                return message
            self.events.append(message)

    async def ask_signed(self, method: str, **params: object) -> Json:
        """Send a signed request, and give its answer."""
        return await self.ask(method, **signed(params, self._key, self._secret))

    async def event(self) -> Json:
        """Give the next user event, without its envelope."""
        message = self.events.pop(0) if self.events else await self.next()
        event: Json = message["event"]
        return event


class Trader:
    """One account's client."""

    def __init__(self, address: str, key: str, secret: str) -> None:
        self.address = address
        self.key = key
        self.secret = secret
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(self, method: str, target: str, *, data: Any = None, headers: Json | None = None) -> Answer:
        """Send a request as it is."""
        url = f"http://{self.address}{target}"
        async with self._session.request(method, url, data=data, headers=headers) as answer:
            text = await answer.text()
            return Answer(
                answer.status, msgspec.json.decode(text) if text.startswith(("{", "[")) else text, answer.headers
            )

    async def signed(self, method: str, path: str, **params: object) -> Answer:
        """Send a signed request."""
        query = urlencode({"timestamp": now_ms(), **params})
        mac = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return await self.send(method, f"{path}?{query}&signature={mac}", headers={"X-MBX-APIKEY": self.key})

    async def place(self, side: str, price: str, quantity: str, name: str | None = None, **more: object) -> Answer:
        """Place a limit order of BTCUSDT, good till cancelled unless `more` says otherwise."""
        wish = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "price": price, "quantity": quantity}
        if name is not None:
            wish["newClientOrderId"] = name
        wanted = {**wish, **({} if "type" in more else {"timeInForce": "GTC"}), **more}
        return await self.signed("POST", "/api/v3/order", **wanted)

    async def order(self, name: str) -> Answer:
        """Ask for an order of BTCUSDT by its client order id."""
        return await self.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name)

    async def cancel(self, name: str) -> Answer:
        """Cancel an order of BTCUSDT by its client order id."""
        return await self.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name)

    async def balance(self, asset: str) -> tuple[str, str]:
        """Give what is free and what is locked of an asset."""
        account = (await self.signed("GET", "/api/v3/account")).body
        return next((row["free"], row["locked"]) for row in account["balances"] if row["asset"] == asset)

    @asynccontextmanager
    async def socket(self, path: str = "/ws-api/v3", **options: Any) -> AsyncIterator[Socket]:
        """Connect to a WebSocket path."""
        async with self._session.ws_connect(f"ws://{self.address}{path}", **options) as response:
            yield Socket(response, self.key, self.secret)

    @asynccontextmanager
    async def user_events(self) -> AsyncIterator[Socket]:
        """Connect to the WebSocket API and hear the account."""
        async with self.socket() as socket:
            answer = await socket.ask_signed("userDataStream.subscribe.signature")
            assert answer["status"] == 200, answer
            yield socket


def signed(params: Json, key: str, secret: str) -> Json:
    """Give the parameters of a request of the WebSocket API with key, time and signature."""
    whole = {"apiKey": key, "timestamp": now_ms(), **params}
    payload = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
    return {**whole, "signature": hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()}


def now_ms() -> int:
    """Give the time as clients say it."""
    return time.time_ns() // 1_000_000
