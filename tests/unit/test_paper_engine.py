"""The paper engine, case by case: what is accepted, refused, filled, cancelled, restored and remembered."""

from decimal import Decimal

import msgspec
import pytest

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.events import (
    AccountEvent,
    BalanceUpdated,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    Trade,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.exchange.paper.ledger import Balance, Ledger

D = Decimal
ACCOUNT = "main"
BTC = Instrument(
    symbol="BTCUSDT",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=D("0.01"),
    step_size=D("0.001"),
    max_price=D(1000),
    max_quantity=D(100),
    min_notional=D(5),
    bid_multiplier_up=D(2),
    bid_multiplier_down=D("0.5"),
    ask_multiplier_up=D(2),
    ask_multiplier_down=D("0.5"),
    max_open_orders=4,
)
CLOSED = msgspec.structs.replace(BTC, symbol="OLDUSDT", is_trading=False)
LISTED = {BTC.symbol: BTC, CLOSED.symbol: CLOSED}
BUY, SELL = Side.BUY, Side.SELL


def order(
    client_order_id: str, side: Side, price: str, quantity: str, *, symbol: str = "BTCUSDT", account: str = ACCOUNT
) -> Order:
    return Order(
        client_order_id=client_order_id,
        key=CycleKey(account, symbol, 1, 1),
        leg=Leg(side),
        price=D(price),
        quantity=D(quantity),
        created_ns=1,
    )


def trade(price: str, quantity: str = "1", *, buyer_is_maker: bool = False, symbol: str = "BTCUSDT") -> Trade:
    return Trade(symbol, D(price), D(quantity), 1, 77, buyer_is_maker)


def engine(fill_model: FillModel = FillModel.THROUGH, usdt: str = "1000", history_limit: int = 100) -> PaperEngine:
    return PaperEngine(
        LISTED,
        fill_model=fill_model,
        balances={ACCOUNT: {"USDT": D(usdt), "BTC": D(10)}, "other": {"USDT": D(1000)}},
        first_order_number=41,
        first_trade_number=7,
        history_limit=history_limit,
    )


def fills(events: list[AccountEvent]) -> list[tuple[str, Decimal, Decimal]]:
    return [(event.client_order_id, event.quantity, event.price) for event in events if isinstance(event, OrderFilled)]


def test_an_accepted_order_locks_its_funds() -> None:
    paper = engine()
    assert paper.place(order("b", BUY, "100.00", "2"), 5) == [
        OrderAccepted(account=ACCOUNT, symbol="BTCUSDT", client_order_id="b", exchange_order_id="41", time_ns=5),
        BalanceUpdated(account=ACCOUNT, asset="USDT", free=D(800), locked=D(200), time_ns=5),
    ]
    assert paper.place(order("s", SELL, "101.00", "3"), 6) == [
        OrderAccepted(account=ACCOUNT, symbol="BTCUSDT", client_order_id="s", exchange_order_id="42", time_ns=6),
        BalanceUpdated(account=ACCOUNT, asset="BTC", free=D(7), locked=D(3), time_ns=6),
    ]
    resting = paper.order(ACCOUNT, "b")
    assert resting is not None
    assert resting.status is OrderStatus.OPEN
    assert resting.exchange_order_id == "41"


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (order("x", BUY, "100", "1", symbol="NOPE"), "Invalid symbol."),
        (order("x", BUY, "100", "1", symbol="OLDUSDT"), "Market is closed."),
        (order("x", BUY, "100.001", "1"), "Filter failure: PRICE_FILTER"),
        (order("x", BUY, "1000.01", "1"), "Filter failure: PRICE_FILTER"),
        (order("x", BUY, "-1", "1"), "Filter failure: PRICE_FILTER"),
        (order("x", BUY, "100", "1.0001"), "Filter failure: LOT_SIZE"),
        (order("x", BUY, "100", "0"), "Filter failure: LOT_SIZE"),
        (order("x", BUY, "100", "0.049"), "Filter failure: NOTIONAL"),
        (order("x", BUY, "49.99", "1"), "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (order("x", SELL, "200.01", "1"), "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (order("x", BUY, "100", "10.001"), "Account has insufficient balance for requested action."),
        (order("x", SELL, "100", "10.001"), "Account has insufficient balance for requested action."),
        (order("x", BUY, "100", "1", account="nobody"), "Account has insufficient balance for requested action."),
    ],
)
def test_a_refusal_is_in_the_exchanges_words_and_changes_nothing(refused: Order, reason: str) -> None:
    paper = engine()
    paper.match(trade("100"))
    account = refused.key.account
    before = paper.balances(account)
    assert paper.place(refused, 9) == [
        OrderRejected(account=account, symbol=refused.symbol, client_order_id="x", time_ns=9, reason=reason)
    ]
    assert paper.balances(account) == before
    assert paper.order(account, "x") is None
    assert paper.open_orders(account) == []


def test_the_number_of_open_orders_is_limited_for_each_account() -> None:
    paper = engine()
    for number in range(4):
        paper.place(order(f"b{number}", BUY, "10", "1"), 1)
    (rejected,) = paper.place(order("b4", BUY, "10", "1"), 1)
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "Filter failure: MAX_NUM_ORDERS"
    assert isinstance(paper.place(order("b4", BUY, "10", "1", account="other"), 1)[0], OrderAccepted)
    paper.cancel(ACCOUNT, "BTCUSDT", "b0", 2)
    assert isinstance(paper.place(order("b4", BUY, "10", "1"), 3)[0], OrderAccepted)


def test_a_duplicate_adopts_the_order_that_rests() -> None:
    paper = engine()
    accepted, _ = paper.place(order("b", BUY, "100", "1"), 1)
    before = paper.order(ACCOUNT, "b")
    balances = paper.balances(ACCOUNT)
    (again,) = paper.place(order("b", BUY, "90", "2"), 2)
    assert isinstance(accepted, OrderAccepted)
    assert again == msgspec.structs.replace(accepted, time_ns=2)
    assert paper.open_orders(ACCOUNT) == [before]
    assert paper.balances(ACCOUNT) == balances
    assert before is not None
    assert before.apply(again) == before


def test_the_id_of_an_order_that_is_over_may_be_used_again() -> None:
    paper = engine()
    paper.place(order("b", BUY, "100", "1"), 1)
    paper.match(trade("99"))
    used = paper.order(ACCOUNT, "b")
    assert used is not None
    assert used.status is OrderStatus.FILLED
    paper.place(used, 2)
    resting = paper.order(ACCOUNT, "b")
    assert resting is not None
    assert (resting.status, resting.filled, resting.exchange_order_id) == (OrderStatus.OPEN, D(0), "42")


@pytest.mark.parametrize(
    ("model", "side", "printed", "filled"),
    [
        (FillModel.THROUGH, BUY, "100.01", "0"),
        (FillModel.THROUGH, BUY, "100.00", "0"),
        (FillModel.THROUGH, BUY, "99.99", "2"),
        (FillModel.THROUGH, SELL, "99.99", "0"),
        (FillModel.THROUGH, SELL, "100.00", "0"),
        (FillModel.THROUGH, SELL, "100.01", "2"),
        (FillModel.VOLUME, BUY, "100.01", "0"),
        (FillModel.VOLUME, BUY, "100.00", "1.5"),
        (FillModel.VOLUME, BUY, "99.99", "1.5"),
        (FillModel.VOLUME, SELL, "99.99", "0"),
        (FillModel.VOLUME, SELL, "100.00", "1.5"),
        (FillModel.VOLUME, SELL, "100.01", "1.5"),
    ],
)
def test_when_an_order_fills_and_how_much(model: FillModel, side: Side, printed: str, filled: str) -> None:
    paper = engine(model)
    paper.place(order("o", side, "100.00", "2"), 1)
    events = paper.match(trade(printed, "1.5"))
    assert fills(events) == ([("o", D(filled), D(100))] if D(filled) else [])
    resting = paper.order(ACCOUNT, "o")
    assert resting is not None
    assert resting.filled == D(filled)
    assert paper.last_price("BTCUSDT") == D(printed)


def test_a_buy_pays_its_commission_in_base_and_a_sell_in_quote() -> None:
    paper = engine()
    paper.place(order("b", BUY, "100.00", "2"), 1)
    paper.place(order("s", SELL, "101.00", "3"), 1)
    fill, base, quote = paper.match(trade("99.99"))
    assert fill == OrderFilled(
        account=ACCOUNT,
        symbol="BTCUSDT",
        client_order_id="b",
        exchange_order_id="41",
        trade_id="7",
        price=D(100),
        quantity=D(2),
        commission=D("0.002"),
        commission_asset="BTC",
        time_ns=77,
    )
    assert base == BalanceUpdated(account=ACCOUNT, asset="BTC", free=D("8.998"), locked=D(3), time_ns=77)
    assert quote == BalanceUpdated(account=ACCOUNT, asset="USDT", free=D(800), locked=D(0), time_ns=77)
    fill, base, quote = paper.match(trade("101.01"))
    assert isinstance(fill, OrderFilled)
    assert (fill.trade_id, fill.commission, fill.commission_asset) == ("8", D("0.303"), "USDT")
    assert paper.balances(ACCOUNT) == {"USDT": Balance(D("1102.697"), D(0)), "BTC": Balance(D("8.998"), D(0))}


def test_commission_is_paid_in_a_third_asset_until_there_is_too_little_of_it() -> None:
    balances = {ACCOUNT: {"USDT": D(1000), "BNB": D("0.0005")}}
    third = FeeAsset("BNB", D(600))
    paper = PaperEngine(LISTED, fill_model=FillModel.VOLUME, fee_asset=third, balances=balances)
    paper.place(order("b", BUY, "100.00", "3"), 5)
    paid = []
    for quantity in ("1", "2"):
        events = paper.match(trade("100", quantity))
        paid += [(each.commission, each.commission_asset) for each in events if isinstance(each, OrderFilled)]
    # 0.1 USDT are 0.00016666 BNB, rounded down; then there is enough for 0.2 USDT, too, and no more for the sell.
    assert paid == [(D("0.00016666"), "BNB"), (D("0.00033333"), "BNB")]
    assert paper.balances(ACCOUNT)["BNB"].free == D("0.00000001")
    paper.place(order("s", SELL, "101.00", "1"), 6)
    (sold,) = [each for each in paper.match(trade("101", "1")) if isinstance(each, OrderFilled)]
    assert (sold.commission, sold.commission_asset) == (D("0.101"), "USDT")
    assert paper.balances(ACCOUNT)["BTC"].free == 2


@pytest.mark.parametrize("model", FillModel)
def test_best_price_first_then_the_oldest(model: FillModel) -> None:
    paper = engine(model)
    for client_order_id, price in [("low", "98"), ("first", "99"), ("second", "99"), ("high", "100")]:
        paper.place(order(client_order_id, BUY, price, "1"), 1)
    filled = [name for name, _, _ in fills(paper.match(trade("97", "100")))]
    assert filled == ["high", "first", "second", "low"]
    paper = engine(model)
    for client_order_id, price in [("high", "103"), ("first", "102"), ("second", "102"), ("low", "101")]:
        paper.place(order(client_order_id, SELL, price, "1"), 1)
    filled = [name for name, _, _ in fills(paper.match(trade("104", "100")))]
    assert filled == ["low", "first", "second", "high"]


def test_the_traded_quantity_is_shared_in_turn_and_time_priority_outlives_a_partial_fill() -> None:
    paper = engine(FillModel.VOLUME)
    paper.place(order("first", BUY, "100", "2"), 1)
    paper.place(order("second", BUY, "100", "2"), 1)
    assert fills(paper.match(trade("100", "1.5"))) == [("first", D("1.5"), D(100))]
    assert fills(paper.match(trade("100", "1.5"))) == [("first", D("0.5"), D(100)), ("second", D(1), D(100))]
    assert [each.status for each in paper.open_orders(ACCOUNT)] == [OrderStatus.PARTLY_FILLED]
    assert [fill.quantity for fill in paper.fills(ACCOUNT, "BTCUSDT", 8)] == [D("0.5"), D(1)]


@pytest.mark.parametrize(("buyer_is_maker", "served"), [(True, "b"), (False, "s")])
def test_both_sides_draw_on_one_quantity_the_maker_first(buyer_is_maker: bool, served: str) -> None:
    paper = engine(FillModel.VOLUME)
    paper.place(order("b", BUY, "100", "1"), 1)
    paper.place(order("s", SELL, "99", "1"), 1)
    (filled,) = fills(paper.match(trade("99.5", "1", buyer_is_maker=buyer_is_maker)))
    assert filled[0] == served


def test_an_order_beyond_the_last_price_rests_and_meets_the_next_trade_at_its_own_price() -> None:
    paper = engine()
    paper.match(trade("100"))
    assert isinstance(paper.place(order("b", BUY, "101", "1"), 1)[0], OrderAccepted)
    assert fills(paper.match(trade("100"))) == [("b", D(1), D(101))]


def test_a_trade_of_another_symbol_fills_nothing() -> None:
    paper = engine()
    paper.place(order("b", BUY, "100", "1"), 1)
    assert paper.match(trade("1", symbol="OLDUSDT")) == []
    assert paper.match(trade("1", symbol="NOPE")) == []
    assert paper.last_price("NOPE") is None


def test_a_cancel_gives_back_what_was_not_filled() -> None:
    paper = engine(FillModel.VOLUME)
    paper.place(order("b", BUY, "100", "2"), 1)
    paper.match(trade("100", "0.5"))
    assert paper.cancel(ACCOUNT, "BTCUSDT", "b", 8) == [
        OrderCancelled(account=ACCOUNT, symbol="BTCUSDT", client_order_id="b", time_ns=8),
        BalanceUpdated(account=ACCOUNT, asset="USDT", free=D(950), locked=D(0), time_ns=8),
    ]
    over = paper.order(ACCOUNT, "b")
    assert over is not None
    assert (over.status, over.filled) == (OrderStatus.CANCELLED, D("0.5"))
    assert paper.match(trade("1", "9")) == []


@pytest.mark.parametrize(
    ("account", "symbol", "client_order_id"),
    [(ACCOUNT, "BTCUSDT", "nope"), (ACCOUNT, "OLDUSDT", "b"), ("other", "BTCUSDT", "b")],
)
def test_a_cancel_of_what_does_not_rest_is_refused(account: str, symbol: str, client_order_id: str) -> None:
    paper = engine()
    paper.place(order("b", BUY, "100", "2"), 1)
    (refused,) = paper.cancel(account, symbol, client_order_id, 3)
    assert isinstance(refused, CancelRefused)
    assert refused.reason == "Unknown order sent."
    assert len(paper.open_orders(ACCOUNT)) == 1


def test_open_orders_are_listed_by_account_and_symbol_oldest_first() -> None:
    paper = engine()
    paper.place(order("b2", BUY, "101", "1"), 1)
    paper.place(order("other", BUY, "100", "1", account="other"), 1)
    paper.place(order("b1", BUY, "100", "1"), 1)
    assert [each.client_order_id for each in paper.open_orders(ACCOUNT)] == ["b2", "b1"]
    assert [each.client_order_id for each in paper.open_orders(ACCOUNT, "BTCUSDT")] == ["b2", "b1"]
    assert paper.open_orders(ACCOUNT, "OLDUSDT") == []
    assert paper.open_orders(ACCOUNT, "NOPE") == []


def test_a_restored_exchange_goes_on_where_the_former_was() -> None:
    former = engine(FillModel.VOLUME)
    for client_order_id, price in [("z", "100"), ("a", "100"), ("m", "99")]:
        former.place(order(client_order_id, BUY, price, "2"), 1)
    former.match(trade("100", "0.5"))
    orders = former.open_orders(ACCOUNT)
    totals = {asset: balance.free + balance.locked for asset, balance in former.balances(ACCOUNT).items()}

    paper = PaperEngine(LISTED, fill_model=FillModel.VOLUME, balances={ACCOUNT: totals})
    in_flight = order("never", BUY, "100", "2")
    paper.restore([*reversed(orders), in_flight, msgspec.structs.replace(in_flight, status=OrderStatus.FILLED)])
    paper.restore(orders)
    assert paper.open_orders(ACCOUNT) == orders
    assert paper.balances(ACCOUNT) == former.balances(ACCOUNT)
    next_trade = trade("99", "4")
    assert paper.match(next_trade) == former.match(next_trade)
    assert paper.place(order("new", BUY, "50", "1"), 2) == former.place(order("new", BUY, "50", "1"), 2)


def test_restored_orders_whose_numbers_clash_all_rest() -> None:
    twins = [
        msgspec.structs.replace(order(name, BUY, "100", "1"), status=OrderStatus.OPEN, exchange_order_id=number)
        for name, number in [("a", "1"), ("b", "1"), ("c", None), ("d", "live-7")]
    ]
    paper = engine()
    paper.restore(twins)
    assert {name for name, _, _ in fills(paper.match(trade("1")))} == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (order("x", BUY, "100", "9", symbol="GONEUSDT"), "order x rests on GONEUSDT"),
        (order("x", BUY, "100", "9"), "the resting orders of main hold 1100 USDT, its paper balance is 1000"),
    ],
)
def test_orders_that_can_not_be_restored_are_a_matter_of_configuration(extra: Order, complaint: str) -> None:
    paper = engine()
    resting = [msgspec.structs.replace(each, status=OrderStatus.OPEN) for each in (order("b", BUY, "100", "2"), extra)]
    with pytest.raises(ConfigError, match=complaint):
        paper.restore(resting)
    assert paper.open_orders(ACCOUNT) == []
    assert paper.balances(ACCOUNT)["USDT"] == Balance(D(1000), D(0))


def test_what_is_over_is_forgotten_in_time() -> None:
    paper = engine(history_limit=2)
    for name in ("a", "b", "c"):
        paper.place(order(name, BUY, "100", "1"), 1)
        paper.match(trade("99"))
    assert paper.order(ACCOUNT, "a") is None
    assert paper.order(ACCOUNT, "b") is not None
    assert [fill.client_order_id for fill in paper.fills(ACCOUNT, "BTCUSDT")] == ["b", "c"]
    assert paper.fills(ACCOUNT, "OLDUSDT") == []


def test_the_last_fill_of_an_account_is_forgotten_too() -> None:
    paper = engine(history_limit=1)
    paper.place(order("x", BUY, "100", "1", account="other"), 1)
    paper.match(trade("99"))
    paper.place(order("b", BUY, "100", "1"), 1)
    paper.match(trade("99"))
    assert paper.fills("other", "BTCUSDT") == []
    assert len(paper.fills(ACCOUNT, "BTCUSDT")) == 1


def test_a_ledger_never_goes_below_zero() -> None:
    ledger = Ledger({ACCOUNT: {"USDT": D(5)}})
    with pytest.raises(ArithmeticError, match="main would hold -1 USDT free and 6 locked"):
        ledger.lock(ACCOUNT, "USDT", D(6))
    with pytest.raises(ArithmeticError, match="main would hold 5 USDT free and -1 locked"):
        ledger.spend(ACCOUNT, "USDT", D(1))
    assert ledger.balances(ACCOUNT) == {"USDT": Balance(D(5), D(0))}


@pytest.mark.parametrize("fee", ["-0.001", "1"])
def test_a_fee_out_of_range_is_refused(fee: str) -> None:
    with pytest.raises(ConfigError, match="maker fee"):
        PaperEngine(LISTED, maker_fee=D(fee), balances={})


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_a_balance_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(ConfigError, match="paper balance of main in USDT"):
        PaperEngine(LISTED, balances={ACCOUNT: {"USDT": D(amount)}})


def test_balances_keep_more_than_28_digits() -> None:
    vast = "1000000000000000.00000000000001"
    paper = engine(usdt=vast)
    paper.place(order("b", BUY, "123.45", "0.123"), 1)
    paper.match(trade("100"))
    paper.place(order("s", SELL, "123.45", "0.123"), 1)
    paper.match(trade("999"))
    assert paper.balances(ACCOUNT)["USDT"].free == D("999999999999999.98481565000001")
