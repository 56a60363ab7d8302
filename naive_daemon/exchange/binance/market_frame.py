"""One frame of a market stream: bytes → what it says (Binance Spot API, "WebSocket Streams"). Pure.

Owned by the connection that read it. Invariant: a price or a quantity never passes through a float. One that is written
as a JSON number instead of a string is refused, since nobody can know any more what the exchange meant.
"""

import re
from decimal import Decimal

import msgspec

from naive_daemon.clock import NS_PER_MS, NS_PER_US
from naive_daemon.domain.events import Trade

FRAME_MAX = 64 * 1024
"""Bytes. A trade has some 150; what is longer is not decoded."""
SHUTDOWN = "serverShutdown"
TRADE = "trade"

_MS_MIN, _US_MIN, _US_MAX = 10**11, 10**14, 10**17
"""Times below the first are before 1973, below the second milliseconds, below the third microseconds."""
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII).fullmatch


class OddFrameError(ValueError):
    """A frame that can not be used. `kind` and `detail` are each one of few, so that each is logged once."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """An event, the answer to a request (it has an `id`), or the envelope of a combined stream (it has `data`)."""

    event: str = msgspec.field(name="e", default="")
    symbol: str = msgspec.field(name="s", default="")
    trade_id: int = msgspec.field(name="t", default=-1)
    price: str = msgspec.field(name="p", default="")
    quantity: str = msgspec.field(name="q", default="")
    time: int = msgspec.field(name="T", default=0)
    buyer_is_maker: bool = msgspec.field(name="m", default=False)
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: Refusal | None = None
    stream: str = ""
    data: "Frame | None" = None

    @property
    def refusal(self) -> str | None:
        """Why the request that this answers was refused; None when it was not."""
        if self.error is not None:
            return f"{self.error.msg} ({self.error.code})"
        return None if self.code is None else f"{self.msg} ({self.code})"


class _Event(msgspec.Struct):
    event: object = msgspec.field(name="e", default="")


class _Envelope(msgspec.Struct):
    event: object = msgspec.field(name="e", default="")
    data: _Event = msgspec.field(default_factory=_Event)


_decode = msgspec.json.Decoder(Frame).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def parse_frame(data: bytes) -> Frame:
    """Read a frame, and give what is inside of a combined stream's envelope; raises OddFrameError."""
    if len(data) > FRAME_MAX:
        raise OddFrameError("huge frame")
    try:
        frame = _decode(data)
    except msgspec.ValidationError as error:
        raise _odd_shape(data, error) from error
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or not UTF-8
        raise OddFrameError("malformed frame") from error
    if frame.data is not None:
        return frame.data
    return Frame(event=SHUTDOWN) if frame.stream == f"!{SHUTDOWN}" else frame


def trade_of(frame: Frame) -> Trade:
    """Give the trade of an event `trade`, its numbers exactly; raises OddFrameError where one makes no sense."""
    if not frame.symbol or frame.trade_id < 0:
        raise OddFrameError("trade without a symbol or a number")
    return Trade(
        frame.symbol,
        _amount(frame.price),
        _amount(frame.quantity),
        frame.trade_id,
        _time_ns(frame.time),
        frame.buyer_is_maker,
    )


def _amount(text: str) -> Decimal:
    amount = Decimal(text) if _AMOUNT(text) else None
    if not amount:  # 0 is none, either
        raise OddFrameError("trade with a price or a quantity that is none")
    return amount


def _time_ns(time: int) -> int:
    if _MS_MIN <= time < _US_MIN:
        return time * NS_PER_MS
    if _US_MIN <= time < _US_MAX:
        return time * NS_PER_US
    raise OddFrameError("trade with a time that is none")


def _odd_shape(data: bytes, error: msgspec.ValidationError) -> OddFrameError:
    """Tell a trade that is written wrongly from an event that we do not know, whose fields may be of any type."""
    try:
        envelope = _decode_envelope(data)
    except (ValueError, RecursionError):
        return OddFrameError("frame of another shape")
    event = envelope.data.event or envelope.event
    if event == TRADE:
        return OddFrameError("trade of another shape", str(error))
    return OddFrameError("event of unknown type", event if isinstance(event, str) else type(event).__name__)
