"""Candles asked for by REST, of a server that says what it likes: an answer each time, in one line where it is none."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.exchange.binance import klines
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.klines import Klines
from naive_daemon.market.player import AskKlines
from naive_daemon.otp import Call, ExitReason

if TYPE_CHECKING:
    from naive_daemon.domain.candle import Candle

PATIENCE_S = 10.0
ROW = [1_700_000_040_000, "1.0", "1.2", "0.9", "1.1", "5.0", 1_700_000_099_999, "5.5", 7, "1", "1", "0"]
QUESTION = AskKlines("BTCUSDT", "1m")

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked:
    """A question and what came of it, each time it was answered."""

    def __init__(self) -> None:
        self.candles: list[tuple[Candle, ...]] = []
        self.reasons: list[str] = []
        self.call = Call(QUESTION, self.candles.append, self._fail)

    def _fail(self, reason: ExitReason) -> None:
        self.reasons.append(str(reason))


async def ask(serve: Serve, shared: Address, *, wait_s: float = PATIENCE_S, timeout_s: float = PATIENCE_S) -> Asked:
    """Ask a server that answers with `serve`."""
    app = web.Application()
    app.router.add_get("/api/v3/klines", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        asked = Asked()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            await Klines(url, shared, timeout_s=timeout_s, wait_s=wait_s).answer(session, QUESTION, asked.call)
        return asked
    finally:
        await runner.cleanup()


def answering(body: Any, status: int = 200, **headers: str) -> Serve:
    async def serve(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(
            text=text, status=status, headers={name.replace("_", "-"): headers[name] for name in headers}
        )

    return serve


def test_a_question_is_asked_as_binance_wants_it_and_its_weight_is_counted() -> None:
    shared = Address(VirtualClock(1_700_000_000_000_000_000))  # it stands: no minute ends meanwhile
    queries: list[dict[str, str]] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        queries.append(dict(request.query))
        return web.json_response([ROW], headers={"X-MBX-USED-WEIGHT-1M": "5990"})

    async def play() -> tuple[Asked, Asked]:
        return await ask(serve, shared), await ask(serve, shared, wait_s=0.05)

    first, second = asyncio.run(play())
    assert queries == [{"symbol": "BTCUSDT", "interval": "1m", "limit": "1000"}]
    assert [[candle.trades for candle in candles] for candles in first.candles] == [[7]]
    assert first.reasons == []
    assert [reason.partition(": ")[2] for reason in second.reasons] == ["it does not answer, or its limits are used up"]


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (answering("nonsense"), "candles of another shape"),
        (answering([[*ROW[:1], 1.0, *ROW[2:]]]), "candles of another shape"),
        (answering([ROW, ROW]), "candles in no order"),
        (answering([ROW] * 9_999), "the answer is too long"),
        (answering({"code": -1121, "msg": "Invalid symbol."}, 400), "HTTP 400 Invalid symbol."),
        (answering("<html>", 502), "HTTP 502"),
        (answering("", 302, Location="/elsewhere"), "HTTP 302"),
        (answering({}, 429, Retry_After="30"), "asked too often, silent for 30 s"),
    ],
)
def test_what_is_no_answer_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, serve: Serve, reason: str) -> None:
    monkeypatch.setattr(klines, "BODY_MAX", 100_000)
    asked = asyncio.run(ask(serve, Address(WallClock())))
    assert asked.candles == []
    (told,) = asked.reasons
    assert told.startswith("127.0.0.1:")
    assert told.partition(": ")[2] == reason


def test_a_ban_holds_for_all_who_share_the_address() -> None:
    clock = WallClock()
    shared = Address(clock)
    asyncio.run(ask(answering({}, 418, Retry_After="600"), shared))
    assert shared.weight.banned_until_ms() > shared.time.now_ms() + 500_000
    assert "candles" in shared.weight.ban_reason
    asked = asyncio.run(ask(answering([ROW]), shared, wait_s=0.05))
    assert asked.candles == []


def test_a_ban_without_a_header_lasts_until_the_moment_that_its_text_names() -> None:
    clock = VirtualClock(1_700_000_000_000_000_000)  # it stands
    shared = Address(clock)
    until_ms = 1_700_000_000_000 + 3_600_000
    body = {"code": -1003, "msg": f"Way too many requests; IP banned until {until_ms}."}
    asked = asyncio.run(ask(answering(body, 418), shared))
    assert shared.weight.banned_until_ms() == until_ms
    assert [reason.partition(": ")[2] for reason in asked.reasons] == ["asked too often, silent for 3600 s"]


def test_a_server_that_hangs_or_hangs_up_is_waited_for_no_longer_than_the_time_out() -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    for serve in (hang, hang_up):
        asked = asyncio.run(ask(serve, Address(WallClock()), timeout_s=0.1))
        assert len(asked.reasons) == 1
        assert asked.candles == []


def test_who_still_waits_when_the_market_ends_is_told() -> None:
    async def play() -> Asked:
        asked = Asked()
        shared = Address(WallClock())
        shared.weight.ban_until(shared.time.now_ms() + 3_600_000)
        async with aiohttp.ClientSession() as session:
            waiting = Klines("http://127.0.0.1:9", shared, timeout_s=PATIENCE_S, wait_s=PATIENCE_S)
            task = asyncio.create_task(waiting.answer(session, QUESTION, asked.call))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait((task,))
        return asked

    assert asyncio.run(play()).reasons == ["the market ends"]
