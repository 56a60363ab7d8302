from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import (
    AccountEvent,
    BalanceUpdated,
    OrderAccepted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.taking import SELF_TRADE, WOULD_TAKE, Taking, TakingEngine

D = Decimal
_INSTRUMENT = Instrument(
    symbol="BTCUSDT", base_asset="BTC", quote_asset="USDT", tick_size=D("0.01"), step_size=D("0.001"), min_notional=D(5)
)
_OWNED = {"USDT": D(1_000_000), "BTC": D(100)}


def _engine(*, between_clients: bool = True) -> TakingEngine:
    return TakingEngine(
        {"BTCUSDT": _INSTRUMENT},
        between_clients=between_clients,
        maker_fee=D("0.001"),
        taker_fee=D("0.002"),
        balances={"ann": _OWNED, "bob": _OWNED},
    )


def _order(account: str, name: str, side: Side, price: str, quantity: str) -> Order:
    key = CycleKey(account, "BTCUSDT", 0, 0)
    return Order(client_order_id=name, key=key, leg=Leg(side), price=D(price), quantity=D(quantity), created_ns=1)


def _fills(events: Iterable[AccountEvent]) -> list[tuple[str, str, Decimal, Decimal, bool]]:
    return [
        (event.account, event.client_order_id, event.price, event.quantity, event.is_maker)
        for event in events
        if isinstance(event, OrderFilled)
    ]


def test_a_crossing_order_trades_in_price_time_priority_at_the_resting_price() -> None:
    engine = _engine()
    for name, price in (("b1", "102"), ("b2", "101"), ("b3", "101")):
        engine.submit(_order("bob", name, Side.SELL, price, "1"), Taking.RESTS, 1)
    submitted = engine.submit(_order("ann", "a1", Side.BUY, "101.5", "1.5"), Taking.RESTS, 2)
    assert isinstance(submitted.events[0], OrderAccepted)
    assert _fills(submitted.events) == [
        ("ann", "a1", D(101), D(1), False),
        ("bob", "b2", D(101), D(1), True),
        ("ann", "a1", D(101), D("0.5"), False),
        ("bob", "b3", D(101), D("0.5"), True),
    ]
    assert [(trade.price, trade.quantity, trade.buyer_is_maker) for trade in submitted.prints] == [
        (D(101), D(1), False),
        (D(101), D("0.5"), False),
    ]
    ids = [event.trade_id for event in submitted.events if isinstance(event, OrderFilled)]
    assert ids[0] == ids[1] == str(submitted.prints[0].trade_id)
    assert ids[2] == ids[3] == str(submitted.prints[1].trade_id)
    assert engine.last_price("BTCUSDT") == D(101)


def test_taker_and_maker_pay_their_own_fee_from_what_they_receive() -> None:
    engine = _engine()
    engine.submit(_order("bob", "b", Side.SELL, "100", "1"), Taking.RESTS, 1)
    events = engine.submit(_order("ann", "a", Side.BUY, "110", "1"), Taking.RESTS, 2).events
    fees = {
        event.account: (event.commission, event.commission_asset) for event in events if isinstance(event, OrderFilled)
    }
    assert fees == {"ann": (D("0.002"), "BTC"), "bob": (D("0.100"), "USDT")}
    # Bought at 100 with a limit of 110: what was not needed was never locked.
    ann = engine.balances("ann")
    assert (ann["USDT"].free, ann["USDT"].locked) == (D(999_900), D(0))


def test_what_is_left_rests_with_its_funds_locked() -> None:
    engine = _engine()
    engine.submit(_order("bob", "b", Side.SELL, "100", "1"), Taking.RESTS, 1)
    engine.submit(_order("ann", "a", Side.BUY, "110", "3"), Taking.RESTS, 2)
    (order,) = engine.open_orders("ann")
    assert order.remaining == D(2)
    assert engine.balances("ann")["USDT"].locked == D(220)


@pytest.mark.parametrize(
    ("taking", "filled", "ends"),
    [(Taking.NOW, D(1), True), (Taking.WHOLE, D(0), True), (Taking.RESTS, D(1), False), (Taking.MARKET, D(1), True)],
)
def test_what_becomes_of_the_rest(taking: Taking, filled: Decimal, *, ends: bool) -> None:
    engine = _engine()
    engine.submit(_order("bob", "b", Side.SELL, "100", "1"), Taking.RESTS, 1)
    events = engine.submit(_order("ann", "a", Side.BUY, "100", "2"), taking, 2).events
    assert sum(quantity for owner, _, _, quantity, _ in _fills(events) if owner == "ann") == filled
    assert any(isinstance(event, OrderExpired) for event in events) is ends
    assert bool(engine.open_orders("ann")) is not ends
    assert engine.balances("ann")["USDT"].locked == (0 if ends else 100)


def test_an_order_that_must_be_a_maker_is_refused_when_it_would_take() -> None:
    engine = _engine()
    engine.submit(_order("bob", "b", Side.SELL, "100", "1"), Taking.RESTS, 1)
    (refused,) = engine.submit(_order("ann", "a", Side.BUY, "100", "1"), Taking.MAKER, 2).events
    assert isinstance(refused, OrderRejected)
    assert refused.reason == WOULD_TAKE
    assert isinstance(engine.submit(_order("ann", "a", Side.BUY, "99", "1"), Taking.MAKER, 2).events[0], OrderAccepted)


def test_nobody_trades_with_himself() -> None:
    engine = _engine()
    engine.submit(_order("ann", "own", Side.SELL, "100", "1"), Taking.RESTS, 1)
    engine.submit(_order("bob", "b", Side.SELL, "101", "1"), Taking.RESTS, 1)
    events = engine.submit(_order("ann", "a", Side.BUY, "101", "1"), Taking.RESTS, 2).events
    (expired,) = [event for event in events if isinstance(event, OrderExpired)]
    assert (expired.client_order_id, expired.reason) == ("own", SELF_TRADE)
    assert _fills(events) == [("ann", "a", D(101), D(1), False), ("bob", "b", D(101), D(1), True)]
    assert engine.balances("ann")["BTC"].locked == 0


def test_a_played_market_gives_takers_the_last_price() -> None:
    engine = _engine(between_clients=False)
    assert engine.amount_for("BTCUSDT", Side.BUY, D(1_000)) == 0
    nothing = engine.submit(_order("ann", "m0", Side.BUY, "0", "1"), Taking.MARKET, 1).events
    assert [type(event) for event in nothing[:2]] == [OrderAccepted, OrderExpired]
    engine.book("BTCUSDT").last_price = D(100)
    assert engine.amount_for("BTCUSDT", Side.BUY, D(1_000)) == D(10)
    assert _fills(engine.submit(_order("ann", "m1", Side.SELL, "0", "1"), Taking.MARKET, 1).events) == [
        ("ann", "m1", D(100), D(1), False)
    ]
    assert not _fills(engine.submit(_order("ann", "i", Side.BUY, "99", "1"), Taking.NOW, 1).events)
    # What may rest rests, as on the paper exchange, and meets the next trade.
    assert not _fills(engine.submit(_order("ann", "r", Side.BUY, "101", "1"), Taking.RESTS, 1).events)


def test_a_market_order_by_quote_buys_through_the_book() -> None:
    engine = _engine()
    engine.submit(_order("bob", "b1", Side.SELL, "100", "1"), Taking.RESTS, 1)
    engine.submit(_order("bob", "b2", Side.SELL, "200", "1"), Taking.RESTS, 1)
    assert engine.amount_for("BTCUSDT", Side.BUY, D(201)) == D("1.505")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob"]),
            st.sampled_from(list(Side)),
            st.integers(90, 110),
            st.integers(1, 20),
            st.sampled_from(list(Taking)),
        ),
        max_size=25,
    )
)
def test_nothing_is_made_or_lost(wishes: list[tuple[str, Side, int, int, Taking]]) -> None:
    engine = _engine()
    commissions = {"BTC": D(0), "USDT": D(0)}
    for number, (account, side, price, quantity, taking) in enumerate(wishes):
        events = engine.submit(_order(account, f"o{number}", side, str(price), str(quantity)), taking, number).events
        for event in events:
            if isinstance(event, OrderFilled):
                commissions[event.commission_asset] += event.commission
            if isinstance(event, BalanceUpdated):
                assert event.free >= 0
                assert event.locked >= 0
    for asset, opening in _OWNED.items():
        owned = sum(
            balance.free + balance.locked
            for account in ("ann", "bob")
            for name, balance in engine.balances(account).items()
            if name == asset
        )
        assert owned == 2 * opening - commissions[asset]
    for account in ("ann", "bob"):
        resting = engine.open_orders(account)
        locked = sum((order.remaining * order.price for order in resting if order.side is Side.BUY), D(0))
        assert engine.balances(account)["USDT"].locked == locked
