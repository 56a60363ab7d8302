"""The execution manager's side of the account stream, and the life of orders (execution.md, rules 7 to 11).

How a client subscribes, buffers and backs off is tested with the clients; here is what the manager makes of it.
"""

from decimal import Decimal
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.events import BalanceUpdated, OrderCancelled, OrderExpired
from naive_daemon.domain.limits import Safeguards
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import ClientTrouble, MarketStatus, Reconnected, Reconnecting
from naive_daemon.execution.messages import EntriesHeld
from naive_daemon.execution.rounds import RoundDue
from tests.execution.desk import (
    ACCOUNT,
    CANCELLED,
    EXPIRED,
    FILLED,
    OPEN,
    PARTLY,
    REJECTED,
    UNKNOWN,
    Desk,
    accepted,
    cancel_refused,
    cancelled,
    expired,
    filled,
    make_order,
    rejected,
    report,
    there,
    unknown,
)
from tests.trading.recorder import Recorder

BUY, OTHER = make_order(1), make_order(2)
SELL = make_order(1, Side.SELL)
LOST = Reconnecting(ACCOUNT, "the socket was reset")


def back(desk: Desk) -> Desk:
    """Connect again: said, and at once a snapshot of what is there."""
    return desk.tell(Reconnected(ACCOUNT), desk.client.snapshot())


def balance(free: str, time_ns: int = 1) -> BalanceUpdated:
    return BalanceUpdated(account=ACCOUNT, asset="Q", free=Decimal(free), locked=Decimal(0), time_ns=time_ns)


def test_rule_7_the_snapshot_comes_first_and_what_it_holds_already_changes_nothing_again() -> None:
    desk = Desk().start().open(BUY, OTHER).tell(LOST)
    desk.client.rest(there(BUY, PARTLY, "4"))
    desk.client.reports[BUY.client_order_id] = report(BUY, PARTLY, "4", filled(BUY, "4", "1"))
    desk.client.reports[OTHER.client_order_id] = report(OTHER, FILLED, "10", filled(OTHER, "10", "2"))
    back(desk).tell(filled(BUY, "4", "1"), filled(OTHER, "10", "2"), filled(BUY, "6", "3"))
    assert desk.life(BUY) == [OPEN, PARTLY, FILLED]
    assert desk.life(OTHER) == [OPEN, FILLED]
    assert [desk.journaled(one).filled for one in (BUY, OTHER)] == [10, 10]


def test_rule_7_balances_of_a_snapshot_are_passed_on_as_those_of_the_stream_are() -> None:
    desk = Desk()
    desk.client.balances = (balance("5"),)
    desk.start().tell(balance("4", 2))
    assert [one for one in desk.account.take() if isinstance(one, BalanceUpdated)] == [balance("5"), balance("4", 2)]


def test_rule_8_each_loss_holds_entries_once_and_they_go_on_behind_the_snapshot() -> None:
    desk = Desk().start().tell(LOST, LOST)
    assert desk.heard() == [(None, "reconnecting to the exchange")]
    assert not desk.view().is_connected
    desk.tell(Reconnected(ACCOUNT))
    assert desk.heard() == []  # not before it is known what is there
    desk.tell(desk.client.snapshot())
    assert desk.heard() == [(None, None)]
    assert desk.view().is_connected


def test_the_log_pairs_losses_with_returns_and_warns_of_no_ordinary_start(logs: list[Any]) -> None:
    desk = Desk().start(awaits_safeguards=True)
    desk.tell(Reconnected(ACCOUNT), desk.client.snapshot(), Safeguards())
    assert [line for line in logs if line["log_level"] != "debug" and line["event"] != "orders reconciled"] == []
    back(desk.tell(LOST))
    said = [
        line for line in logs if line["event"] in {"reconnecting", "reconnected", "entries held", "entries released"}
    ]
    told = [line["event"] for line in said if line["log_level"] != "debug"]
    assert told == ["reconnecting", "entries held", "reconnected", "entries released"]
    assert not any("symbol" in line for line in said), "they are about the whole account"


def test_rule_8_fills_missed_in_the_gap_count_exactly_once() -> None:
    desk = Desk().start().open(BUY).tell(filled(BUY, "3", "1"), LOST)
    fills = (filled(BUY, "3", "1"), filled(BUY, "5", "2"), filled(BUY, "2", "3"))
    desk.client.reports[BUY.client_order_id] = report(BUY, FILLED, "10", *fills)
    back(desk).tell(*fills)
    assert desk.life(BUY) == [OPEN, PARTLY, PARTLY, FILLED]
    assert len(desk.store._fills) == 3


def test_rule_10_while_not_connected_no_entry_is_placed_and_exits_and_cancels_are_tried() -> None:
    desk = Desk().start().open(OTHER).tell(LOST)
    desk.sent()
    desk.place(BUY, SELL).cancel(OTHER)
    assert desk.sent() == [SELL, OTHER.client_order_id]
    assert desk.life(BUY) == [REJECTED]
    assert desk.last(BUY).reason == "reconnecting to the exchange"
    back(desk)
    assert desk.place(make_order(3)).sent() == [make_order(3)]


def test_rule_10_a_trader_whose_entry_was_refused_is_told_why_it_has_to_wait() -> None:
    desk = Desk().start()
    trader = Recorder()
    desk.system.start(trader, names.trader(ACCOUNT, "AAAQ", 1))
    desk.tell(LOST).place(BUY)
    assert trader.take() == [EntriesHeld(ACCOUNT, None, "reconnecting to the exchange")]


def test_rule_11_a_snapshot_that_was_asked_for_before_a_reconnection_says_nothing_of_what_has_changed_since() -> None:
    desk = Desk().start().open(BUY)
    desk.client.rest(there(BUY))
    old = desk.client.snapshot()
    desk.client.is_mute = True
    desk.tell(RoundDue(), cancelled(BUY)).open(OTHER)
    desk.client.rest(there(OTHER))
    back(desk)
    desk.sent()
    desk.client.questions.pop(0).reply(old)
    desk.system.run_until_idle()
    assert (desk.view().differences, desk.sent(), desk.asked()) == (0, [], [])
    desk.client.rest()
    back(desk)
    assert desk.asked() == [OTHER.client_order_id], "once it is answered, what a snapshot says counts again"


def test_rule_7_what_ended_in_a_gap_is_asked_for_though_it_had_changed_since_another_snapshot_was_asked_for() -> None:
    desk = Desk().start().open(BUY)
    desk.client.is_mute = True
    desk.tell(RoundDue(), filled(BUY, "4"))
    back(desk)
    desk.client.is_mute = False
    desk.client.questions.pop().reply(desk.client.snapshot())
    desk.system.run_until_idle()
    assert desk.asked() == [BUY.client_order_id]


def test_rule_11_a_stale_snapshot_changes_nothing() -> None:
    desk = Desk().start().open(BUY, OTHER)
    desk.client.rest(there(BUY), there(OTHER))
    old = desk.client.snapshot()
    desk.tell(filled(BUY), cancelled(OTHER), old)
    assert (desk.life(BUY), desk.life(OTHER)) == ([OPEN, FILLED], [OPEN, CANCELLED])
    assert desk.view().live == 0


# Order life, by client order id ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "life"),
    [
        ([accepted(BUY), filled(BUY, "4", "1"), filled(BUY, "6", "2")], [OPEN, PARTLY, FILLED]),
        ([accepted(BUY), cancelled(BUY)], [OPEN, CANCELLED]),
        ([accepted(BUY), filled(BUY, "4"), expired(BUY)], [OPEN, PARTLY, EXPIRED]),
        ([rejected(BUY)], [REJECTED]),
        ([unknown(BUY), accepted(BUY), unknown(BUY), filled(BUY)], [UNKNOWN, OPEN, UNKNOWN, FILLED]),
        ([cancelled(BUY), accepted(BUY), rejected(BUY), expired(BUY), unknown(BUY)], [CANCELLED]),
        ([accepted(BUY), accepted(BUY), filled(BUY, "4"), filled(BUY, "4"), accepted(BUY)], [OPEN, PARTLY]),
        ([filled(BUY, "4"), accepted(BUY)], [PARTLY]),
        ([cancelled(BUY), filled(BUY, "4")], [CANCELLED, CANCELLED]),
        ([cancelled(BUY), filled(BUY)], [CANCELLED, FILLED]),
    ],
    ids=lambda value: "-".join(type(one).__name__ for one in value if not isinstance(one, OrderStatus)),
)
def test_an_orders_life(events: list[Any], life: list[OrderStatus]) -> None:
    assert Desk().start().place(BUY).tell(*events).life(BUY) == life


def test_a_fill_counts_once_also_when_it_comes_before_the_answer_to_its_own_open() -> None:
    desk = Desk().start().place(BUY).tell(filled(BUY, "4"), accepted(BUY), filled(BUY, "4"))
    assert (desk.life(BUY), desk.journaled(BUY).filled) == ([PARTLY], Decimal(4))
    assert desk.wait(60).life(BUY) == [PARTLY]  # and it is waited for no more


def test_a_trade_id_twice_with_other_data_is_told_and_does_not_count(logs: list[Any]) -> None:
    desk = Desk().start().open(BUY).tell(filled(BUY, "4", "7"), filled(BUY, "5", "7"))
    assert desk.journaled(BUY).filled == Decimal(4)
    assert [entry["log_level"] for entry in logs if entry["event"] == "promise broken"] == ["error"]


def test_a_trade_of_two_of_our_orders_with_each_other_counts_for_both(logs: list[Any]) -> None:
    desk = Desk().start().open(BUY, SELL).tell(filled(BUY, "4", "7"), filled(SELL, "4", "7"))
    assert [desk.journaled(order).filled for order in (BUY, SELL)] == [Decimal(4)] * 2
    assert desk.store.load_account(ACCOUNT).fills_count == 2
    assert "promise broken" not in [entry["event"] for entry in logs]
    back(desk.tell(LOST)).tell(filled(BUY, "4", "7"), filled(SELL, "4", "7"))
    assert [desk.journaled(order).filled for order in (BUY, SELL)] == [Decimal(4)] * 2


def test_a_cancel_refused_because_the_order_has_just_filled_ends_as_filled() -> None:
    for events in ([filled(BUY), cancel_refused(BUY)], [cancel_refused(BUY), filled(BUY)]):
        desk = Desk().start().open(BUY).cancel(BUY)
        desk.client.reports[BUY.client_order_id] = report(BUY, FILLED, "10", filled(BUY))
        desk.tell(*events)
        assert desk.life(BUY) == [OPEN, FILLED]
        assert desk.wait(100).sent() == [BUY, BUY.client_order_id]


def test_a_cancel_that_overtook_its_order_is_sent_again() -> None:
    desk = Desk().start().place(BUY).cancel(BUY).tell(cancel_refused(BUY))
    assert desk.asked() == [BUY.client_order_id]
    desk.tell(accepted(BUY))
    desk.client.reports[BUY.client_order_id] = report(BUY, OPEN)
    desk.sent()
    assert desk.wait(5).sent() == [BUY.client_order_id]
    assert desk.tell(cancelled(BUY)).wait(100).sent() == []


def test_an_end_is_believed_only_when_every_fill_before_it_has_been_seen() -> None:
    desk = Desk().start().open(BUY).tell(LOST)
    desk.client.reports[BUY.client_order_id] = report(BUY, CANCELLED, "4")  # fills read later than orders
    back(desk)
    assert desk.life(BUY) == [OPEN]
    desk.client.reports[BUY.client_order_id] = report(BUY, CANCELLED, "4", filled(BUY, "4"))
    assert desk.wait(1).life(BUY) == [OPEN, PARTLY, CANCELLED]


@pytest.mark.parametrize("wrong", [REJECTED, EXPIRED])
def test_an_order_that_the_exchange_reports_open_is_never_dropped(wrong: OrderStatus) -> None:
    """It was taken for never placed, or for lost, and is there after all: nobody acts on it, so it is taken off."""
    desk = Desk().start(never_placed_after_s=5.0)
    if wrong is REJECTED:
        desk.place(BUY).wait(30)
    else:
        desk.open(BUY).tell(cancel_refused(BUY)).wait(630)
    assert desk.journaled(BUY).status is wrong
    desk.sent()
    desk.tell(accepted(BUY))
    assert desk.sent() == [BUY.client_order_id]
    desk.tell(filled(BUY, "4"), cancelled(BUY))
    assert (desk.journaled(BUY).status, desk.journaled(BUY).filled) == (wrong, Decimal(4))


def test_an_acceptance_that_comes_twice_cancels_nothing() -> None:
    desk = Desk().start().open(BUY, OTHER).tell(filled(BUY), cancelled(OTHER))
    desk.sent()
    desk.tell(accepted(BUY), accepted(OTHER))
    assert desk.sent() == []


def test_a_fresh_manager_knows_what_its_predecessor_was_told_because_its_client_says_it_again() -> None:
    desk = Desk().start()
    desk.client.standing = (
        ClientTrouble(ACCOUNT, "credentials", "the key was revoked"),
        MarketStatus(ACCOUNT, frozenset({"BBBQ"})),
    )
    desk.tell(*desk.client.standing)
    held = desk.held()
    desk.crash()
    desk.start()
    assert desk.held() == held == {None: "the key was revoked", "BBBQ": "the exchange has halted BBBQ"}
    assert desk.place(BUY, SELL).sent() == [SELL]


def test_an_end_that_says_more_was_filled_than_we_know_is_not_believed_before_its_fills_have_come() -> None:
    """The cancel's own answer may come before the fill does, and its trader would give the cycle up as never bought."""
    for end in (OrderCancelled, OrderExpired):
        desk = Desk().start().open(BUY).tell(_ended(end, "4"))
        assert desk.life(BUY) == [OPEN, UNKNOWN]  # not found, for now
        desk.client.reports[BUY.client_order_id] = report(BUY, CANCELLED, "4", filled(BUY, "4"))
        assert desk.wait(1).life(BUY) == [OPEN, UNKNOWN, OPEN, PARTLY, CANCELLED]
        agreeing = Desk().start().open(BUY).tell(filled(BUY, "4"), _ended(end, "4"))
        assert (agreeing.journaled(BUY).status.is_terminal, agreeing.asked()) == (True, [])


def test_an_end_that_comes_while_its_fills_are_asked_for_waits_for_them() -> None:
    desk = Desk().start().open(BUY).tell(LOST)
    desk.client.rest(there(BUY, PARTLY, "4"))
    desk.client.is_mute = True
    back(desk).tell(cancelled(BUY))
    assert desk.life(BUY) == [OPEN]
    desk.client.is_mute = False
    desk.client.reports[BUY.client_order_id] = report(BUY, CANCELLED, "4", filled(BUY, "4"))
    (question,) = desk.client.questions
    question.reply(report(BUY, PARTLY, "4", filled(BUY, "4")))  # as it was when it was asked
    desk.system.run_until_idle()
    assert desk.life(BUY) == [OPEN, PARTLY, CANCELLED]


def _ended(kind: type[OrderCancelled | OrderExpired], quantity: str) -> OrderCancelled | OrderExpired:
    ids = {"account": ACCOUNT, "symbol": BUY.symbol, "client_order_id": BUY.client_order_id, "time_ns": 0}
    return kind(filled=Decimal(quantity), **ids)
