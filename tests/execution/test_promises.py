"""Each promise is broken as a broken part would: entries of that symbol stop, and nothing else does.

The predicates themselves stand in `tests/unit/test_promises.py`.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.limits import RiskLimits, Safeguards
from naive_daemon.domain.side import Side
from naive_daemon.execution.asking import NEVER_PLACED
from naive_daemon.execution.journal_messages import OpenOrder, PlaceIntent
from naive_daemon.execution.journal_store import RiskJournal
from naive_daemon.execution.messages import EntriesHeld, LeaveSymbol, OperatorLooked, SymbolEnded
from naive_daemon.execution.promises import Promise
from naive_daemon.execution.risk import RiskBook
from naive_daemon.otp.description import describe_state
from tests.execution.desk import (
    ACCOUNT,
    CANCELLED,
    FILLED,
    OPEN,
    REJECTED,
    Desk,
    cancelled,
    filled,
    make_cycle,
    make_order,
    rejected,
    there,
)

BUY, SELL, AGAIN = make_order(1), make_order(1, Side.SELL), make_order(1, attempt=2)
OTHER, ELSEWHERE, EXIT = make_order(2), make_order(3, symbol="BBBQ"), make_order(4, Side.SELL)
ID, SECOND_ID = BUY.client_order_id, AGAIN.client_order_id


def double(desk: Desk) -> None:
    desk.open(BUY).place(AGAIN)


def send_again(desk: Desk) -> None:
    desk.open(BUY).tell(OpenOrder(BUY))


def plant_a_stranger(desk: Desk) -> None:
    desk.client.rest(there(BUY))
    desk.reconcile()


def raise_the_dead(desk: Desk) -> None:
    desk.place(BUY).tell(filled(BUY))
    desk.client.rest(there(BUY, exchange_order_id="another"))
    desk.reconcile()


def overfill(desk: Desk) -> None:
    desk.open(BUY).tell(filled(BUY, "6", "1"), filled(BUY, "6", "2"))


def contradict(desk: Desk) -> None:
    desk.open(BUY).tell(filled(BUY, "4", "7"), filled(BUY, "5", "7"))


def overspend(desk: Desk) -> None:
    desk.open(BUY).tell(filled(BUY, "4"), cancelled(BUY))  # 8 of 20 are spent
    desk.system.tell(names.JOURNAL, PlaceIntent(AGAIN, Decimal(27)))
    desk.system.run_until_idle()


def buy_when_down(desk: Desk) -> None:
    desk.tell(SymbolEnded("AAAQ")).place(BUY)
    desk.tell(LeaveSymbol("AAAQ"))


def fill_after_its_cycle(desk: Desk) -> None:
    desk.place(BUY).tell(rejected(BUY, NEVER_PLACED)).end_cycles(make_cycle(BUY, "0")).tell(filled(BUY))


def fill_across_the_end(desk: Desk) -> None:
    desk.place(BUY).tell(rejected(BUY, NEVER_PLACED), filled(BUY)).end_cycles(make_cycle(BUY, "0", bought=Decimal(0)))


BREAKS: dict[Callable[[Desk], None], tuple[Promise, str]] = {
    double: (Promise.ONE_LIVE_ORDER, f"{SECOND_ID} while {ID} is open"),
    send_again: (Promise.SENT_ONCE, f"{ID} again, it is open"),
    plant_a_stranger: (Promise.INTENT_FIRST, f"{ID} belongs to no open cycle"),
    raise_the_dead: (Promise.OVER_IS_OVER, f"{ID} rests, and is filled here"),
    overfill: (Promise.FILLS_ADD_UP, f"{ID} filled 12 of 10"),
    contradict: (Promise.FILLS_ADD_UP, f"trade 7 is 4 for 2 of {ID}, and 5 for 2 of {ID}"),
    buy_when_down: (Promise.DOWN_BUYS_NOTHING, f"{ID} though AAAQ is down"),
    fill_after_its_cycle: (Promise.INTENT_FIRST, f"{ID} filled 10 though its cycle has ended"),
    fill_across_the_end: (Promise.INTENT_FIRST, f"{BUY.key} bought 10, and ended with 0"),
    overspend: (Promise.WITHIN_BUDGET, f"{SECOND_ID} for 20 beside 8 spent of 27"),
}
KEPT = {plant_a_stranger, overfill}
"""What the journal shows again after a restart."""


def test_every_promise_is_broken_here() -> None:
    assert {promise for promise, _ in BREAKS.values()} == set(Promise)


@pytest.mark.parametrize("break_it", BREAKS)
def test_entries_of_that_symbol_stop_until_an_operator_has_looked_and_all_else_goes_on(
    break_it: Callable[[Desk], None], logs: list[Any]
) -> None:
    promise, seen = BREAKS[break_it]
    reason = f"promise broken: {promise}: {seen}"
    desk = Desk().start()
    break_it(desk)
    assert desk.held() == {"AAAQ": reason}
    assert desk.heard() == [("AAAQ", reason)]
    assert EntriesHeld(ACCOUNT, "AAAQ", reason) in desk.switches.take()
    assert desk.view().broken == {one.value: int(one is promise) for one in Promise}
    told = [entry for entry in logs if entry["event"] == "promise broken"]
    assert [(entry["log_level"], entry["account"], entry["symbol"], entry["promise"]) for entry in told] == [
        ("error", ACCOUNT, "AAAQ", promise.value)
    ]
    desk.sent()
    desk.place(OTHER, ELSEWHERE, EXIT)
    assert desk.sent() == [ELSEWHERE, EXIT]
    assert desk.journaled(OTHER).reason == reason
    desk.tell(OperatorLooked("BBBQ"))
    assert desk.held() == {"AAAQ": reason}
    desk.tell(OperatorLooked("AAAQ"))
    assert (desk.held(), desk.heard()) == ({}, [("AAAQ", None)])
    assert desk.place(make_order(5)).sent() == [make_order(5)]


@pytest.mark.parametrize("break_it", BREAKS)
def test_after_a_restart_it_is_found_again_where_the_journal_shows_it(break_it: Callable[[Desk], None]) -> None:
    desk = Desk().start()
    break_it(desk)
    desk.tell(OperatorLooked("AAAQ"))
    desk.crash()
    desk.client.rest()
    desk.start()
    assert list(desk.held()) == (["AAAQ"] if break_it in KEPT else [])


@pytest.mark.parametrize("is_over", [False, True])
def test_a_fresh_manager_knows_whether_the_cycle_of_an_order_that_is_filled_after_all_is_open(is_over: bool) -> None:
    desk = Desk().start().place(BUY).tell(rejected(BUY, NEVER_PLACED))
    if is_over:
        desk.end_cycles(make_cycle(BUY, "0"))
    desk.crash()
    desk.start().tell(filled(BUY))
    assert desk.journaled(BUY).status is FILLED
    assert list(desk.held()) == (["AAAQ"] if is_over else [])


def test_what_is_filled_of_a_cycle_that_has_ended_is_at_risk_as_little_as_that_is() -> None:
    desk = Desk().start()
    fill_after_its_cycle(desk)
    desk.tell(OperatorLooked("AAAQ"), Safeguards(limits={ACCOUNT: RiskLimits(max_symbol_at_risk=Decimal(20))}))
    assert desk.place(OTHER).journaled(OTHER).reason is None


def test_what_is_filled_of_an_orphan_is_no_news_once_an_operator_has_looked() -> None:
    desk = Desk().start()
    plant_a_stranger(desk)
    desk.tell(OperatorLooked("AAAQ"), filled(BUY, "4"))
    assert desk.held() == {}


def test_two_live_orders_of_one_leg_in_the_journal_are_found_at_the_start() -> None:
    desk = Desk(BUY, AGAIN)
    desk.client.rest(there(BUY), there(AGAIN))
    assert desk.start().held() == {"AAAQ": f"promise broken: one live order: {SECOND_ID} while {ID} is in_flight"}


def test_what_would_break_a_promise_does_not_leave_be_it_an_exit() -> None:
    desk = Desk().start().open(BUY, SELL)
    desk.sent()
    second = make_order(1, Side.SELL, attempt=2)
    desk.place(AGAIN, second)
    assert desk.sent() == []
    assert [desk.journaled(order).status for order in (AGAIN, second)] == [REJECTED, REJECTED]
    assert [desk.journaled(order).status for order in (BUY, SELL)] == [OPEN, OPEN]


def test_a_symbol_that_is_down_sells_and_buys_again_once_it_is_started() -> None:
    desk = Desk().start().tell(SymbolEnded("AAAQ")).place(SELL, ELSEWHERE).tell(LeaveSymbol("AAAQ")).place(BUY)
    assert (desk.sent(), desk.held()) == ([SELL, ELSEWHERE, BUY], {})


def test_a_snapshot_that_was_read_before_an_order_ended_breaks_no_promise() -> None:
    """One that comes with a connection: a cancel was answered while it was on its way."""
    desk = Desk().start().open(BUY)
    desk.client.rest(there(BUY))
    late = desk.client.snapshot()
    desk.cancel(BUY).tell(cancelled(BUY), late)
    assert (desk.held(), desk.journaled(BUY).status) == ({}, CANCELLED)


def test_a_leg_is_free_again_when_its_order_is_over() -> None:
    desk = Desk().start().open(BUY).tell(cancelled(BUY)).open(AGAIN)
    assert (desk.journaled(AGAIN).status, desk.held()) == (OPEN, {})


def test_a_cycle_may_spend_all_of_its_budget_and_its_exit_none() -> None:
    desk = Desk().start()
    for order in (BUY, make_order(1, Side.SELL)):
        desk.system.tell(names.JOURNAL, PlaceIntent(order, Decimal(20)))
    desk.system.run_until_idle()
    assert (desk.sent(), desk.held()) == ([BUY, SELL], {})


def test_what_is_spent_is_known_again_after_a_restart_and_gone_with_the_cycle() -> None:
    desk = Desk().start().open(BUY).tell(filled(BUY))
    desk.crash()
    desk.start()
    desk.system.tell(names.JOURNAL, PlaceIntent(AGAIN, Decimal(39)))
    desk.system.run_until_idle()
    assert desk.journaled(AGAIN).reason == f"promise broken: within budget: {SECOND_ID} for 20 beside 20 spent of 39"
    desk.tell(OperatorLooked("AAAQ")).end_cycles(make_cycle(BUY, "1"))
    late = make_order(1, attempt=3)
    desk.system.tell(names.JOURNAL, PlaceIntent(late, Decimal(20)))
    desk.system.run_until_idle()
    assert desk.held() == {}


def test_an_order_committed_while_its_manager_starts_is_neither_sent_nor_a_broken_promise() -> None:
    """Its OpenOrder waits beside the journal's answer, which has it."""
    desk = Desk(cycles=[make_cycle(BUY)])
    desk.store.before_load = lambda: desk.system.tell(names.execution_manager(ACCOUNT), OpenOrder(BUY))
    desk.place(BUY).start()
    assert (desk.sent(), desk.asked(), desk.held()) == ([], [ID], {})


def test_a_broken_promise_is_told_before_what_passes_by_itself() -> None:
    desk = Desk().start().tell(Safeguards(limits={ACCOUNT: RiskLimits(max_open_orders=1)})).open(BUY).place(OTHER)
    assert list(desk.held().values()) == ["limit max_open_orders=1: 1 are open"]
    desk.tell(OpenOrder(BUY))
    assert list(desk.held().values()) == [f"promise broken: sent once: {ID} again, it is open"]
    desk.tell(OperatorLooked("AAAQ"))
    assert list(desk.held().values()) == ["limit max_open_orders=1: 1 are open"]


def test_the_first_that_was_seen_is_shown_and_all_are_counted() -> None:
    desk = Desk().start()
    overfill(desk)
    first = desk.held()
    desk.tell(OpenOrder(BUY), filled(BUY, "1", "3"))
    assert desk.held() == first
    counts = desk.view().broken
    assert (counts[Promise.FILLS_ADD_UP], counts[Promise.SENT_ONCE]) == (2, 1)
    assert desk.journaled(BUY).status is FILLED


def test_the_state_of_the_manager_shows_what_was_seen() -> None:
    desk = Desk().start()
    overfill(desk)
    shown = describe_state(desk.manager._actor)["_promises_broken"]
    assert "AAAQ" in shown
    assert f"{ID} filled 12 of 10" in shown


def test_an_order_that_was_committed_when_the_journal_was_read_is_not_spent_beside_itself() -> None:
    """Its OpenOrder comes after what the limits are measured by, which has it already (seed 7498)."""
    book = RiskBook(lambda _: "Q")
    book.restore(RiskJournal(open_cycle_orders=(BUY,), realised_pnl={}), 0)
    assert (book.spent_beside(BUY), book.spent_beside(AGAIN)) == (0, 20)


@pytest.mark.parametrize("limit", ["max_symbol_at_risk", "max_account_at_risk"])
def test_an_order_that_was_committed_when_the_journal_was_read_is_not_at_risk_beside_itself(limit: str) -> None:
    book = RiskBook(lambda _: "Q")
    book.restore(RiskJournal(open_cycle_orders=(BUY,), realised_pnl={}), 0)
    book.limits = RiskLimits(**{limit: Decimal(20)})
    refused = f"limit {limit}=20: 20 Q at risk, 20 more wanted"
    assert (book.refusal(BUY, 0, 0), book.refusal(AGAIN, 0, 0)) == (None, refused)
