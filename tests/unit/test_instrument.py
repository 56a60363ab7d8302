"""The exchange's filters, each at its edges, in the exchange's words."""

from decimal import Decimal

import msgspec
import pytest

from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.side import Side

MARKET = Instrument(
    symbol="AAAQ",
    base_asset="AAA",
    quote_asset="Q",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.1"),
    min_price=Decimal("0.10"),
    max_price=Decimal(1000),
    min_quantity=Decimal("0.5"),
    max_quantity=Decimal(100),
    min_notional=Decimal(30),
    max_notional=Decimal(5000),
    bid_multiplier_up=Decimal("1.2"),
    bid_multiplier_down=Decimal("0.5"),
    ask_multiplier_up=Decimal(2),
    ask_multiplier_down=Decimal("0.8"),
)
PRICE, LOT, NOTIONAL, PERCENT = "PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "PERCENT_PRICE_BY_SIDE"


@pytest.mark.parametrize(
    ("side", "price", "quantity", "filter_name"),
    [
        ("BUY", "100", "1", None),
        ("BUY", "100.01", "1.1", None),
        ("BUY", "100.001", "1", PRICE),
        ("BUY", "0", "1", PRICE),
        ("BUY", "0.09", "100", PRICE),
        ("BUY", "1000.01", "1", PRICE),
        ("BUY", "100", "1.05", LOT),
        ("BUY", "100", "0", LOT),
        ("BUY", "100", "0.4", LOT),
        ("BUY", "100", "100.1", LOT),
        ("BUY", "60", "0.5", None),
        ("BUY", "59.99", "0.5", NOTIONAL),
        ("BUY", "51", "100", NOTIONAL),
        ("BUY", "120", "1", None),
        ("BUY", "120.01", "1", PERCENT),
        ("BUY", "50", "1", None),
        ("BUY", "49.99", "1", PERCENT),
        ("SELL", "200", "1", None),
        ("SELL", "200.01", "1", PERCENT),
        ("SELL", "80", "1", None),
        ("SELL", "79.99", "1", PERCENT),
    ],
)
def test_which_filter_refuses_an_order_when_the_market_is_at_100(
    side: str, price: str, quantity: str, filter_name: str | None
) -> None:
    refusal = MARKET.refusal(Side(side), Decimal(price), Decimal(quantity), Decimal(100))
    assert refusal == (None if filter_name is None else f"Filter failure: {filter_name}")


def test_without_a_reference_price_the_percent_filter_is_not_asked() -> None:
    assert MARKET.refusal(Side.SELL, Decimal(900), Decimal(1)) is None


def test_bounds_of_zero_are_switched_off() -> None:
    off = {
        name: Decimal(0)
        for name in MARKET.__struct_fields__
        if name.startswith(("min_", "max_", "bid_", "ask_")) and name != "max_open_orders"
    }
    free = msgspec.structs.replace(MARKET, **off)
    assert free.refusal(Side.BUY, Decimal("0.01"), Decimal("0.1"), Decimal(1)) is None
    assert free.refusal(Side.SELL, Decimal(10**9), Decimal(10**9), Decimal(1)) is None
    assert free.refusal(Side.BUY, Decimal(0), Decimal(1)) == "Filter failure: PRICE_FILTER"
