"""What the account shows, and what it tells the cache: everything at the start, each change, all again after a loss."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
import structlog

from naive_daemon import names
from naive_daemon.account.account import AccountQuery
from naive_daemon.account.metadata_keeper import MetadataConfig
from naive_daemon.account.session import Depth
from naive_daemon.cache.messages import CacheEmptied, DropLive, KeepAccount, KeepInstruments, KeepOrder, KeepPosition
from naive_daemon.domain.events import OrderAccepted, OrderCancelled, OrderFilled
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.position import PositionFill, PositionSide
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_messages import CyclesEnded
from naive_daemon.execution.journal_store import OrderRecorded
from tests.trading.recorder import Recorder
from tests.unit.account_desk import ACCOUNT, INSTRUMENTS, Desk, ScriptedCache, balance, cycle, order

DEBOUNCE_S = MetadataConfig().debounce_s


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


@pytest.fixture
def cache() -> ScriptedCache:
    return ScriptedCache()


def accepted(of: Order) -> OrderAccepted:
    return OrderAccepted(
        account=ACCOUNT, symbol=of.symbol, client_order_id=of.client_order_id, exchange_order_id="9", time_ns=2
    )


def filled(of: Order, trade: int, quantity: str) -> OrderFilled:
    return OrderFilled(
        account=ACCOUNT,
        symbol=of.symbol,
        client_order_id=of.client_order_id,
        exchange_order_id="9",
        trade_id=f"t{trade}",
        price=of.price,
        quantity=Decimal(quantity),
        commission=Decimal(0),
        commission_asset="BNB",
        time_ns=3,
    )


def recorded(of: Order, *events: OrderAccepted | OrderFilled | OrderCancelled) -> list[OrderRecorded]:
    """Give what the journal tells of an order: its intent, then each event."""
    told = [OrderRecorded(of)]
    for event in events:
        of = of.apply(event)
        told.append(OrderRecorded(of, event))
    return told


# What is told ---------------------------------------------------------------------------------------------------------


def test_a_start_tells_what_there_is(cache: ScriptedCache) -> None:
    bought = order(1).apply(filled(order(1), 1, "2"))
    resting = order(2, Side.SELL, status=OrderStatus.OPEN)
    desk = Desk(cache, orders=(bought, resting), balances=(balance("Q", "50"),))
    assert cache.told[0] == DropLive(ACCOUNT), "what lived before may have ended while the account was down"
    assert cache.take(KeepInstruments) == [KeepInstruments(tuple(INSTRUMENTS.values()))]
    assert cache.take(KeepOrder) == [KeepOrder(resting, None, str(resting.key))]
    (told,) = cache.take(KeepPosition)
    assert (told.fill, told.position.position_id, told.position.quantity) == (None, str(bought.key), 2)
    desk.wait(DEBOUNCE_S)
    (kept,) = cache.take(KeepAccount)
    assert kept.state.balances == (balance("Q", "50"),)


def test_each_event_of_an_order_is_told_once_it_is_known(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    buy = order()
    intent, taken, part, rest = recorded(buy, accepted(buy), filled(buy, 1, "0.5"), filled(buy, 2, "1.5"))
    desk.tell(intent, taken, part, rest)
    assert cache.take(KeepOrder) == [
        KeepOrder(buy, None, str(buy.key)),
        KeepOrder(taken.order, taken.event),
        KeepOrder(part.order, part.event),
        KeepOrder(rest.order, rest.event),
    ]
    first, second = cache.take(KeepPosition)
    assert (first.position.quantity, first.fill) == (Decimal("0.5"), None)
    assert (second.position.quantity, second.fill) == (2, PositionFill(Side.BUY, filled(buy, 2, "1.5")))


def test_an_order_that_is_met_by_its_event_is_told_anew(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    buy = order()
    desk.tell(recorded(buy, accepted(buy))[1])
    assert cache.take(KeepOrder) == [KeepOrder(buy.apply(accepted(buy)), None, str(buy.key))]


def test_a_fill_that_comes_after_the_end_of_its_order_is_told_with_the_order(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    buy = order()
    cancelled = OrderCancelled(account=ACCOUNT, symbol="AAAQ", client_order_id="id1", time_ns=3)
    *before, late = recorded(buy, cancelled, filled(buy, 1, "1"))
    desk.tell(*before)
    cache.take(KeepOrder)
    desk.tell(late)
    assert cache.take(KeepOrder) == [KeepOrder(late.order, None, str(buy.key))]
    assert len(cache.take(KeepPosition)) == 1


def test_a_cycle_that_has_ended_is_told_without_its_dust(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    buy, sell = order(), order(2, Side.SELL, quantity="1.5")
    desk.tell(*recorded(buy, filled(buy, 1, "2")), *recorded(sell, filled(sell, 2, "1.5")))
    cache.take(KeepPosition)
    desk.tell(CyclesEnded((cycle(buy.key),)))
    (told,) = cache.take(KeepPosition)
    assert (told.fill, told.position.is_open) == (None, False)
    assert desk.view().positions == ()


def test_balances_that_change_together_are_told_once_and_each_state_is_newer(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    cache.take(KeepAccount)
    desk.tell(balance("Q", "5", 2), balance("AAA", "1", 2), balance("Q", "4", 3))
    desk.wait(DEBOUNCE_S)
    desk.tell(balance("Q", "3", 2))
    desk.wait(DEBOUNCE_S)
    (first,) = cache.take(KeepAccount)
    assert {(one.asset, one.free) for one in first.state.balances} == {("Q", 4), ("AAA", 1)}
    desk.tell(CacheEmptied(), CacheEmptied())
    second, third = cache.take(KeepAccount)
    assert first.state.time_ns < second.state.time_ns < third.state.time_ns


def test_everything_that_lives_is_told_again_when_the_cache_was_emptied(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    buy, over = order(), order(2, trader=2)
    desk.tell(*recorded(buy, accepted(buy), filled(buy, 1, "0.5")), *recorded(over, filled(over, 2, "2")))
    cache.told.clear()
    desk.tell(CacheEmptied())
    assert len(cache.take(KeepInstruments)) == len(cache.take(KeepAccount)) == 1
    (live,) = cache.take(KeepOrder)
    assert (live.order.client_order_id, live.event, live.position_id) == ("id1", None, str(buy.key))
    assert {(told.position.position_id, told.fill) for told in cache.take(KeepPosition)} == {
        (str(buy.key), None),
        (str(over.key), None),
    }


# What is shown --------------------------------------------------------------------------------------------------------


def test_an_order_shows_from_its_intent_on() -> None:
    desk = Desk()
    buy = order()
    desk.tell(OrderRecorded(buy))
    assert desk.view().orders == (buy,)


def test_positions_show_at_the_last_price_of_their_feed() -> None:
    bought = order(1).apply(filled(order(1), 1, "2"))
    desk = Desk(orders=(bought,), balances=(balance("Q", "80"),))
    desk.feed("AAAQ", "11")
    other = order(2, symbol="BBBQ", price="5")
    desk.tell(*recorded(other, filled(other, 2, "2")), balance("Q", "70", 5))
    view = desk.view()
    found = {one.symbol: (one.side, one.quantity, one.last_price, one.unrealised_pnl) for one in view.positions}
    assert found == {
        "AAAQ": (PositionSide.LONG, 2, 11, 2),
        "BBBQ": (PositionSide.LONG, 2, None, None),
    }
    (session,) = view.sessions
    assert (session.asset, session.starting_balance) == ("Q", 100)
    assert (session.realised_pnl, session.balance_if_closed) == (0, 102)
    assert session.totals.unpriced == ("BBBQ",)
    assert view.depths == {"Q": Depth(Decimal("0.3"), Decimal(32) / 102)}
    assert view.base_assets == {"AAAQ": "AAA", "BBBQ": "BBB"}


def test_a_feed_that_has_no_trade_yet_leaves_the_price_open() -> None:
    desk = Desk(orders=(order(1).apply(filled(order(1), 1, "2")),))
    desk.feed("AAAQ", None)
    assert desk.view().positions[0].last_price is None


def test_a_feed_that_does_not_answer_is_waited_for_so_long_and_no_longer() -> None:
    desk = Desk(orders=(order(1).apply(filled(order(1), 1, "2")),))
    desk.system.start(Recorder(), names.feed("AAAQ"))
    asked: list[object] = []

    class Asker(Recorder):
        def init(self) -> None:
            account = self.system.whereis(names.account(ACCOUNT))
            self.request(account, AccountQuery(within_s=0.5), asked.append)

    desk.system.start(Asker())
    desk.wait(0.4)
    assert asked == []
    desk.wait(0.1)
    assert len(asked) == 1


def test_fills_before_the_journal_has_answered_are_in_its_answer() -> None:
    """Both are told by the journal, in this order: what it told before it read is in what it has read."""
    buy = order()
    done = recorded(buy, filled(buy, 1, "2"))[1]
    desk = Desk(orders=(done.order,))
    desk.tell(done)
    assert desk.view().positions[0].quantity == 2


def test_the_balance_before_the_last_change_is_remembered() -> None:
    desk = Desk(balances=(balance("Q", "80"),))
    desk.tell(balance("Q", "70", 2), balance("Q", "70", 3), balance("Q", "99", 1))
    actor = desk.system.inspect(desk.system.whereis(names.account(ACCOUNT)), lambda account: account)
    balances = actor._store.balances
    assert balances.get("Q").free == 70
    assert balances.get_previous_balance("Q").free == 80


def test_what_is_shown_can_be_written_as_json() -> None:
    bought = order(1).apply(msgspec.structs.replace(filled(order(1), 1, "2"), commission=Decimal(1)))
    desk = Desk(orders=(bought,), balances=(balance("Q", "8"),))
    view = desk.view()
    assert msgspec.json.decode(msgspec.json.encode(view), type=type(view)) == view
