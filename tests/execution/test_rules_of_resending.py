"""The execution manager: exits that did not leave, symbols that are cleared, its start (execution.md)."""

from typing import Any

import pytest

from naive_daemon.domain.side import Side
from naive_daemon.execution.clearing import ClearAgain
from naive_daemon.execution.client import SEND_WITHIN_S, TOO_LATE, SendOrder
from naive_daemon.execution.journal_messages import OpenOrder
from naive_daemon.execution.messages import CancelSymbol, Drain, ExecutionStarted, LeaveSymbol
from naive_daemon.execution.sending import Overdue
from naive_daemon.otp import StartFailedError
from tests.execution.desk import (
    ACCOUNT,
    CANCELLED,
    EXPIRED,
    IN_FLIGHT,
    OPEN,
    REJECTED,
    UNKNOWN,
    Desk,
    accepted,
    cancelled,
    expired,
    make_order,
    not_sent,
    report,
)

BUY, OTHER = make_order(1), make_order(2)
SELL = make_order(1, Side.SELL)


# What was not sent ---------------------------------------------------------------------------------------------------


def test_an_exit_that_was_not_sent_goes_out_again_with_the_same_id_and_growing_pauses() -> None:
    desk = Desk().start().place(SELL)
    assert desk.sent() == [SELL]
    for pause in (1, 2, 4, 8, 16, 30, 30):
        desk.tell(not_sent(SELL))
        assert desk.wait(pause - 0.1).sent() == []
        assert desk.wait(0.1).sent() == [SELL]
    desk.tell(accepted(SELL))
    assert desk.life(SELL) == [OPEN]
    assert desk.wait(600).sent() == []


def test_an_entry_that_is_read_when_its_time_is_over_is_refused_and_an_exit_has_its_time_anew() -> None:
    desk = Desk().start()
    now_s = desk.clock.monotonic_s()
    desk.tell(OpenOrder(OTHER, until_s=now_s + 0.5), OpenOrder(BUY, until_s=now_s), OpenOrder(SELL, until_s=now_s))
    assert desk.client.told == [SendOrder(OTHER, now_s + 0.5), SendOrder(SELL, now_s + SEND_WITHIN_S)]
    assert desk.journaled(BUY).reason == TOO_LATE


def test_an_exit_waits_as_long_as_the_exchange_says() -> None:
    desk = Desk().start().place(SELL).tell(not_sent(SELL, 60.0))
    desk.sent()
    assert desk.wait(59.9).sent() == []
    assert desk.wait(0.1).sent() == [SELL]


def test_a_not_sent_that_comes_twice_sends_once() -> None:
    desk = Desk().start().place(SELL).tell(not_sent(SELL), not_sent(SELL))
    assert desk.sent() == [SELL]
    assert desk.wait(8).sent() == [SELL]


def test_an_exit_that_did_not_leave_waits_on_though_its_time_was_over_in_the_same_moment() -> None:
    desk = Desk().start().place(SELL)
    desk.manager.tell(not_sent(SELL))
    desk.tell(Overdue(SELL.client_order_id))  # it had fired before the timer was stopped
    desk.sent()
    assert desk.wait(1).sent() == [SELL]
    assert desk.life(SELL) == []


def test_an_exit_that_was_sent_again_and_timed_out_is_unknown_and_not_sent_a_third_time() -> None:
    desk = Desk().start().place(SELL).tell(not_sent(SELL)).wait(1)
    assert desk.sent() == [SELL, SELL]
    assert desk.wait(15).life(SELL) == [UNKNOWN]
    assert desk.sent() == []


def test_an_entry_that_was_not_sent_is_refused() -> None:
    desk = Desk().start().place(BUY).tell(not_sent(BUY))
    assert desk.life(BUY) == [REJECTED]
    assert desk.last(BUY).reason == "not sent: no way out"
    desk.sent()
    assert desk.wait(100).sent() == []


def test_a_cancel_of_an_exit_that_waits_to_be_sent_ends_it_here() -> None:
    desk = Desk().start().place(SELL).tell(not_sent(SELL)).cancel(SELL)
    assert desk.life(SELL) == [CANCELLED]
    assert desk.wait(100).sent() == [SELL]


def test_an_exit_that_was_cancelled_on_its_way_and_did_not_leave_is_not_sent_again() -> None:
    desk = Desk().start().place(SELL).cancel(SELL).tell(not_sent(SELL))
    assert desk.life(SELL) == [CANCELLED]
    assert desk.wait(100).sent() == [SELL, SELL.client_order_id]


def test_an_exit_that_waits_is_not_sent_by_a_daemon_that_ends() -> None:
    desk = Desk().start().place(SELL).tell(not_sent(SELL))
    desk.sent()
    assert desk.system.ask(desk.manager, Drain()) is None
    assert desk.wait(10).sent() == []
    assert desk.journaled(SELL).status is IN_FLIGHT  # the next start asks for it


def test_what_comes_after_the_drain_is_told_that_the_account_is_closed_and_not_the_daemon() -> None:
    """The daemon may go on with all its other accounts (`account disable`)."""
    desk = Desk().start()
    desk.system.ask(desk.manager, Drain())
    assert desk.place(SELL).journaled(SELL).reason == "the account is being closed"
    assert desk.sent() == []


def test_without_a_client_an_order_is_rejected_and_not_forgotten() -> None:
    desk = Desk().start()
    desk.system.terminate(desk.client.ref, 1)
    assert desk.place(BUY).life(BUY) == [REJECTED]


# Symbols that are cleared --------------------------------------------------------------------------------------------


def test_a_symbol_is_cleared_until_nothing_lives_there() -> None:
    elsewhere = make_order(3, symbol="BBBQ")
    desk = Desk().start().open(BUY, OTHER, elsewhere)
    desk.sent()
    desk.tell(CancelSymbol("AAAQ"))
    assert desk.sent() == [BUY.client_order_id, OTHER.client_order_id]
    desk.tell(cancelled(BUY)).place(SELL)  # it was on its way here
    assert desk.sent() == [SELL, SELL.client_order_id]
    desk.tell(cancelled(OTHER), cancelled(SELL)).wait(60)
    assert desk.sent() == []
    assert desk.place(make_order(4)).sent() == [make_order(4)]
    assert desk.journaled(elsewhere).status is OPEN


def test_a_symbol_that_is_traded_again_is_cleared_no_more_also_when_its_timer_has_fired_already() -> None:
    desk = Desk().start().open(BUY).tell(CancelSymbol("AAAQ"))
    desk.system.suspend(desk.manager, 60)
    desk.wait(5)
    desk.manager.tell(LeaveSymbol("AAAQ"))
    desk.system.resume(desk.manager)
    desk.client.reports[BUY.client_order_id] = report(BUY, CANCELLED)
    desk.tell(cancelled(BUY)).open(OTHER)
    desk.sent()
    assert desk.wait(100).sent() == []


def test_a_timer_that_has_fired_before_its_symbol_is_traded_again_is_late() -> None:
    desk = Desk().start().open(BUY).tell(CancelSymbol("AAAQ"), LeaveSymbol("AAAQ"))
    desk.tell(cancelled(BUY)).open(OTHER)
    desk.sent()
    manager: Any = desk.manager._actor
    manager.on_receive(ClearAgain("AAAQ"))  # what the timer has told, read behind LeaveSymbol
    desk.system.run_until_idle()
    assert desk.wait(100).sent() == []


# Start ---------------------------------------------------------------------------------------------------------------


def test_it_says_that_it_has_started_and_does_not_start_without_knowing_what_the_exchange_has() -> None:
    desk = Desk().start()
    assert desk.switches.take() == [ExecutionStarted(ACCOUNT)]
    desk.crash()
    desk.system.terminate(desk.client.ref, 1)
    with pytest.raises(StartFailedError, match="does not say what it has"):
        desk.start()


def test_an_expiry_is_an_end_like_others() -> None:
    assert Desk().start().open(BUY).tell(expired(BUY)).life(BUY) == [OPEN, EXPIRED]
