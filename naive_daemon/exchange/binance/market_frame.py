"""One frame of a market stream: bytes → what it says (Binance Spot API, "WebSocket Streams"). Pure.

Owned by the connection that read it. Invariant: a price or a quantity never passes through a float. One that is written
as a JSON number instead of a string is refused, since nobody can know any more what the exchange meant.

Nearly every frame is a trade, so it is read as one first, and as anything else only when it is none.
"""

from decimal import Decimal, InvalidOperation

import msgspec

from naive_daemon.clock import NS_PER_MS, NS_PER_US
from naive_daemon.domain.events import Trade

FRAME_MAX = 64 * 1024
"""Bytes. A trade has some 150; what is longer is not decoded."""
SHUTDOWN = "serverShutdown"
TRADE = "trade"
KLINE = "kline"

_MS_MIN, _US_MIN, _US_MAX = 10**11, 10**14, 10**17
"""Times below the first are before 1973, below the second milliseconds, below the third microseconds."""
_DIGITS_MAX = 80
"""Of a price and a quantity together; Binance writes some 30."""


class OddFrameError(ValueError):
    """A frame that can not be used. `kind` and `detail` are each one of few, so that each is logged once."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class TradeEvent(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag=TRADE):
    """A trade as it is written; `time` is when it was made."""

    symbol: str = msgspec.field(name="s")
    trade_id: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""


class Frame(msgspec.Struct, frozen=True):
    """Any frame but a trade: another event (`candle`: of a candle), or the answer to a request (it has an `id`)."""

    event: str = msgspec.field(name="e", default="")
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: Refusal | None = None
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    candle: msgspec.Raw = msgspec.field(name="k", default=msgspec.Raw(b""))

    @property
    def refusal(self) -> str | None:
        """Why the request that this answers was refused; None when it was not."""
        if self.error is not None:
            return f"{self.error.msg} ({self.error.code})"
        return None if self.code is None else f"{self.msg} ({self.code})"


_decode_trade = msgspec.json.Decoder(TradeEvent).decode
_decode_frame = msgspec.json.Decoder(Frame).decode


def parse_frame(data: bytes) -> TradeEvent | Frame:
    """Read a frame, and give what is inside of a combined stream's envelope; raises OddFrameError."""
    if len(data) > FRAME_MAX:
        raise OddFrameError("huge frame")
    try:
        return _decode_trade(data)
    except (ValueError, RecursionError) as error:  # ValueError: not a trade, not JSON, or not UTF-8
        frame = _other_frame(data, error)
    if not frame.stream:
        return frame
    if not frame.data:
        return Frame(event=frame.stream.removeprefix("!"))
    try:
        return _decode_trade(frame.data)
    except (ValueError, RecursionError) as error:
        return _other_frame(bytes(frame.data), error)


def trade_of(event: TradeEvent) -> Trade:
    """Give the trade, its numbers exactly; raises OddFrameError where one of them makes no sense."""
    time = event.time
    time_ns = time * NS_PER_MS if _MS_MIN <= time < _US_MIN else time_ns_of(time, TRADE)
    digits = (event.price + event.quantity).replace(".", "")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > _DIGITS_MAX:  # a sign, an exponent, NaN, a blank
        raise _no_amount()
    try:
        price, quantity = Decimal(event.price), Decimal(event.quantity)
    except InvalidOperation:
        raise _no_amount() from None
    if not price or not quantity:
        raise _no_amount()
    if not event.symbol or event.trade_id < 0:
        raise OddFrameError("trade without a symbol or a number")
    return Trade(event.symbol, price, quantity, event.trade_id, time_ns, event.buyer_is_maker)


def _no_amount() -> OddFrameError:
    return OddFrameError("trade with a price or a quantity that is none")


def time_ns_of(time: int, kind: str) -> int:
    """Give a time in milliseconds or microseconds as nanoseconds; raises OddFrameError for one that is neither."""
    if _MS_MIN <= time < _US_MIN:
        return time * NS_PER_MS
    if _US_MIN <= time < _US_MAX:
        return time * NS_PER_US
    raise OddFrameError(f"{kind} with a time that is none")


def _other_frame(data: bytes, no_trade: Exception) -> Frame:
    """Read what is no trade; `no_trade` says why it is none, which matters for one that is written wrongly."""
    try:
        frame = _decode_frame(data)
    except msgspec.ValidationError as error:
        raise OddFrameError("frame of another shape") from error
    except (ValueError, RecursionError) as error:
        raise OddFrameError("malformed frame") from error
    if frame.event == TRADE:
        raise OddFrameError("trade of another shape", str(no_trade))
    return frame
