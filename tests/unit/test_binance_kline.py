"""Candles as Binance writes them: exactly, closed ones only, and a kind for everything that is none."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.candle import Candle
from naive_daemon.exchange.binance.kline import candles_of_rows, closed_candle
from naive_daemon.exchange.binance.market_frame import KLINE, Frame, OddFrameError, TradeEvent, parse_frame, trade_of

OPEN_MS = 1_672_515_780_000
KLINE_FIELDS = {
    "t": OPEN_MS, "T": OPEN_MS + 59_999, "s": "BNBBTC", "i": "1m", "f": 100, "L": 200,
    "o": "0.00100000", "c": "0.00200000", "h": "0.00250000", "l": "0.00080000", "v": "1000.00000000", "n": 100,
    "x": True, "q": "1.00000000", "V": "500.00000000", "Q": "0.50000000", "B": "123456",
}  # fmt: skip
"""Binance's own example, closed and with its time on the grid."""
ROW = [
    OPEN_MS, "0.00100000", "0.00250000", "0.00080000", "0.00200000", "1000.00000000", OPEN_MS + 59_999,
    "1.00000000", 100, "500.00000000", "0.50000000", "0",
]  # fmt: skip
CANDLE = Candle(
    symbol="BNBBTC",
    interval="1m",
    open_ns=OPEN_MS * 1_000_000,
    close_ns=(OPEN_MS + 60_000) * 1_000_000,
    open=Decimal("0.001"),
    high=Decimal("0.0025"),
    low=Decimal("0.0008"),
    close=Decimal("0.002"),
    volume=Decimal(1_000),
    trades=100,
)


def frame(**fields: object) -> bytes:
    return json.dumps({"e": "kline", "E": OPEN_MS + 60_001, "s": "BNBBTC", "k": {**KLINE_FIELDS, **fields}}).encode()


def read(data: bytes) -> Candle | None:
    """Read a frame as the connection does."""
    other = parse_frame(data)
    assert isinstance(other, Frame)
    assert other.event == KLINE
    return closed_candle(other.candle)


def read_rows(*rows: list[Any]) -> tuple[Candle, ...]:
    return candles_of_rows(json.dumps(rows).encode(), "BNBBTC", "1m")


def test_a_closed_candle_is_read_exactly() -> None:
    candle = read(frame())
    assert candle == CANDLE
    assert str(candle.open) == "0.00100000"


def test_times_may_be_microseconds() -> None:
    assert read(frame(t=OPEN_MS * 1_000)) == CANDLE
    assert read_rows([OPEN_MS * 1_000, *ROW[1:]]) == (CANDLE,)


def test_an_open_candle_is_none_that_is_told() -> None:
    assert read(frame(x=False)) is None


def test_a_candle_without_a_trade_has_no_volume() -> None:
    flat = read(frame(o="0.002", h="0.002", l="0.002", c="0.002", v="0.00000000", n=0))
    assert flat is not None
    assert flat.low == flat.high == Decimal("0.002")
    assert flat.volume == flat.trades == 0


def test_rows_are_read_as_what_the_stream_says() -> None:
    later = [OPEN_MS + 120_000, *ROW[1:]]  # where nothing was traded there may be none
    assert read_rows() == ()
    first, second = read_rows(ROW, later)
    assert first == CANDLE
    assert second.open_ns == CANDLE.open_ns + 120_000_000_000


NO_SENSE: list[Mapping[str, object]] = [
    {"s": ""},
    {"i": "7m"},
    {"i": "1w"},
    {"n": -1},
    {"n": 2**60},
    {"h": "0.0007"},
    {"l": "0.0011"},
    {"c": "0.0026"},
    {"l": "0.00000000"},
    {"v": "-1"},
    *({"o": text} for text in ("", "NaN", "Infinity", "1e3", "1_0", " 1", "٣", "1.2.3", ".", "1" * 90)),
    *({"t": time} for time in (0, -1, OPEN_MS + 1, OPEN_MS // 1_000, 10**18, 10**400)),
]


@pytest.mark.parametrize("fields", NO_SENSE)
def test_a_candle_that_makes_no_sense_is_refused(fields: Mapping[str, object]) -> None:
    with pytest.raises(OddFrameError, match="candle"):
        read(frame(**fields))


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"o": 0.001}, "Expected `str`, got `float` - at `$.o`"),
        ({"v": 3}, "Expected `str`, got `int` - at `$.v`"),
        ({"t": "x"}, "Expected `int`, got `str` - at `$.t`"),
        ({"x": "true"}, "Expected `bool`, got `str` - at `$.x`"),
    ],
)
def test_a_candle_of_another_shape_is_refused_also_an_open_one(fields: dict[str, object], detail: str) -> None:
    with pytest.raises(OddFrameError) as caught:
        read(frame(**({"x": False} | fields)))
    assert (caught.value.kind, caught.value.detail) == ("candle of another shape", detail)


def test_an_event_without_a_candle_is_refused() -> None:
    with pytest.raises(OddFrameError, match="candle of another shape"):
        read(b'{"e":"kline","s":"BNBBTC"}')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[[]]",
        b'[["x"]]',
        b"\xff",
        b"[" * 60_000,
        json.dumps([[*ROW[:1], 0.001, *ROW[2:]]]).encode(),
        json.dumps([ROW, ROW]).encode(),
        json.dumps([[OPEN_MS + 60_000, *ROW[1:]], ROW]).encode(),
        json.dumps([[*ROW[:3], "9", *ROW[4:]]]).encode(),
    ],
)
def test_rows_that_can_not_be_used_are_refused(body: bytes) -> None:
    with pytest.raises(OddFrameError, match="candle"):
        candles_of_rows(body, "BNBBTC", "1m")


garbage = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=14) | st.dictionaries(st.sampled_from("etskoclhvnix"), inner, max_size=12),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())


@given(garbage, st.sampled_from(sorted(KLINE_FIELDS)), st.none() | st.integers() | st.floats() | st.text(max_size=30))
def test_garbage_is_odd_and_nothing_else(data: bytes, field: str, value: object) -> None:
    """Whatever comes: it is read, or it is odd; no other error leaves, and no candle is told that makes no sense."""
    for body in (data, frame(**{field: value}), b'{"e":"kline","k":' + data + b"}"):
        try:
            event = parse_frame(body)
            candle = trade_of(event) if isinstance(event, TradeEvent) else closed_candle(event.candle)
        except OddFrameError:
            continue
        if isinstance(candle, Candle):
            assert 0 < candle.low <= candle.open <= candle.high
            assert candle.low <= candle.close <= candle.high
            assert msgspec.json.encode(candle)
    try:
        candles_of_rows(data, "BNBBTC", "1m")
    except OddFrameError:
        return
