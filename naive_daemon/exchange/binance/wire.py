"""What Binance writes, as typed values (Binance Spot API: "Trading requests", "Account requests", "User Data Stream").

Only the fields that are read. Pure. Invariant: amounts are exact decimals, whether they come as text or
as JSON numbers; what is not finite, negative or absurdly long is refused (`amount`).
"""

from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from naive_daemon.domain.money import ZERO

DIGITS_MAX = 40
"""Binance writes at most 8 decimals and 15 digits before them; a balance of some assets has 18 decimals."""

Milliseconds = Annotated[int, msgspec.Meta(ge=-1, le=9_000_000_000_000)]
"""A time since the epoch, until 2255: a later one would be too large as nanoseconds in 64 bits. -1 is none."""

AssetName = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]*$")]
"""The name of an asset, of any script; a NUL could not be journaled."""

T = TypeVar("T")


class WireError(Exception):
    """What came is not what the documentation says; its text never quotes what came."""


class PlacedFill(msgspec.Struct, rename="camel"):
    """A part of an order that was filled at once."""

    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: AssetName
    trade_id: int


class PlacedOrder(msgspec.Struct, rename="camel"):
    """The FULL answer to `order.place` and `POST /api/v3/order`."""

    symbol: str
    order_id: int
    client_order_id: str
    transact_time: Milliseconds
    status: str = "NEW"
    executed_qty: Decimal = ZERO
    fills: list[PlacedFill] = []


class KnownOrder(msgspec.Struct, rename="camel"):
    """One order of `GET /api/v3/order` and `openOrders`."""

    symbol: str
    order_id: int
    client_order_id: str
    side: str
    price: Decimal
    orig_qty: Decimal
    executed_qty: Decimal
    status: str
    time: Milliseconds = 0
    update_time: Milliseconds = 0
    expiry_reason: str | None = None


class OwnTrade(msgspec.Struct, rename="camel"):
    """One trade of `GET /api/v3/myTrades`."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: AssetName
    time: Milliseconds
    is_maker: bool = True


class Holding(msgspec.Struct):
    """What is owned of one asset."""

    asset: str
    free: Decimal
    locked: Decimal


class CommissionRates(msgspec.Struct):
    """Ratios: 0.001 is 0.1 %."""

    maker: Decimal = ZERO
    taker: Decimal = ZERO


class AccountInformation(msgspec.Struct, rename="camel"):
    """`GET /api/v3/account`. `update_time`: when the account changed last, in milliseconds."""

    can_trade: bool = True
    update_time: Milliseconds = 0
    balances: list[Holding] = []
    commission_rates: CommissionRates | None = None


class KeyRestrictions(msgspec.Struct, rename="camel"):
    """`GET /sapi/v1/account/apiRestrictions`: what the key may do."""

    enable_withdrawals: bool = False
    enable_reading: bool = True
    enable_spot_and_margin_trading: bool = True
    ip_restrict: bool = True


class ServerTime(msgspec.Struct, rename="camel"):
    """`GET /api/v3/time`, in milliseconds."""

    server_time: Milliseconds


class RateLimit(msgspec.Struct, rename="camel"):
    """One limit of `exchangeInfo`, or of an answer of the WebSocket API, which also has a count."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int | None = None


class ListedSymbol(msgspec.Struct, rename="camel"):
    """Whether a symbol is traded."""

    symbol: str
    status: str
    is_spot_trading_allowed: bool = True


class ExchangeInformation(msgspec.Struct, rename="camel"):
    """What changes while one trades, of `GET /api/v3/exchangeInfo`."""

    symbols: list[ListedSymbol]
    rate_limits: list[RateLimit] = []


class ErrorBody(msgspec.Struct):
    """What is wrong. `data`: on a limit, when one may come back."""

    code: int = 0
    msg: str = ""
    data: Any = None


class Frame(msgspec.Struct, rename="camel"):
    """Any frame of the WebSocket API: an answer (`id`, `status`) or an event (`event`, or the event itself)."""

    id: str | int | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: ErrorBody | None = None
    rate_limits: list[RateLimit] = []
    event: msgspec.Raw = msgspec.Raw(b"")
    e: str | None = None


class EventKind(msgspec.Struct):
    """What kind of event it is, and when it was written."""

    e: str
    E: int = 0


class ExecutionReport(msgspec.Struct):
    """What happened to an order ("Order Update"). Letters as on the wire; what they mean stands there."""

    s: str
    c: str
    S: str
    x: str
    X: str
    i: int
    T: Milliseconds
    C: str | None = None
    r: str = "NONE"
    l: Decimal = ZERO  # noqa: E741 - the wire's name: the quantity of this fill
    L: Decimal = ZERO
    n: Decimal | None = None
    N: AssetName | None = None
    t: int = -1
    I: int = 0  # noqa: E741 - the wire's name: the execution's number
    m: bool = False
    z: Decimal = ZERO
    eR: str | int | None = None  # noqa: N815 - the wire's name: why it expired


class PositionHolding(msgspec.Struct):
    """One asset of an `outboundAccountPosition`: free and locked."""

    a: str
    f: Decimal
    l: Decimal  # noqa: E741 - the wire's name: locked


class AccountPosition(msgspec.Struct):
    """Assets that changed, with what is owned now. `u`: when, in milliseconds; `E`: when it was written."""

    E: Milliseconds
    B: list[PositionHolding]
    u: Milliseconds | None = None


def decode(body: "bytes | str | msgspec.Raw", shape: type[T]) -> T:
    """Read JSON; raises WireError when it is none, or of another shape."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (ValueError, RecursionError, TypeError, ArithmeticError) as error:
        # msgspec's errors name the field and its type, never the value. Text that is no UTF-8 may be quoted, so only
        # the kind of such an error is told.
        what = str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__
        raise WireError(f"{shape.__name__}: {what}") from None


def amount(value: Decimal, field: str) -> Decimal:
    """Give an amount back that is finite, not negative and of a sane size; raises WireError."""
    if not value.is_finite() or value < 0:
        raise WireError(f"{field} is no amount")
    if abs(value.adjusted()) > DIGITS_MAX or len(value.as_tuple().digits) > 2 * DIGITS_MAX:
        raise WireError(f"{field} has too many digits")
    return value


def fee(ratio: Decimal) -> Decimal | None:
    """Give a ratio that can be one; fees are never negative here, and never 10 %."""
    return ratio if ratio.is_finite() and ZERO <= ratio < Decimal("0.1") else None


def positive(value: Decimal, field: str) -> Decimal:
    """Give an amount back that is also more than 0; raises WireError."""
    if amount(value, field) == 0:
        raise WireError(f"{field} is 0")
    return value
