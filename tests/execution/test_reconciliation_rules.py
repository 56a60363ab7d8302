"""Reconciliation by the execution manager (execution.md, "Reconciliation")."""

from decimal import Decimal
from typing import Any

import pytest

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.asking import NEVER_PLACED
from naive_daemon.execution.client import AskSnapshot, BooksDoubted, OrderReport
from naive_daemon.execution.inquiry import AT_ONCE_MAX
from naive_daemon.execution.journal_store import OrderRecorded
from naive_daemon.execution.order_books import OVER_KEPT_MAX
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.execution.reconciler import DOUBT_PERIOD_S
from naive_daemon.execution.reconciliation import Reconcile, ReconciliationReport
from naive_daemon.otp import Call, crash
from tests.execution.desk import (
    ACCOUNT,
    CANCELLED,
    EXPIRED,
    FILLED,
    IN_FLIGHT,
    OPEN,
    PARTLY,
    REJECTED,
    UNKNOWN,
    Desk,
    accepted,
    cancelled,
    filled,
    make_order,
    report,
    there,
)

BUY, OTHER = make_order(1), make_order(2)
SELL = make_order(1, Side.SELL)
LIVE = make_order(1, status=OPEN, exchange_order_id="x1")
FOREIGN = there(make_order(9), client_order_id="web_123")


def known(status: OrderStatus, fill: str = "0") -> Order:
    is_known = status in (OPEN, PARTLY)
    return make_order(1, status=status, filled=Decimal(fill), exchange_order_id="x1" if is_known else None)


def failed(reason: object) -> None:
    raise AssertionError(reason)


@pytest.mark.parametrize(
    ("here", "is_there", "fills", "life"),
    [
        (known(IN_FLIGHT), OPEN, (), [OPEN]),
        (known(UNKNOWN), OPEN, (), [OPEN]),
        (known(OPEN), OPEN, (), []),
        (known(OPEN), PARTLY, (filled(BUY, "4"),), [PARTLY]),
        (known(IN_FLIGHT), FILLED, (filled(BUY, "4", "1"), filled(BUY, "6", "2")), [OPEN, PARTLY, FILLED]),
        (known(IN_FLIGHT), REJECTED, (), [REJECTED]),
        (known(OPEN), CANCELLED, (), [CANCELLED]),
        (known(OPEN), EXPIRED, (), [EXPIRED]),
        (known(OPEN), CANCELLED, (filled(BUY, "4"),), [PARTLY, CANCELLED]),
    ],
)
def test_at_start_what_came_of_every_live_order_is_learnt_before_anybody_may_trade(
    here: Order, is_there: OrderStatus, fills: tuple[OrderFilled, ...], life: list[OrderStatus]
) -> None:
    desk = Desk(here)
    sum_of_fills = str(sum((fill.quantity for fill in fills), Decimal(0)))
    desk.client.reports[here.client_order_id] = report(here, is_there, sum_of_fills, *fills)
    if is_there in (OPEN, PARTLY):
        desk.client.rest(there(here, is_there, sum_of_fills))
    assert desk.start().life(here) == life


def test_fills_that_the_journal_has_already_are_not_counted_again() -> None:
    desk = Desk().start().open(BUY).tell(filled(BUY, "4", "1"))
    desk.crash()
    desk.client.reports[BUY.client_order_id] = report(BUY, FILLED, "10", filled(BUY, "4", "1"), filled(BUY, "6", "2"))
    desk.start()
    assert (desk.life(BUY), desk.journaled(BUY).filled) == ([OPEN, PARTLY, FILLED], Decimal(10))


def test_in_the_journal_and_not_live_it_is_asked_for_until_its_end_is_known() -> None:
    desk = Desk(known(IN_FLIGHT)).start(never_placed_after_s=20.0)
    assert desk.life(BUY) == [UNKNOWN]
    assert desk.wait(30).life(BUY) == [UNKNOWN, REJECTED]
    assert desk.last(BUY).reason == NEVER_PLACED


def test_a_client_that_is_certain_ends_what_was_never_placed_at_once() -> None:
    desk = Desk(known(IN_FLIGHT))
    nothing = OrderReport(symbol="AAAQ", client_order_id=BUY.client_order_id, order=None, is_final=True)
    desk.client.reports[BUY.client_order_id] = nothing
    assert desk.start().life(BUY) == [REJECTED]


def test_an_intent_that_is_handed_over_after_a_restart_is_not_sent_but_asked_for() -> None:
    desk = Desk().start()
    desk.crash()
    desk.place(BUY)  # journaled, and told to nobody
    desk.start()
    assert desk.sent() == []
    assert desk.asked() == [BUY.client_order_id]


def test_live_with_our_prefix_and_in_no_journal_it_is_adopted_as_an_orphan_and_shown(logs: list[Any]) -> None:
    desk = Desk()
    desk.client.rest(there(BUY, PARTLY, "4"))
    desk.client.reports[BUY.client_order_id] = report(BUY, PARTLY, "4", filled(BUY, "4"))
    desk.start()
    assert desk.life(BUY) == [OPEN, PARTLY]
    adopted = desk.journaled(BUY)
    assert (adopted.key, adopted.leg, adopted.price, adopted.quantity) == (BUY.key, BUY.leg, BUY.price, BUY.quantity)
    assert (desk.view().orphans, desk.view().live) == (1, 1)
    assert [entry["log_level"] for entry in logs if entry["event"] == "orphan adopted"] == ["error"]
    assert desk.tell(filled(BUY, "6", "2")).journaled(BUY).status is FILLED


@pytest.mark.parametrize("end", [CANCELLED, FILLED])
def test_an_orphan_of_which_only_an_event_tells_is_adopted_with_its_end(end: OrderStatus) -> None:
    desk = Desk().start()
    fills = [filled(BUY, "4", "1")] + ([filled(BUY, "6", "2")] if end is FILLED else [])
    desk.client.reports[BUY.client_order_id] = report(BUY, end, "10" if end is FILLED else "4", *fills)
    desk.tell(fills[-1])
    assert (desk.journaled(BUY).status, len(desk.store._fills)) == (end, len(fills))
    assert desk.view().live == 0
    assert desk.wait(60).sent() == []  # it does not rest, so nothing is to be cancelled


def test_an_order_without_a_price_is_not_ours_whatever_it_is_called() -> None:
    """A market or a stop order that somebody gave one of our ids: no journal could hold it."""
    desk = Desk()
    desk.client.rest(there(BUY, price=Decimal(0)))
    desk.client.reports[OTHER.client_order_id] = OrderReport(
        symbol=OTHER.symbol,
        client_order_id=OTHER.client_order_id,
        order=there(OTHER, FILLED, "10", price=Decimal(0)),
        fills=(filled(OTHER),),
    )
    desk.start().tell(filled(OTHER))
    assert desk.store.orders() == ()
    assert (desk.view().orphans, desk.view().live, desk.view().foreign) == (0, 0, 1)


def test_a_stranger_that_is_over_in_the_journal_and_rests_there_is_cancelled() -> None:
    over = make_order(1, status=CANCELLED, exchange_order_id="x1")
    desk = Desk(over)
    desk.client.rest(there(over))
    desk.start()
    assert desk.sent() == [over.client_order_id]
    assert desk.life(over) == []
    assert desk.view().orphans == 0
    desk.tell(cancelled(over))
    assert desk.journaled(over).status is CANCELLED


@pytest.mark.parametrize(("exchange_order_id", "cancels"), [("x1", []), ("x2", [BUY.client_order_id])])
def test_a_full_order_that_seems_to_rest_is_read_too_late_or_another_with_its_id(
    exchange_order_id: str, cancels: list[str]
) -> None:
    """Somebody used the id again, by hand or from an older copy of the journal."""
    full = make_order(1, status=FILLED, filled=Decimal(10), exchange_order_id="x1")
    desk = Desk(full)
    desk.client.rest(there(full, exchange_order_id=exchange_order_id))
    desk.start()
    assert desk.sent() == cancels
    assert [each.kind for each in desk.reconcile().differences] == ["over here"] * len(cancels)
    assert (desk.life(full), desk.view().orphans) == ([], 0)


def test_somebody_elses_orders_are_left_alone_and_counted() -> None:
    other_daemon = CycleKey("main", "AAAQ", 1, 1)
    theirs = there(make_order(8), client_order_id=client_order_id("another", other_daemon, Leg(Side.BUY)))
    other_account = client_order_id("test", CycleKey("second", "AAAQ", 1, 1), Leg(Side.BUY))
    desk = Desk()
    desk.client.rest(FOREIGN, theirs, there(make_order(7), client_order_id=other_account))
    desk.start().tell(
        accepted(make_order(9, client_order_id="web_123")), filled(make_order(9, client_order_id="web_123"))
    )
    assert (desk.view().foreign, desk.view().live, desk.sent(), desk.asked()) == (3, 0, [], [])
    assert desk.store.orders() == ()


def test_one_snapshot_answers_for_all_and_only_what_it_leaves_open_is_asked_a_few_at_a_time() -> None:
    orders = [make_order(number, status=OPEN, exchange_order_id=f"x{number}") for number in range(1, 1_201)]
    desk = Desk(*orders)
    desk.client.rest(*(there(order) for order in orders[1_000:]))
    for order in orders[:1_000]:
        desk.client.reports[order.client_order_id] = report(order, CANCELLED)
    at_once = _count_questions_at_once(desk)
    desk.start()
    assert desk.client.snapshots == 1
    assert sorted(desk.asked()) == sorted(order.client_order_id for order in orders[:1_000])
    assert max(at_once) == AT_ONCE_MAX == 20
    assert desk.view().live == 200


def _count_questions_at_once(desk: Desk) -> list[int]:
    """Have the client answer only when all is quiet, and count what is asked by then."""
    counted: list[int] = []
    at_once = 0
    answer = desk.client.answer

    def counting(request: Any) -> Any:
        nonlocal at_once
        manager: Any = desk.system.whereis(("execution", "main"))
        at_once = manager._actor._asking._inquiries._asking
        counted.append(at_once)
        return answer(request)

    desk.client.answer = counting  # type: ignore[method-assign] # counted on its way
    return counted


# While running -------------------------------------------------------------------------------------------------------


def test_every_interval_a_fill_and_a_cancel_whose_events_were_lost_are_repaired(logs: list[Any]) -> None:
    desk = Desk().start(reconcile_interval_s=60.0).open(BUY, OTHER)
    desk.client.rest(there(BUY, PARTLY, "4"))
    desk.client.reports[BUY.client_order_id] = report(BUY, PARTLY, "4", filled(BUY, "4"))
    desk.client.reports[OTHER.client_order_id] = report(OTHER, CANCELLED)
    assert desk.wait(59).life(BUY) == [OPEN]
    desk.wait(1)
    assert (desk.life(BUY), desk.life(OTHER)) == ([OPEN, PARTLY], [OPEN, CANCELLED])
    told = {entry["kind"]: (entry["journal"], entry["exchange"]) for entry in logs if "differ" in entry["event"]}
    assert told == {
        "filled": ("open, 0 of 10", "partly_filled, 4 of 10"),
        "not on the book": ("open, 0 of 10", "nothing"),
    }
    assert desk.view().differences == 2
    desk.wait(60)
    assert (desk.client.snapshots, desk.view().differences) == (3, 2)


def test_without_an_interval_it_compares_at_the_start_and_after_reconnections_only() -> None:
    desk = Desk().start(reconcile_interval_s=None).wait(1_000)
    assert desk.client.snapshots == 1


def test_asked_to_reconcile_it_says_what_differs_on_both_sides() -> None:
    desk = Desk().start().open(BUY)
    desk.client.rest(FOREIGN, there(SELL))
    desk.client.reports |= {one.client_order_id: report(one, end) for one, end in ((BUY, CANCELLED), (SELL, OPEN))}
    found = desk.reconcile()
    assert sorted((each.kind, each.client_order_id, each.journal, each.exchange) for each in found.differences) == [
        ("not on the book", BUY.client_order_id, "open, 0 of 10", "nothing"),
        ("orphan", SELL.client_order_id, "nothing", "open, 0 of 10"),
    ]
    assert (found.live_here, found.live_there, found.foreign, found.orphans) == (1, 2, 1, 1)
    desk.client.rest(there(SELL))
    assert desk.reconcile().differences == ()


def test_an_order_on_its_way_is_not_missed() -> None:
    desk = Desk().start().place(BUY)
    found = desk.reconcile()
    assert (found.differences, desk.asked(), desk.life(BUY)) == ((), [], [])


def test_what_has_changed_while_the_snapshot_was_read_is_not_compared_with_it(logs: list[Any]) -> None:
    """Else every minute a warning says that journal and exchange differ, where only the reading took its time."""
    desk = Desk().start(reconcile_interval_s=60.0).open(BUY).wait(55).place(OTHER)
    desk.sent()
    desk.client.rest(there(BUY))
    desk.client.is_mute = True
    desk.wait(5)
    (question,) = desk.client.questions
    snapshot = desk.client.snapshot()
    desk.tell(cancelled(BUY), accepted(OTHER))
    question.reply(snapshot)
    desk.system.run_until_idle()
    assert (desk.view().differences, desk.sent()) == (0, [])
    assert [entry for entry in logs if "differ" in entry["event"] or "rests" in entry["event"]] == []
    desk.client.is_mute = False
    desk.client.rest()
    desk.client.reports[OTHER.client_order_id] = report(OTHER, CANCELLED)
    desk.wait(60)  # what is still so the next time is a difference
    assert (desk.view().differences, desk.life(OTHER)[-1]) == (1, CANCELLED)


def test_a_round_that_another_overtakes_is_counted_all_the_same(logs: list[Any]) -> None:
    desk = Desk().start().open(BUY)
    desk.client.rest(there(SELL))  # a stranger, so the round waits for the journal
    desk.client.reports[BUY.client_order_id] = report(BUY, CANCELLED)
    snapshot = desk.client.snapshot()
    for message in (snapshot, filled(BUY), snapshot):
        desk.manager.tell(message)
    desk.system.run_until_idle()
    assert [entry["kind"] for entry in logs if "differ" in entry["event"]] == ["not on the book", "orphan"]
    assert desk.view().differences == 2


def test_who_asks_gets_the_report_of_the_snapshot_that_is_asked_for_it() -> None:
    """Not of one that still waits for the journal, whose snapshot was read before."""
    desk = Desk().start()
    desk.client.is_mute = True
    found: list[ReconciliationReport] = []
    desk.tell(Call(Reconcile(), found.append, failed))
    desk.client.rest(there(SELL))  # a stranger, so the round waits for the journal
    desk.client.questions.pop().reply(desk.client.snapshot())
    desk.manager.tell(Call(Reconcile(), found.append, failed))
    desk.system.run_until_idle()
    assert [each.orphans for each in found] == [1]
    (question,) = (one for one in desk.client.questions if one.message == AskSnapshot())
    question.reply(desk.client.snapshot())
    desk.system.run_until_idle()
    assert [each.orphans for each in found] == [1, 0]


def test_who_asks_while_a_round_is_overtaken_gets_the_report_of_the_one_that_ends() -> None:
    desk = Desk().start()
    desk.client.is_mute = True
    found: list[ReconciliationReport] = []
    desk.tell(Call(Reconcile(), found.append, failed))
    desk.client.rest(there(SELL))
    desk.client.questions.pop().reply(desk.client.snapshot())
    desk.tell(desk.client.snapshot())  # as after a reconnection
    assert [each.live_there for each in found] == [1]


def test_who_has_a_reason_does_not_wait_for_a_routine_nor_fails_with_it() -> None:
    desk = Desk().start(reconcile_interval_s=60.0).open(BUY)
    desk.client.is_mute = True
    desk.wait(60)
    found: list[ReconciliationReport] = []
    desk.tell(Call(Reconcile(), found.append, failed))
    routine, asked = desk.client.questions
    assert (routine.message, asked.message) == (AskSnapshot(is_routine=True), AskSnapshot())
    routine.fail(crash("no room"))
    desk.client.rest(there(BUY))
    asked.reply(desk.client.snapshot())
    desk.system.run_until_idle()
    assert [each.live_there for each in found] == [1]
    desk.wait(60)
    assert len(desk.client.questions) == 3  # the next routine


def test_a_comparison_that_fails_is_told_and_changes_nothing() -> None:
    desk = Desk().start(reconcile_interval_s=60.0).open(BUY)
    desk.client.is_mute = True
    desk.wait(600)
    assert desk.life(BUY) == [OPEN]
    desk.client.is_mute = False
    desk.client.rest(there(BUY))
    assert desk.wait(120).life(BUY) == [OPEN]
    assert desk.reconcile().differences == ()


def test_recovery_is_start_a_manager_that_restarts_adopts_what_it_had() -> None:
    desk = Desk().start().open(BUY).place(OTHER)
    desk.crash()
    desk.client.rest(there(BUY), there(OTHER))
    desk.start()
    assert (desk.life(BUY), desk.life(OTHER)) == ([OPEN], [OPEN])
    assert desk.sent() == [BUY, OTHER]  # by the first one only


def test_a_fill_of_an_order_that_is_long_over_and_forgotten_still_counts() -> None:
    over = make_order(1, status=CANCELLED, exchange_order_id="x1")
    desk = Desk().start()
    desk.store.write([OrderRecorded(over)])
    desk.tell(filled(over, "4"))
    assert (desk.journaled(over).status, desk.journaled(over).filled) == (CANCELLED, Decimal(4))


def test_a_fill_that_is_told_again_when_its_order_is_forgotten_counts_once() -> None:
    desk = Desk().start().open(BUY).tell(filled(BUY))
    others = [make_order(number) for number in range(2, OVER_KEPT_MAX + 2)]
    for other in others:
        desk.open(other).tell(filled(other, trade_id=other.client_order_id))
    books = desk.system.whereis(desk.manager.name)._actor._books
    assert books.get(BUY.client_order_id) is None
    desk.tell(filled(BUY))
    assert desk.journaled(BUY).filled == BUY.quantity
    assert desk.life(BUY) == [OPEN, FILLED]
    assert desk.view().orphans == 0


def test_a_balance_that_is_not_there_has_the_books_compared_but_not_by_each_refusal() -> None:
    desk = Desk().start()
    before = desk.client.snapshots
    doubted = BooksDoubted(ACCOUNT, "Account has insufficient balance for requested action.")
    desk.tell(doubted, doubted, doubted)
    assert desk.client.snapshots == before + 1
    desk.wait(DOUBT_PERIOD_S).tell(doubted)
    assert desk.client.snapshots == before + 2


def test_what_is_asked_about_already_is_no_difference_once_more() -> None:
    desk = Desk(make_order(1, status=OPEN, exchange_order_id="x")).start()
    assert desk.view().differences == 1
    desk.tell(desk.client.snapshot())
    assert desk.view().differences == 1
