"""What a cycle has brought, whatever its fees were paid in: laws over any fills, then examples."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import Position
from naive_daemon.strategy.result import cycle_result, held, is_dust_refused

MARKET = Instrument(
    symbol="AAAQ", base_asset="AAA", quote_asset="Q", tick_size=Decimal("0.01"), step_size=Decimal("0.001")
)
KEY = CycleKey("main", "AAAQ", 1, 1)

# Many digits on purpose: in 28 of them such sums would round.
amounts = st.decimals("0.00000001", "100000000", places=18, allow_nan=False)
commissions = st.decimals(0, 1000, places=20, allow_nan=False)
dust = st.decimals("-0.5", "0.5", places=18, allow_nan=False)
fills = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 3),
        amounts,
        st.decimals("0.01", 100_000, places=2),
        st.sampled_from(["AAA", "Q", "BNB", "OTHER"]),
        commissions,
    ),
    max_size=25,
)


def order(side: Side, attempt: int, status: OrderStatus = OrderStatus.OPEN, quantity: str = "1E+12") -> Order:
    leg = Leg(side, attempt)
    return Order(
        client_order_id=str(leg),
        key=KEY,
        leg=leg,
        price=Decimal(1),
        quantity=Decimal(quantity),
        created_ns=1,
        status=status,
    )


def position(*orders: Order, dust_in: Decimal = ZERO) -> Position:
    cycle = Cycle(key=KEY, budget=Decimal(1), fee=Decimal(0), settings=TradeSettings(), started_ns=1, dust_in=dust_in)
    return Position(cycle=cycle, orders=orders)


@given(fills, dust)
def test_nothing_is_lost_or_made_whatever_the_fees_are_paid_in(
    done: list[tuple[Side, int, Decimal, Decimal, str, Decimal]], dust_in: Decimal
) -> None:
    orders = {(side, attempt): order(side, attempt) for side in Side for attempt in (1, 2, 3)}
    owned: defaultdict[str, Decimal] = defaultdict(Decimal)
    fees: defaultdict[str, Decimal] = defaultdict(Decimal)
    bought = sold = ZERO
    for number, (side, attempt, quantity, price, asset, commission) in enumerate(done):
        fill = OrderFilled(
            account="main",
            symbol="AAAQ",
            client_order_id=orders[side, attempt].client_order_id,
            exchange_order_id="1",
            trade_id=str(number),
            price=price,
            quantity=quantity,
            commission=commission,
            commission_asset=asset,
            time_ns=1,
            is_maker=True,
        )
        orders[side, attempt] = orders[side, attempt].apply(fill)
        sign = 1 if side is Side.BUY else -1
        owned["AAA"] = EXACT.add(owned["AAA"], sign * quantity)
        owned["Q"] = EXACT.subtract(owned["Q"], EXACT.multiply(price, sign * quantity))
        if commission:
            owned[asset] = EXACT.subtract(owned[asset], commission)
            fees[asset] = EXACT.add(fees[asset], commission)
        bought, sold = (
            EXACT.add(bought, quantity if sign > 0 else ZERO),
            EXACT.add(sold, quantity if sign < 0 else ZERO),
        )
    last = position(*orders.values(), dust_in=dust_in)
    result = cycle_result(last, MARKET, 9, CycleOutcome.COMPLETED)
    assert result.realised_pnl == owned["Q"]
    assert result.dust_base == held(last, MARKET) == EXACT.add(dust_in, owned["AAA"])
    assert (result.bought, result.sold) == (bought, sold)
    assert EXACT.subtract(EXACT.subtract(EXACT.add(bought, dust_in), fees["AAA"]), sold) == result.dust_base
    assert result.fees == {asset: amount for asset, amount in fees.items() if amount}


def test_prices_are_averages_over_all_attempts_of_a_side() -> None:
    def filled(side: Side, attempt: int, quantity: str, price: str) -> Order:
        done = order(side, attempt, OrderStatus.CANCELLED)
        amount = Decimal(quantity)
        return Order(
            **{
                **{name: getattr(done, name) for name in done.__struct_fields__},
                "filled": amount,
                "filled_quote": amount * Decimal(price),
            }
        )

    sells = (filled(Side.SELL, 1, "1", "100"), filled(Side.SELL, 2, "3", "104"), filled(Side.SELL, 3, "0", "1"))
    result = cycle_result(position(*sells), MARKET, 9, CycleOutcome.COMPLETED)
    assert (result.buy_price, result.sell_price) == (None, Decimal(103))


def test_dust_is_refused_only_when_there_was_some_and_a_sell_never_came_onto_the_book() -> None:
    refused, resting = order(Side.SELL, 1, OrderStatus.REJECTED), order(Side.SELL, 1)
    some = Decimal("0.1")
    assert is_dust_refused(position(refused, order(Side.SELL, 2), dust_in=some))
    assert not is_dust_refused(position(resting, dust_in=some))
    assert not is_dust_refused(position(refused))
    assert not is_dust_refused(position(refused, dust_in=-some))
    assert not is_dust_refused(position(order(Side.BUY, 1, OrderStatus.REJECTED), dust_in=some))
