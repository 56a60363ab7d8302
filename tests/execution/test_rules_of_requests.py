"""The execution manager: requests out and their answers (execution.md, "Requests", rules 1 to 6)."""

from typing import Any

from naive_daemon import names
from naive_daemon.domain.side import Side
from naive_daemon.execution.asking import NEVER_PLACED
from naive_daemon.execution.manager import DRAINING
from naive_daemon.execution.messages import AskExecution, CancelOrder, Drain, EntriesHeld
from naive_daemon.otp import DEFERRED, Call
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
    filled,
    make_order,
    not_sent,
    rejected,
    report,
    unknown,
)
from tests.trading.recorder import Recorder

BUY, OTHER = make_order(1), make_order(2)
SELL = make_order(1, Side.SELL)


def test_rule_1_requests_run_concurrently_and_answers_come_in_the_order_of_completion() -> None:
    desk = Desk().start().place(BUY, OTHER, SELL)
    assert desk.sent() == [BUY, OTHER, SELL]
    desk.tell(accepted(SELL), cancelled(SELL), accepted(BUY), filled(OTHER))
    assert [desk.life(one) for one in (SELL, BUY, OTHER)] == [[OPEN, CANCELLED], [OPEN], [FILLED]]


def test_rule_1_an_order_is_sent_once_however_often_it_is_handed_over() -> None:
    desk = Desk().start().place(BUY, BUY)
    desk.tell(accepted(BUY)).place(BUY)
    desk.tell(filled(BUY)).place(BUY)
    assert desk.sent() == [BUY]
    assert desk.journaled(BUY).status is FILLED


def test_rule_1_cancels_go_out_only_for_what_lives() -> None:
    desk = Desk().start().open(BUY, OTHER)
    desk.sent()
    desk.cancel(BUY).tell(CancelOrder("stranger"), cancelled(BUY)).cancel(BUY)
    assert desk.sent() == [BUY.client_order_id]


class Trader(Recorder):
    """Somebody who places orders."""


def test_rule_2_a_symbol_that_was_never_configured_crashes_the_sender_and_no_order_leaves() -> None:
    order = make_order(1, symbol="NEVERQ")
    desk = Desk().start()
    trader = desk.system.start(Trader(), names.trader(ACCOUNT, "NEVERQ", 1))
    ends: list[Any] = []
    desk.system.on_down(trader, ends.append)
    desk.place(order, BUY)
    assert desk.sent() == [BUY]
    assert "never configured" in str(ends[0].reason)
    assert desk.life(order) == [REJECTED]
    assert desk.manager.is_alive()


def test_rule_3_an_open_that_timed_out_is_unknown_not_failed_and_is_found() -> None:
    desk = Desk().start().place(BUY)
    desk.client.reports[BUY.client_order_id] = report(BUY, PARTLY, "4", filled(BUY, "4"))
    desk.wait(9.9)
    assert desk.life(BUY) == []
    desk.wait(0.1)
    assert desk.life(BUY) == [UNKNOWN]
    desk.wait(1)
    assert desk.life(BUY) == [UNKNOWN, OPEN, PARTLY]
    assert desk.sent() == [BUY]  # and never again
    desk.asked()
    assert desk.wait(600).asked() == []


def test_rule_3_it_is_asked_for_with_growing_pauses() -> None:
    desk = Desk().start(never_placed_after_s=1000.0).place(BUY).wait(10)
    moments = [0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5]
    for number, moment in enumerate(moments):
        waited = moment - (moments[number - 1] if number else 0)
        assert desk.wait(waited - 0.1).asked() == []
        assert desk.wait(0.1).asked() == [BUY.client_order_id]


def test_rule_3_not_found_once_proves_nothing_but_again_and_again_past_the_deadline_it_was_never_placed() -> None:
    desk = Desk().start(never_placed_after_s=20.0).place(BUY).wait(10)
    desk.wait(20)
    assert len(desk.asked()) >= 3
    assert desk.life(BUY) == [UNKNOWN]
    desk.wait(10)
    assert desk.life(BUY) == [UNKNOWN, REJECTED]
    assert desk.last(BUY).reason == NEVER_PLACED


def test_rule_3_found_at_last_after_many_not_founds_it_is_adopted() -> None:
    desk = Desk().start(never_placed_after_s=20.0).place(BUY).wait(20)
    desk.client.reports[BUY.client_order_id] = report(BUY, OPEN)
    assert desk.wait(10).life(BUY) == [UNKNOWN, OPEN]


def test_rule_3_an_answer_that_took_long_says_how_it_was_when_it_was_asked() -> None:
    desk = Desk().start(never_placed_after_s=20.0, request_timeout_s=1.0).place(BUY).wait(1.6).wait(1)
    desk.client.is_mute = True
    desk.wait(3)
    assert len(desk.asked()) == 3
    desk.wait(20)  # the third question was asked early, and is answered late
    (question,) = desk.client.questions
    question.reply(report(BUY, None))
    desk.system.run_until_idle()
    assert desk.life(BUY) == [UNKNOWN]


def test_rule_3_what_is_not_known_stays_tracked_while_the_exchange_cannot_be_asked() -> None:
    desk = Desk().start(never_placed_after_s=5.0).place(BUY)
    desk.client.is_mute = True
    desk.wait(300)
    assert desk.life(BUY) == [UNKNOWN]
    desk.client.is_mute = False
    assert desk.wait(90).life(BUY) == [UNKNOWN, REJECTED]


def test_rule_3_an_order_that_was_once_on_the_book_is_never_taken_for_one_that_was_not_placed() -> None:
    desk = Desk().start(never_placed_after_s=5.0).open(BUY)
    desk.tell(cancel_refused(BUY)).wait(500)
    assert desk.life(BUY) == [OPEN, UNKNOWN]
    desk.client.reports[BUY.client_order_id] = report(BUY, OPEN)
    assert desk.wait(20).life(BUY) == [OPEN, UNKNOWN, OPEN]


def test_an_order_that_no_question_finds_for_ten_minutes_is_lost(logs: list[Any]) -> None:
    desk = Desk().start().open(BUY).tell(cancel_refused(BUY)).wait(630)
    assert desk.life(BUY) == [OPEN, UNKNOWN, EXPIRED]
    assert [entry["log_level"] for entry in logs if entry["event"] == "order is lost"] == ["error"]


def test_rule_3_a_cancel_that_timed_out_leaves_the_order_open_and_is_sent_again_until_it_is_over() -> None:
    desk = Desk().start().open(BUY)
    desk.sent()
    desk.client.reports[BUY.client_order_id] = report(BUY, OPEN)
    desk.cancel(BUY, BUY)
    assert desk.sent() == [BUY.client_order_id]
    for pause in (5, 10, 20, 40, 60, 60):
        assert desk.wait(pause - 0.1).sent() == []
        assert desk.wait(0.1).sent() == [BUY.client_order_id]
        assert desk.asked() == [BUY.client_order_id]
    assert desk.life(BUY) == [OPEN]
    desk.tell(cancelled(BUY))
    assert desk.wait(600).sent() == []
    assert desk.system.due_ns is None


def test_rule_4_a_late_answer_after_a_timeout_still_counts() -> None:
    for late, ends in ((accepted(BUY), [OPEN]), (filled(BUY), [FILLED]), (rejected(BUY), [REJECTED])):
        desk = Desk().start().place(BUY).wait(10.2).tell(late)
        assert desk.life(BUY) == [UNKNOWN, *ends]


def test_rule_4_a_late_not_sent_counts_too_and_an_exit_is_left_to_its_trader() -> None:
    for order in (BUY, SELL):
        desk = Desk().start().place(order).wait(10.2).tell(not_sent(order))
        assert desk.life(order) == [UNKNOWN, REJECTED]
        desk.sent()
        assert desk.wait(100).sent() == []


def test_a_not_sent_of_what_the_exchange_has_spoken_of_says_nothing() -> None:
    desk = Desk().start(reconcile_interval_s=None).place(BUY, OTHER)
    desk.tell(accepted(BUY), not_sent(BUY), filled(OTHER, "4"), unknown(OTHER), not_sent(OTHER))
    assert (desk.life(BUY), desk.life(OTHER)) == ([OPEN], [PARTLY, UNKNOWN])


def test_an_answer_that_comes_twice_or_after_an_unknown_changes_nothing_more() -> None:
    desk = Desk().start().place(BUY).tell(unknown(BUY), unknown(BUY), accepted(BUY), accepted(BUY))
    assert desk.life(BUY) == [UNKNOWN, OPEN]


def test_rule_5_nothing_left_is_a_full_fill_and_a_refusal_carries_its_reason() -> None:
    desk = Desk().start().place(BUY, OTHER)
    desk.tell(filled(BUY, "4", "1"), filled(BUY, "6", "2"), rejected(OTHER, "Filter failure: LOT_SIZE"))
    assert desk.life(BUY) == [PARTLY, FILLED]
    assert desk.journaled(OTHER).reason == "Filter failure: LOT_SIZE"


def test_rule_5_an_unknown_symbol_in_an_answer_is_logged_once_and_filtered(logs: list[Any]) -> None:
    desk = Desk().start().place(BUY)
    stranger = make_order(1, symbol="NEVERQ")
    desk.tell(accepted(stranger), filled(stranger), accepted(BUY))
    assert desk.life(BUY) == [OPEN]
    assert desk.life(stranger) == []
    assert [entry["symbol"] for entry in logs if "never configured" in entry["event"]] == ["NEVERQ"]


def test_rule_6_shutdown_takes_no_requests_and_waits_for_those_in_flight() -> None:
    desk = Desk().start().place(BUY)
    answers: list[Any] = []
    asker = desk.system.start(_Asker(answers), "asker")
    asker.tell(desk.manager)
    desk.system.run_until_idle()
    assert answers == []
    desk.place(OTHER)
    assert desk.sent() == [BUY]
    assert desk.life(OTHER) == [REJECTED]
    told = [one for one in desk.ear.take() if isinstance(one, EntriesHeld)]
    assert told == [EntriesHeld(ACCOUNT, None, DRAINING)]  # so that no trader tries again and again
    desk.tell(accepted(BUY))
    assert answers == [None]


def test_rule_6_shutdown_waits_no_longer_than_an_order_may_take() -> None:
    desk = Desk().start().place(BUY)
    answers: list[Any] = []
    desk.system.start(_Asker(answers), "asker").tell(desk.manager)
    desk.system.run_until_idle()
    desk.wait(10)
    assert (answers, desk.journaled(BUY).status) == ([None], UNKNOWN)


def test_what_was_asked_before_the_start_was_done_is_done_before_what_is_asked_then() -> None:
    """Else a desk that asks whether an account drains is told that it does not, and nobody closes it (95006065)."""
    desk, views = Desk(), list[Any]()
    drain, look = (Call(message, views.append, views.append) for message in (Drain(), AskExecution()))

    def answer(message: Any) -> Any:
        manager = desk.system.whereis(names.execution_manager(ACCOUNT))
        assert manager is not None
        manager.tell(drain)
        desk.client.caller().reply(desk.client.answer(message))
        manager.tell(look)
        return DEFERRED

    desk.client.on_receive = answer  # type: ignore[method-assign]  # it answers just so, once
    desk.start()
    assert [view and view.is_draining for view in views] == [None, True]


class _Asker(Recorder):
    def __init__(self, answers: list[Any]) -> None:
        super().__init__()
        self._got = answers

    def on_receive(self, message: Any) -> None:
        self.request(message, Drain(), self._got.append, 60)
