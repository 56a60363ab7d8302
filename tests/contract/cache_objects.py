"""Objects that tests of cache databases store: times of 19 digits, decimals that no float holds."""

from decimal import Decimal

from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.events import BalanceUpdated, OrderAccepted, OrderCancelled, OrderFilled, OrderRejected
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.position import Position, PositionFill
from naive_daemon.domain.side import Side

NOW_NS = 1_700_000_000_123_456_789
LONG = Decimal("0.1234567890123456789012345678")


def order(name: str, at_ns: int = NOW_NS) -> Order:
    return Order(
        client_order_id=name,
        key=CycleKey("main", "BTCUSDT", 1, 7),
        leg=Leg(Side.BUY, 2),
        price=Decimal("60000.01"),
        quantity=Decimal("0.30"),
        created_ns=at_ns,
    )


def accepted(name: str, at_ns: int = NOW_NS + 1) -> OrderAccepted:
    return OrderAccepted(
        account="main", symbol="BTCUSDT", client_order_id=name, exchange_order_id=f"E-{name}", time_ns=at_ns
    )


def filled(name: str, trade: int, quantity: str = "0.10", at_ns: int = NOW_NS + 2) -> OrderFilled:
    return OrderFilled(
        account="main",
        symbol="BTCUSDT",
        client_order_id=name,
        exchange_order_id=f"E-{name}",
        trade_id=str(trade),
        price=Decimal("60000.00"),
        quantity=Decimal(quantity),
        commission=LONG,
        commission_asset="BNB",
        time_ns=at_ns + trade,
    )


def cancelled(name: str, at_ns: int = NOW_NS + 50) -> OrderCancelled:
    return OrderCancelled(account="main", symbol="BTCUSDT", client_order_id=name, time_ns=at_ns, reason="null")


def rejected(name: str, at_ns: int = NOW_NS + 60) -> OrderRejected:
    return OrderRejected(account="main", symbol="BTCUSDT", client_order_id=name, time_ns=at_ns, reason="1")


def position(name: str) -> Position:
    return Position(position_id=name, account="main", symbol="BTCUSDT", base_asset="BTC")


def bought(trade: int, quantity: str = "0.10") -> PositionFill:
    return PositionFill(Side.BUY, filled("O-1", trade, quantity))


def sold(trade: int, quantity: str = "0.10") -> PositionFill:
    return PositionFill(Side.SELL, filled("O-2", trade, quantity))


def account_state(at_ns: int = NOW_NS, account: str = "main") -> AccountState:
    balance = BalanceUpdated(account=account, asset="USDT", free=LONG, locked=Decimal(0), time_ns=at_ns)
    return AccountState(account=account, balances=(balance,), time_ns=at_ns)


def instrument(symbol: str = "BTCUSDT") -> Instrument:
    return Instrument(
        symbol=symbol,
        base_asset="BTC",
        quote_asset="USDT",
        tick_size=Decimal("0.01000000"),
        step_size=Decimal("0.00001000"),
        max_quantity=Decimal("9000.00000000"),
    )
