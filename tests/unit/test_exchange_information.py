"""Reading exchangeInfo: every filter, what is left out, and errors that say where."""

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import is_multiple
from naive_daemon.domain.side import Side
from naive_daemon.exchange.information import parse_exchange_information, read_exchange_information
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS, GENERATED_LISTINGS

D = Decimal
DATA = Path(os.environ.get("NAIVE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))

PRICE_FILTER = {"filterType": "PRICE_FILTER", "minPrice": "0.0100", "maxPrice": "900.00", "tickSize": "0.0100"}
LOT_SIZE = {"filterType": "LOT_SIZE", "minQty": "0.002", "maxQty": "90.0", "stepSize": "0.001"}
MARKET_LOT_SIZE = {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "1", "stepSize": "0"}
NOTIONAL = {"filterType": "NOTIONAL", "minNotional": "5.0", "applyMinToMarket": True, "maxNotional": "9000"}
MIN_NOTIONAL = {"filterType": "MIN_NOTIONAL", "minNotional": "7", "applyToMarket": True, "avgPriceMins": 5}
BY_SIDE = {
    "filterType": "PERCENT_PRICE_BY_SIDE",
    "bidMultiplierUp": "5",
    "bidMultiplierDown": "0.2",
    "askMultiplierUp": "6",
    "askMultiplierDown": "0.3",
}
PERCENT_PRICE = {"filterType": "PERCENT_PRICE", "multiplierUp": "4", "multiplierDown": "0.1"}
MAX_NUM_ORDERS = {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200}
LATER = {"filterType": "NOT_THOUGHT_OF_YET", "tickSize": "nonsense"}


def symbol(*filters: Mapping[str, object], **fields: object) -> dict[str, object]:
    return {
        "symbol": "AUSDT",
        "status": "TRADING",
        "baseAsset": "A",
        "baseAssetPrecision": 8,
        "quoteAsset": "USDT",
        "quoteAssetPrecision": 6,
        "filters": list(filters),
        **fields,
    }


def read(*symbols: object) -> dict[str, Instrument]:
    return parse_exchange_information(json.dumps({"timezone": "UTC", "symbols": symbols}).encode())


def test_every_filter_of_a_limit_order_is_read() -> None:
    listed = read(symbol(PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE, NOTIONAL, BY_SIDE, MAX_NUM_ORDERS, LATER))
    assert listed == {
        "AUSDT": Instrument(
            symbol="AUSDT",
            base_asset="A",
            quote_asset="USDT",
            tick_size=D("0.01"),
            step_size=D("0.001"),
            min_price=D("0.01"),
            max_price=D(900),
            min_quantity=D("0.002"),
            max_quantity=D(90),
            min_notional=D(5),
            max_notional=D(9000),
            bid_multiplier_up=D(5),
            bid_multiplier_down=D("0.2"),
            ask_multiplier_up=D(6),
            ask_multiplier_down=D("0.3"),
            max_open_orders=200,
        )
    }
    assert str(listed["AUSDT"].tick_size) == "0.01"
    assert str(listed["AUSDT"].max_price) == "900"


def test_what_is_left_out_is_switched_off_and_grids_come_from_the_precisions() -> None:
    assert read(symbol()) == {
        "AUSDT": Instrument(
            symbol="AUSDT", base_asset="A", quote_asset="USDT", tick_size=D("0.000001"), step_size=D("0.00000001")
        )
    }


def test_a_zero_step_leaves_the_grid_to_the_precision() -> None:
    (instrument,) = read(symbol({**PRICE_FILTER, "tickSize": "0.0"}, {**LOT_SIZE, "stepSize": "0"})).values()
    assert (instrument.tick_size, instrument.step_size) == (D("0.000001"), D("0.00000001"))
    assert instrument.min_quantity == D("0.002")


def test_the_older_filters_are_read_where_the_newer_are_missing() -> None:
    (instrument,) = read(symbol(MIN_NOTIONAL, PERCENT_PRICE)).values()
    assert (instrument.min_notional, instrument.max_notional) == (D(7), D(0))
    assert (instrument.bid_multiplier_up, instrument.ask_multiplier_down) == (D(4), D("0.1"))
    (instrument,) = read(symbol(MIN_NOTIONAL, NOTIONAL, PERCENT_PRICE, BY_SIDE)).values()
    assert instrument.min_notional == 5
    assert instrument.ask_multiplier_down == D("0.3")


@pytest.mark.parametrize(
    ("fields", "trading"),
    [
        ({"status": "TRADING"}, True),
        ({"status": "BREAK"}, False),
        ({"status": "TRADING", "isSpotTradingAllowed": False}, False),
    ],
)
def test_whether_a_symbol_trades(fields: dict[str, object], trading: bool) -> None:
    (instrument,) = read(symbol(**fields)).values()
    assert instrument.is_trading is trading


@pytest.mark.parametrize(
    ("listed", "complaint"),
    [
        ([], "exchangeInfo: lists no symbol"),
        ([symbol(), symbol()], "exchangeInfo: symbol 'AUSDT': is listed twice"),
        ([symbol(symbol="")], "exchangeInfo: symbol '': has no name"),
        ([{"status": "TRADING"}], r"symbol number 1: Object missing required field `symbol`"),
        ([{"symbol": "AUSDT"}], r"symbol 'AUSDT': Object missing required field `status`"),
        ([symbol(baseAsset=3)], r"symbol 'AUSDT': Expected `str`, got `int` - at `\$.baseAsset`"),
        ([symbol({**PRICE_FILTER, "tickSize": "abc"})], "'AUSDT': PRICE_FILTER.tickSize: 'abc' is not a decimal"),
        ([symbol({**PRICE_FILTER, "maxPrice": "-1"})], "'AUSDT': PRICE_FILTER.maxPrice: -1 is negative"),
        ([symbol({**LOT_SIZE, "stepSize": "NaN"})], "'AUSDT': LOT_SIZE.stepSize: 'NaN' is not a decimal number"),
        ([symbol({**LOT_SIZE, "stepSize": 0.001})], "'AUSDT': LOT_SIZE.stepSize: 0.001 is not a decimal in quotes"),
        ([symbol({**LOT_SIZE, "minQty": None})], "'AUSDT': LOT_SIZE.minQty: None is not a decimal in quotes"),
        ([symbol({**MAX_NUM_ORDERS, "maxNumOrders": "2.5"})], "MAX_NUM_ORDERS.maxNumOrders: 2.5 is not a whole"),
        ([symbol(quoteAssetPrecision=99)], "'AUSDT': a precision of 99"),
    ],
)
def test_an_error_names_the_symbol_and_the_field(listed: list[object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        read(*listed)
    assert "\n" not in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"not json", b"\xff\xfe", b"null", b"[]", b"{}", b'{"symbols": 3}', b'{"symbols":' + b"[" * 99_999]
)
def test_what_is_not_exchange_information_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "info.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"info\.json: ") as raised:
        read_exchange_information(path)
    assert raised.value.exit_code == 78


def test_bytes_that_are_no_text_in_a_name_are_refused() -> None:
    content = json.dumps({"symbols": [symbol(baseAsset="@")]}).encode().replace(b"@", b"\xff")
    with pytest.raises(ConfigError, match="symbol 'AUSDT'"):
        parse_exchange_information(content)


@pytest.mark.parametrize(("name", "reason"), [("missing.json", "No such file"), (".", "Is a directory")])
def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_exchange_information(tmp_path / name)


def test_the_real_answer_is_read() -> None:
    path = DATA / "exchange_info.json"
    if not path.is_file():
        pytest.skip(f"there is no {path}; NAIVE_TEST_DATA says where the recorded market is")
    listed = read_exchange_information(path)
    assert sorted(listed) == ["BTCUSDT", "XRPETH"]
    xrp = listed["XRPETH"]
    assert (xrp.tick_size, xrp.step_size, xrp.min_notional) == (D("0.00000001"), D(1), D("0.005"))
    assert (xrp.max_open_orders, xrp.is_trading) == (200, True)


@pytest.mark.parametrize("name", GENERATED_LISTINGS)
def test_the_built_in_listing_passes_its_own_filters(name: str) -> None:
    listing = GENERATED_LISTINGS[name]
    instrument = listing.instrument
    assert GENERATED_INSTRUMENTS[name] is instrument
    assert instrument.symbol == name == instrument.base_asset + instrument.quote_asset
    assert is_multiple(listing.start_price, instrument.tick_size)
    quantity = instrument.min_quantity * (1 + int(instrument.min_notional / listing.start_price / instrument.step_size))
    assert instrument.refusal(Side.BUY, listing.start_price, quantity, listing.start_price) is None
