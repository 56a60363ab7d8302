"""Frames of Binance's market streams a second on one core: raw bytes → trade → told to its feed's mailbox."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.klines import Klines
from naive_daemon.exchange.binance.market import BinanceMarket
from naive_daemon.exchange.binance.market_connection import MarketConnection, StreamRules
from naive_daemon.exchange.binance.market_frame import TradeEvent, parse_frame, trade_of
from naive_daemon.exchange.binance.market_streams import MarketStreams, _Tape
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.market.feed import Feed
from naive_daemon.otp import ActorSystem
from tests.benchmarks.figure import Comparison, Figure, best_rate, fastest_s

if TYPE_CHECKING:
    from naive_daemon.exchange.binance.market_line import MarketLine

FRAMES = 100_000
SYMBOL = "BTCUSDT"
WAIT_S = 60.0


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    frames = [_frame(number) for number in range(FRAMES)]
    ours_s, plain_s = fastest_s(lambda: _spent_s(_decoded, frames), lambda: _spent_s(_plainly, frames))
    yield Figure(
        name="market frames decoded",
        value=FRAMES / ours_s,
        unit="frames/s",
        peers=(Comparison(peer="json.loads, Decimal", value=FRAMES / plain_s),),
    )
    yield Figure(
        name="market frames decoded and told to a feed",
        value=best_rate(FRAMES, lambda: asyncio.run(_tell(frames))),
        unit="frames/s",
    )


def _frame(number: int) -> bytes:
    event = {
        "e": "trade",
        "E": 1_700_000_000_000 + number,
        "s": SYMBOL,
        "t": 3_000_000_000 + number,
        "p": f"{60_000 + number % 100}.{number % 100:02}000000",
        "q": "0.00123000",
        "T": 1_700_000_000_000 + number,
        "m": number % 2 == 0,
        "M": True,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _spent_s(decode: Callable[[bytes], object], frames: list[bytes]) -> float:
    began = time.perf_counter()
    for frame in frames:
        decode(frame)
    return time.perf_counter() - began


def _decoded(frame: bytes) -> Trade:
    event = parse_frame(frame)
    assert isinstance(event, TradeEvent)
    return trade_of(event)


def _plainly(frame: bytes) -> tuple[str, Decimal, Decimal, int, int]:
    event = json.loads(frame)
    return event["s"], Decimal(event["p"]), Decimal(event["q"]), event["t"], event["T"] * 1_000_000


async def _tell(frames: list[bytes]) -> None:
    """Hand frames to a connection as its socket does; the feed reads on a thread of the pool meanwhile."""
    system = ActorSystem.live(WallClock(), threads=1)
    streams = MarketStreams("ws://127.0.0.1:9", WallClock(), random.Random(1), StreamRules())
    try:
        system.start(Feed(SYMBOL), names.feed(SYMBOL))
        klines = Klines("", Address(WallClock()), timeout_s=WAIT_S, wait_s=WAIT_S)
        system.start(BinanceMarket(streams, klines, [SYMBOL]), names.PLAYER)
        streams._tapes[SYMBOL] = _Tape(cast("MarketLine", None))  # as if it were played; nothing is connected
        connection = MarketConnection("", set(), StreamRules(), streams._take, Oddities(None))
        for frame in frames:
            connection._take(frame)
        assert system.settle(timeout_s=WAIT_S)
    finally:
        streams.end()
        system.stop()
