"""What happened: market events and account events, in the past tense. Times are UTC nanoseconds."""

from decimal import Decimal

import msgspec


class Trade(msgspec.Struct, frozen=True):
    """A trade that the market printed. `trade_id` orders trades of one symbol; prices and quantities are > 0."""

    symbol: str
    price: Decimal
    quantity: Decimal
    trade_id: int
    time_ns: int
    buyer_is_maker: bool = False


class MarketHealth(msgspec.Struct, frozen=True):
    """Whether a live market's trades arrive; without them prices are old, and no entry may be placed.

    Published on `names.MARKET_HEALTH` when it changes, and when AskMarketHealth is. A market that is played (generated,
    recorded) says nothing.
    """

    connected: bool
    reason: str


class AskMarketHealth(msgspec.Struct, frozen=True):
    """Have MarketHealth published again, if it ever was; published on `names.MARKET_HEALTH_ASKED`."""


class LastPrice(msgspec.Struct, frozen=True):
    """Request to a symbol's feed: the last trade, or None."""


class OrderAccepted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The exchange has the order on its book."""

    account: str
    symbol: str
    client_order_id: str
    exchange_order_id: str
    time_ns: int


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A part of an order, or all of it, was traded. `trade_id` is unique in (account, symbol)."""

    account: str
    symbol: str
    client_order_id: str
    exchange_order_id: str | None
    trade_id: str
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    time_ns: int
    is_maker: bool = True


class OrderCancelled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The order left the book before it was filled whole. `filled`, if told: what of it had been, in base."""

    account: str
    symbol: str
    client_order_id: str
    time_ns: int
    reason: str | None = None
    filled: Decimal | None = None


class OrderExpired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The exchange took the order off its book. `filled`, if told: what of it had been filled, in base."""

    account: str
    symbol: str
    client_order_id: str
    time_ns: int
    reason: str | None = None
    filled: Decimal | None = None


INSUFFICIENT = "insufficient balance"
"""In the reason of an OrderRejected: less was free than the order wanted. Binance's word in a -2010."""


class OrderRejected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The order never came onto the book; `reason` is the exchange's, or the refusing limit's."""

    account: str
    symbol: str
    client_order_id: str
    time_ns: int
    reason: str


class OrderUnknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody knows yet whether the order reached the exchange."""

    account: str
    symbol: str
    client_order_id: str
    time_ns: int
    reason: str | None = None


OrderEvent = OrderAccepted | OrderFilled | OrderCancelled | OrderExpired | OrderRejected | OrderUnknown


class CancelRefused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A cancel came to nothing; the order's own events say what became of it."""

    account: str
    symbol: str
    client_order_id: str
    time_ns: int
    reason: str


class BalanceUpdated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The absolute balance of one asset."""

    account: str
    asset: str
    free: Decimal
    locked: Decimal
    time_ns: int


AccountEvent = OrderEvent | CancelRefused | BalanceUpdated
