"""The cache actor: what it writes when, what it does while its store is away, and how owners come to tell it again."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
import structlog

from naive_daemon.cache import cache as cache_module
from naive_daemon.cache.cache import HEARTBEAT_S, MEND_INTERVAL_S, SAVE_TIMEOUT_S, STATE
from naive_daemon.cache.database import CacheHealth, Integrity
from naive_daemon.cache.messages import (
    AskCache,
    CacheEmptied,
    DropActor,
    DropLive,
    DropState,
    KeepAccount,
    KeepActor,
    KeepInstruments,
    KeepOrder,
    KeepPosition,
    KeepState,
    LoadDocument,
    SaveDocument,
)
from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.currency import Currency
from naive_daemon.domain.events import BalanceUpdated, OrderAccepted, OrderFilled, OrderRejected
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.position import Position, PositionFill
from naive_daemon.domain.side import Side
from naive_daemon.otp import RequestFailed
from tests.unit.cache_desk import QUEUE_MAX, STATE_BYTES_MAX, Desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    before = structlog.get_config()
    desk = Desk()
    structlog.configure(processors=[desk.log])
    yield desk
    structlog.configure(**before)


def order(name: str) -> Order:
    return Order(
        client_order_id=name,
        key=CycleKey("main", "BTCUSDT", 1, 1),
        leg=Leg(Side.BUY),
        price=Decimal(10),
        quantity=Decimal(1),
        created_ns=1,
    )


def accepted(name: str) -> OrderAccepted:
    return OrderAccepted(
        account="main", symbol="BTCUSDT", client_order_id=name, exchange_order_id=f"E-{name}", time_ns=2
    )


def filled(name: str, time_ns: int) -> OrderFilled:
    return OrderFilled(
        account="main",
        symbol="BTCUSDT",
        client_order_id=name,
        exchange_order_id=f"E-{name}",
        trade_id=f"{name} {time_ns}",
        price=Decimal(10),
        quantity=Decimal(1),
        commission=Decimal(0),
        commission_asset="USDT",
        time_ns=time_ns,
    )


def instrument(symbol: str, base: str, step: str, tick: str) -> Instrument:
    return Instrument(
        symbol=symbol, base_asset=base, quote_asset="USDT", step_size=Decimal(step), tick_size=Decimal(tick)
    )


def test_the_newest_state_is_written_once_a_beat(desk: Desk) -> None:
    desk.start().tell(KeepState("a", 1), KeepState("a", 2), KeepState("b", frozenset({"y", "x"})))
    assert desk.states() == {}
    desk.beat()
    assert desk.states() == {"a": 2, "b": ["x", "y"]}
    desk.beat(DropState("a"), DropState("stranger"))
    assert desk.states() == {"b": ["x", "y"]}
    assert desk.database.load_heartbeat() == desk.system.clock.now_ns()


def test_a_state_that_is_dropped_before_the_beat_is_never_written(desk: Desk) -> None:
    desk.start().beat(KeepState("a", 1), DropState("a"), KeepActor("x", {"n": 1}), DropActor("x"))
    assert desk.database.keys("s*") + desk.database.keys("actors*") == []


def test_a_state_that_is_too_large_is_left_out_and_costs_no_other(desk: Desk) -> None:
    huge = "x" * STATE_BYTES_MAX
    desk.start().beat(KeepState("a", 1), KeepState("b", 1), KeepActor("x", {"n": 1}))
    for _ in range(3):
        desk.beat(KeepState("a", huge), KeepState("b", 2), KeepActor("x", {"n": huge}))
    assert desk.states() == {"b": 2}, "nor is what it was before taken for what it is"
    assert desk.database.load_actor("x") == {}
    reasons = ["strategies:a is too large", "actors:x is too large"]
    assert [entry["reason"] for entry in desk.logged("state not cached")] == reasons
    desk.beat(KeepState("a", 3))
    assert desk.states() == {"a": 3, "b": 2}
    desk.beat(KeepState("a", huge))
    assert [entry["key"] for entry in desk.logged("state not cached")] == ["a", "x", "a"]


def test_an_actors_state_is_kept_by_name(desk: Desk) -> None:
    desk.start().beat(KeepActor("x", {"n": 1, "t": Decimal("1.10")}))
    fields = desk.database.load_actor("x")
    assert {name: msgspec.msgpack.decode(value)[1] for name, value in fields.items()} == {"n": 1, "t": "1.10"}
    desk.beat(DropActor("x"))
    assert desk.database.load_actor("x") == {}


def test_events_are_written_at_once(desk: Desk) -> None:
    made, event = order("O-1"), accepted("O-1")
    position = Position(position_id="P", account="main", symbol="BTCUSDT", base_asset="BTC")
    bought = PositionFill(Side.BUY, filled("O-1", 3))
    desk.start().tell(
        KeepOrder(made, position_id="P"),
        KeepOrder(made.apply(event), event),
        KeepPosition(position),
        KeepPosition(position.apply(bought), bought),
    )
    assert desk.database.load_orders() == {"O-1": made.apply(event)}
    assert desk.database.load_index_order_position() == {"O-1": "P"}
    assert desk.database.load_positions() == {"P": position.apply(bought)}


def test_an_accounts_states_follow_each_other_and_an_older_one_is_left_out(desk: Desk) -> None:
    def owned(free: int, time_ns: int) -> AccountState:
        balance = BalanceUpdated(account="main", asset="USDT", free=Decimal(free), locked=Decimal(0), time_ns=time_ns)
        return AccountState(account="main", balances=(balance,), time_ns=time_ns)

    desk.start().tell(KeepAccount(owned(1, 5)), KeepAccount(owned(2, 7)), KeepAccount(owned(3, 7)))
    desk.tell(KeepAccount(owned(4, 6)))
    assert desk.database.load_account("main") == owned(2, 7)


def test_the_assets_of_instruments_are_kept_with_the_decimals_of_the_finest_grid(desk: Desk) -> None:
    first = instrument("BTCUSDT", "BTC", "0.00001000", "0.01000000")
    second = instrument("ETHUSDT", "ETH", "10", "0.000100")
    desk.start().tell(KeepInstruments((first,)), KeepInstruments((second,)))
    assert desk.database.load_instruments() == {"BTCUSDT": first, "ETHUSDT": second}
    assert desk.database.load_currencies() == {
        "BTC": Currency(code="BTC", precision=5),
        "ETH": Currency(code="ETH", precision=0),
        "USDT": Currency(code="USDT", precision=4),
    }


def test_what_an_earlier_life_had_stored_goes_and_documents_stay(desk: Desk) -> None:
    desk.database.update_strategy("over by now", {STATE: b"x"})
    desk.database.add_order(order("O-1"))
    desk.database.replace("metadata", b"1")
    desk.database.replace("metadata", b"2")
    desk.start()
    assert desk.database.keys() == ["general:metadata", "previous:metadata"]


def test_while_the_store_is_away_states_gather_and_the_newest_are_written_when_it_is_back(desk: Desk) -> None:
    desk.start().beat(KeepState("a", 1), KeepState("b", 1))
    desk.store.away = "Redis at host:1: gone"
    for number in range(100):
        desk.beat(KeepState("b", number), DropState("a") if number == 0 else KeepState("c", number))
    assert desk.system.ask(desk.ref, AskCache()).away == "Redis at host:1: gone"
    desk.store.come_back()
    desk.beat()
    assert desk.states() == {"b": 99, "c": 99}
    assert desk.system.ask(desk.ref, AskCache()) == CacheHealth()
    assert len(desk.logged("cache degraded")) == len(desk.logged("cache is back")) == 1
    assert desk.owner.heard == []


def test_a_store_that_is_away_at_the_start_is_emptied_before_anything_is_written(desk: Desk) -> None:
    desk.database.update_strategy("over by now", {STATE: b"x"})
    desk.store.away = "gone"
    desk.start().beat(KeepState("a", 1))
    desk.store.come_back()
    desk.beat()
    assert desk.states() == {"a": 1}


def test_after_an_overflow_the_store_is_emptied_and_owners_tell_everything_again(desk: Desk) -> None:
    desk.database.add("metadata", b"kept")
    desk.start().beat(KeepState("a", 1))
    desk.store.away = "gone"
    for number in range(2 * QUEUE_MAX):
        desk.beat(KeepOrder(order(f"O-{number}")))
    assert len(desk.logged("cache overflowed")) == 1
    desk.store.come_back()
    desk.beat(KeepState("told while it was full", 1))
    assert desk.database.keys() == ["general:metadata"]
    assert desk.owner.heard == [CacheEmptied()]
    desk.beat(KeepState("a", 2), KeepOrder(order("O-7")))
    assert desk.states() == {"a": 2}
    assert set(desk.database.load_orders()) == {"O-7"}


def test_a_store_that_has_lost_what_it_had_is_emptied_of_what_may_be_old_and_told_everything_again(desk: Desk) -> None:
    desk.database.add("metadata", b"kept")
    desk.start().beat(KeepState("over since the store's back-up", 1))
    desk.store.losses = 1
    desk.beat()
    desk.beat(KeepState("a", 1))
    assert desk.owner.heard == [CacheEmptied()]
    assert desk.states() == {"a": 1}
    assert desk.database.load() == {"metadata": b"kept"}


def test_what_the_store_has_refused_is_told_again_at_most_once_a_minute(desk: Desk) -> None:
    desk.start().beat(KeepState("a", 1))
    for refused in range(1, 10):
        desk.store.refused = refused
        desk.beat()
    assert desk.owner.heard == [CacheEmptied()]
    desk.beat(seconds=MEND_INTERVAL_S)
    desk.beat(KeepState("b", 1))
    assert desk.owner.heard == [CacheEmptied(), CacheEmptied()]
    assert desk.states() == {"b": 1}
    desk.beat(seconds=2 * MEND_INTERVAL_S)
    assert len(desk.owner.heard) == 2, "what it has refused is told again once"


def test_a_warning_of_the_store_is_logged_once(desk: Desk) -> None:
    desk.store.warnings = ("it forgets keys",)
    desk.start().beat()
    desk.beat()
    assert [entry["reason"] for entry in desk.logged("cache warning")] == ["it forgets keys"]


def test_a_document_is_answered_once_it_is_acknowledged(desk: Desk) -> None:
    desk.start().ask(SaveDocument("metadata", b"1"))
    assert desk.owner.answers == [None]
    desk.store.away = "gone"
    desk.ask(SaveDocument("metadata", b"2"))
    assert desk.owner.answers == [None]
    desk.store.come_back()
    desk.system.run_until_idle()
    assert desk.owner.answers == [None, None]
    desk.ask(LoadDocument("metadata"))
    desk.ask(LoadDocument("never saved"))
    assert desk.owner.answers == [None, None, b"2", None]
    assert desk.database.load_object("metadata", previous=True) == b"1"


def test_a_document_that_is_not_acknowledged_in_time_fails_and_is_written_all_the_same(desk: Desk) -> None:
    desk.store.away = "gone"
    desk.start().ask(SaveDocument("metadata", b"1"))
    desk.ask(LoadDocument("metadata"))
    [loaded] = desk.owner.answers
    assert isinstance(loaded, RequestFailed)
    assert "gone" in str(loaded.reason)
    desk.beat(seconds=SAVE_TIMEOUT_S + HEARTBEAT_S)
    _, saved = desk.owner.answers
    assert isinstance(saved, RequestFailed)
    desk.store.come_back()
    desk.beat()
    assert desk.database.load_object("metadata") == b"1"
    assert len(desk.owner.answers) == 2


def test_a_document_for_which_there_is_no_room_fails_at_once(desk: Desk) -> None:
    desk.start()
    desk.store.away = "gone"
    for number in range(2 * QUEUE_MAX):
        desk.tell(KeepOrder(order(f"O-{number}")))
    desk.ask(SaveDocument("metadata", b"1"))
    [failed] = desk.owner.answers
    assert isinstance(failed, RequestFailed)


def test_what_has_been_over_for_long_is_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "KEEP_S", 60.0)
    monkeypatch.setattr(cache_module, "PURGE_INTERVAL_S", 10.0)
    now_ns = desk.system.clock.now_ns()
    rejected = OrderRejected(
        account="main", symbol="BTCUSDT", client_order_id="over", time_ns=now_ns, reason="Filter failure"
    )
    made = order("over")
    desk.start().beat(KeepOrder(made), KeepOrder(made.apply(rejected), rejected), KeepOrder(order("open")))
    desk.beat(seconds=50)
    assert set(desk.database.load_orders()) == {"over", "open"}
    desk.beat(seconds=20)
    assert set(desk.database.load_orders()) == {"open"}


def test_of_what_is_over_only_the_latest_stay_and_what_is_open_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "OVER_MAX", 3)
    desk.start().tell(KeepOrder(order("open")))
    opened = Position(position_id="", account="main", symbol="BTCUSDT", base_asset="BTC")
    for number in range(1, 6):
        made, position = order(f"O-{number}"), msgspec.structs.replace(opened, position_id=f"P-{number}")
        bought, sold = PositionFill(Side.BUY, filled("b", 3)), PositionFill(Side.SELL, filled("s", 4))
        desk.tell(KeepOrder(made, position_id=f"P-{number}"), KeepPosition(position))
        held = position.apply(bought)
        desk.tell(KeepPosition(held, bought), KeepPosition(held.apply(sold), sold))
        desk.tell(KeepOrder(made.apply(filled(f"O-{number}", 3)), filled(f"O-{number}", 3)))
    assert set(desk.database.load_orders()) == {"open", "O-3", "O-4", "O-5"}
    assert set(desk.database.load_positions()) == {"P-3", "P-4", "P-5"}
    assert desk.database.check_integrity() == Integrity()


def test_what_is_over_when_it_is_told_anew_counts_among_the_latest_and_what_opens_again_does_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "OVER_MAX", 3)
    desk.start()
    flat = Position(position_id="P-0", account="main", symbol="BTCUSDT", base_asset="BTC")
    bought = PositionFill(Side.BUY, filled("b", 3))
    desk.tell(KeepPosition(flat), KeepPosition(flat.apply(bought), bought))
    for number in range(1, 6):
        over = order(f"O-{number}").apply(filled(f"O-{number}", 3))
        desk.tell(KeepOrder(over), KeepPosition(msgspec.structs.replace(flat, position_id=f"P-{number}")))
    assert set(desk.database.load_orders()) == {"O-3", "O-4", "O-5"}
    assert desk.database.load_index_positions_open() == {"P-0"}
    assert desk.database.load_index_positions_closed() == {"P-3", "P-4", "P-5"}
    assert desk.database.check_integrity() == Integrity()


def test_what_lives_of_an_account_is_forgotten_when_it_says_so_and_nothing_else(desk: Desk) -> None:
    position = Position(position_id="P", account="main", symbol="BTCUSDT", base_asset="BTC")
    bought, sold = PositionFill(Side.BUY, filled("b", 3)), PositionFill(Side.SELL, filled("s", 4))
    held = position.apply(bought)
    flat = msgspec.structs.replace(held.apply(sold), position_id="flat")
    others = msgspec.structs.replace(held, account="second", position_id="second's")
    key = CycleKey("second", "BTCUSDT", 1, 1)
    desk.start().tell(
        KeepOrder(order("live")),
        KeepOrder(order("over").apply(filled("over", 3))),
        KeepOrder(msgspec.structs.replace(order("second's"), key=key)),
        KeepPosition(held),
        KeepPosition(flat),
        KeepPosition(others),
        DropLive("main"),
        DropLive("stranger"),
    )
    assert set(desk.database.load_orders()) == {"over", "second's"}
    assert set(desk.database.load_positions()) == {"flat", "second's"}
    assert desk.database.check_integrity() == Integrity()
    desk.tell(KeepOrder(order("live")), KeepPosition(held))
    assert desk.database.load_orders()["live"] == order("live")
    assert desk.database.load_index_positions_open() == {"P", "second's"}


def test_an_accounts_list_begins_anew_when_it_is_long(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "ACCOUNT_STATES_MAX", 3)
    desk.start()
    for time_ns in range(1, 9):
        desk.tell(KeepAccount(AccountState(account="main", balances=(), time_ns=time_ns)))
    [entries] = desk.store.lists(["accounts:main"])
    assert len(entries) == 2
    assert desk.database.load_account("main") == AccountState(account="main", balances=(), time_ns=8)


def test_what_is_left_is_written_at_the_end(desk: Desk) -> None:
    desk.start().tell(KeepState("a", 1))
    assert desk.ref is not None
    held = desk.store._held
    desk.system.terminate(desk.ref, 1)
    assert set(held) == {"strategies:a"}
    desk.database.close()


def test_what_can_not_be_written_at_the_end_is_told(desk: Desk) -> None:
    desk.start()
    desk.store.away = "gone"
    desk.tell(KeepOrder(order("O-1")))
    assert desk.ref is not None
    desk.system.terminate(desk.ref, 1)
    assert [entry["writes"] for entry in desk.logged("cache not written")] == [1]
