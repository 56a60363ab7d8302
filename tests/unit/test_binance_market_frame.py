"""Frames of market streams: trades exactly as the exchange wrote them, and a kind for everything else."""

import json
from decimal import Decimal

import pytest

from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance.market_frame import (
    FRAME_MAX,
    SHUTDOWN,
    Frame,
    OddFrameError,
    TradeEvent,
    parse_frame,
    trade_of,
)

EVENT = {
    "e": "trade",
    "E": 1_672_515_782_136,
    "s": "BNBBTC",
    "t": 12_345,
    "p": "0.00100000",
    "q": "100.00000000",
    "T": 1_672_515_782_136,
    "m": True,
    "M": True,
}


def frame(**fields: object) -> bytes:
    return json.dumps({**EVENT, **fields}).encode()


def read(data: bytes) -> Trade:
    event = parse_frame(data)
    assert isinstance(event, TradeEvent)
    return trade_of(event)


def read_other(data: bytes) -> Frame:
    other = parse_frame(data)
    assert isinstance(other, Frame)
    return other


def test_a_trade_is_read_exactly() -> None:
    trade = read(frame())
    assert trade == Trade("BNBBTC", Decimal("0.001"), Decimal(100), 12_345, 1_672_515_782_136_000_000, True)
    long = read(frame(p="12345678901234567890.12345678901234567890"))
    assert str(long.price) == "12345678901234567890.12345678901234567890"


def test_a_combined_stream_wraps_the_same() -> None:
    wrapped = json.dumps({"stream": "bnbbtc@trade", "data": EVENT}).encode()
    assert read(wrapped) == read(frame())


@pytest.mark.parametrize(
    ("time", "time_ns"),
    [(1_672_515_782_136, 1_672_515_782_136_000_000), (1_672_515_782_136_257, 1_672_515_782_136_257_000)],
)
def test_milliseconds_and_microseconds_are_told_apart(time: int, time_ns: int) -> None:
    assert read(frame(T=time)).time_ns == time_ns


@pytest.mark.parametrize(
    "text",
    [
        '{"e":"serverShutdown","E":1770123456789}',
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
        '{"stream":"!serverShutdown"}',
    ],
)
def test_a_shutdown_of_the_server_is_known(text: str) -> None:
    assert read_other(text.encode()).event == SHUTDOWN


@pytest.mark.parametrize(
    ("text", "number", "refusal"),
    [
        ('{"result":null,"id":3}', 3, None),
        ('{"result":["btcusdt@trade"],"id":4}', 4, None),
        ('{"error":{"code":2,"msg":"Invalid request: no"},"id":5}', 5, "Invalid request: no (2)"),
        ('{"code":2,"msg":"Invalid request: no","id":6}', 6, "Invalid request: no (2)"),
        ('{"code":0,"msg":"Unknown property"}', None, "Unknown property (0)"),
    ],
)
def test_answers(text: str, number: int | None, refusal: str | None) -> None:
    answer = read_other(text.encode())
    assert (answer.id, answer.refusal) == (number, refusal)


@pytest.mark.parametrize(
    ("data", "kind", "detail"),
    [
        (b"", "malformed frame", ""),
        (b"\x00\x01\x02", "malformed frame", ""),
        (frame()[:-9], "malformed frame", ""),
        (b'{"e":"\xff"}', "malformed frame", ""),
        (b'{"x":' + b"[" * 60_000, "malformed frame", ""),
        (b"[1,2]", "frame of another shape", ""),
        (b"null", "frame of another shape", ""),
        (b'{"stream":"a@trade","data":3}', "frame of another shape", ""),
        (b" " * (FRAME_MAX + 1), "huge frame", ""),
        (b'{"e":["x"]}', "frame of another shape", ""),
        (b'{"stream":"a","data":{"stream":3}}', "frame of another shape", ""),
        (b'{"stream":"a","data":{"e":"trade"}}', "trade of another shape", "Object missing required field `s`"),
        (frame(p=0.001), "trade of another shape", "Expected `str`, got `float` - at `$.p`"),
        (frame(q=100), "trade of another shape", "Expected `str`, got `int` - at `$.q`"),
        (frame(t="12345"), "trade of another shape", "Expected `int`, got `str` - at `$.t`"),
        (frame(T=1.5), "trade of another shape", "Expected `int`, got `float` - at `$.T`"),
        (frame(m=None), "trade of another shape", "Expected `bool`, got `null` - at `$.m`"),
    ],
)
def test_what_can_not_be_read_has_a_kind(data: bytes, kind: str, detail: str) -> None:
    with pytest.raises(OddFrameError) as caught:
        parse_frame(data)
    assert (caught.value.kind, caught.value.detail) == (kind, detail)


@pytest.mark.parametrize(
    "fields",
    [
        {"s": ""},
        {"t": -1},
        *(
            {"p": text}
            for text in ("", "0", "0.000", "-1", "NaN", "Infinity", "1e3", "1_0", " 1", "٣", "1.2.3", ".", "1" * 90)
        ),
        {"q": "0.0"},
        *({"T": time} for time in (0, -1, 1_672_515_782, 10**18, 10**400)),
    ],
)
def test_a_trade_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(OddFrameError, match="trade with"):
        read(frame(**fields))


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('{"e":"kline","t":"x","k":{"t":1}}', "kline"),
        ('{"stream":"a","data":{"e":"depthUpdate","t":"x"}}', "depthUpdate"),
        ('{"u":400900217,"s":"BNBUSDT","b":"25.3"}', ""),
    ],
)
def test_other_events_are_only_named(text: str, event: str) -> None:
    assert read_other(text.encode()).event == event
