"""A position: the sum of its fills, net of commission in the base asset, each counted once."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.position import Position, PositionFill, PositionSide
from naive_daemon.domain.side import Side

EMPTY = Position(position_id="main/BNBUSDT/1/1", account="main", symbol="BNBUSDT", base_asset="BNB")


def fill(
    side: Side,
    price: str,
    quantity: str,
    trade_id: str,
    *,
    commission: str = "0",
    asset: str = "BNB",
    of: str = "a",
) -> PositionFill:
    return PositionFill(
        side,
        OrderFilled(
            account="main",
            symbol="BNBUSDT",
            client_order_id=of,
            exchange_order_id="1",
            trade_id=trade_id,
            price=Decimal(price),
            quantity=Decimal(quantity),
            commission=Decimal(commission),
            commission_asset=asset,
            time_ns=int(trade_id),
        ),
    )


def held(*fills: PositionFill, start: Position = EMPTY) -> Position:
    for one in fills:
        start = start.apply(one)
    return start


def test_a_long_position_is_what_was_bought_net_of_commission_at_its_average_price() -> None:
    position = held(fill(Side.BUY, "100", "1", "1", commission="0.5"), fill(Side.BUY, "300", "0.5", "2"))
    assert (position.quantity, position.entry_price) == (Decimal("1.0"), Decimal(200))
    assert (position.opened_ns, position.updated_ns) == (1, 2)
    assert position.unrealised_pnl(Decimal(250)) == 50


def test_commission_in_the_base_asset_leaves_the_position_with_a_sell_too() -> None:
    position = held(fill(Side.BUY, "100", "2", "1"), fill(Side.SELL, "110", "1", "2", commission="0.01"))
    assert position.quantity == Decimal("0.99")
    assert position.entry_price == 100
    assert position.realised_pnl == 10


def test_commission_in_another_asset_leaves_the_position_alone() -> None:
    assert held(fill(Side.BUY, "100", "2", "1", commission="0.1", asset="USDT")).quantity == 2


def test_a_fill_counts_once() -> None:
    once = held(fill(Side.BUY, "100", "2", "1"))
    assert once.apply(fill(Side.BUY, "100", "2", "1")) is once


def test_a_cycle_whose_sell_meets_its_own_buy_has_bought_and_sold() -> None:
    buy, sell = fill(Side.BUY, "100", "2", "1", of="buy"), fill(Side.SELL, "100", "2", "1", of="sell")
    position = held(fill(Side.BUY, "90", "2", "0", of="buy"), buy, sell)
    assert (position.quantity, position.entry_price, position.realised_pnl) == (2, 95, 10)
    assert held(buy, sell, start=position) is position


def test_a_short_position_is_below_nothing_and_gains_when_the_price_falls() -> None:
    short = a_short()
    position = held(fill(Side.SELL, "100", "2", "1"), start=short)
    assert (position.quantity, position.entry_price) == (Decimal(-2), Decimal(100))
    assert position.unrealised_pnl(Decimal(90)) == 20
    closed = position.apply(fill(Side.BUY, "90", "2", "2"))
    assert (closed.quantity, closed.entry_price, closed.realised_pnl, closed.is_open) == (0, 0, 20, False)


def a_short() -> Position:
    return Position(position_id="short", account="main", symbol="BNBUSDT", base_asset="BNB", side=PositionSide.SHORT)


amounts = st.decimals(min_value="0.001", max_value="1000", places=3)


@given(st.lists(st.tuples(st.sampled_from(Side), amounts, amounts, amounts), max_size=12))
def test_what_is_held_is_the_sum_over_its_fills(drawn: list[tuple[Side, Decimal, Decimal, Decimal]]) -> None:
    fills = [
        fill(side, str(price), str(quantity), str(number), commission=str(commission / 1000))
        for number, (side, price, quantity, commission) in enumerate(drawn, 1)
    ]
    total = sum(
        (one.fill.quantity * (1 if one.side is Side.BUY else -1) - one.fill.commission for one in fills), Decimal(0)
    )
    assert held(*fills).quantity == total
