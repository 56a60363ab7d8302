"""Limits and safety by the execution manager (execution.md, "Limits and safety"): entries are refused, never exits."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import AskMarketHealth, MarketHealth
from naive_daemon.domain.limits import KillCancel, KillSwitch, RiskLimits, Safeguards
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import SEND_WITHIN_S, ClientTrouble, MarketStatus, Reconnecting
from naive_daemon.execution.gatekeeper import Gatekeeper
from naive_daemon.execution.journal_messages import RecordCycles
from naive_daemon.execution.journal_store import CycleRecorded, RiskJournal
from naive_daemon.execution.messages import EntriesHeld, EntriesReviewed, KillSwitchObeyed
from naive_daemon.execution.risk import NS_PER_DAY, RiskBook
from naive_daemon.otp import Actor
from tests.execution.desk import (
    ACCOUNT,
    MIDNIGHT_NS,
    OPEN,
    REJECTED,
    START_NS,
    UNKNOWN,
    Desk,
    accepted,
    cancel_refused,
    cancelled,
    filled,
    make_cycle,
    make_order,
    rejected,
    there,
)
from tests.trading.recorder import Recorder

BUY, OTHER, THIRD = make_order(1), make_order(2), make_order(3)
SELL = make_order(1, Side.SELL)
ELSEWHERE, OTHER_ASSET = make_order(4, symbol="BBBQ"), make_order(5, symbol="CCCZ")


def limited(**limits: Any) -> Safeguards:
    return Safeguards(limits={ACCOUNT: RiskLimits(**limits)})


def switched(revision: int, cancel: KillCancel = KillCancel.NOTHING, *, is_on: bool = True) -> Safeguards:
    return Safeguards(kill_switch=KillSwitch(is_on=is_on, cancel=cancel, reason="drill", revision=revision))


def reasons(desk: Desk, *orders: Order) -> list[str | None]:
    """Place orders, and give why each was refused; None for one that went out."""
    desk.place(*orders)
    return [desk.journaled(order).reason for order in orders]


def test_max_open_orders_counts_what_lives_and_has_room_again_when_an_order_ends() -> None:
    desk = Desk().start().tell(limited(max_open_orders=2)).open(BUY, SELL)
    assert reasons(desk, OTHER, make_order(2, Side.SELL)) == ["limit max_open_orders=2: 2 are open", None]
    desk.tell(cancelled(BUY), cancelled(SELL))
    assert desk.heard()[-1] == ("AAAQ", "limit max_open_orders=2: 2 are open")
    desk.wait(5)
    assert desk.heard() == [("AAAQ", None)]
    assert reasons(desk, THIRD) == [None]


def test_max_open_orders_of_none_at_all_lets_an_account_sell_and_buy_nothing() -> None:
    desk = Desk().start().tell(limited(max_open_orders=0))
    assert reasons(desk, BUY, SELL) == ["limit max_open_orders=0: 0 are open", None]


def test_max_symbol_at_risk_counts_what_buys_cost_until_their_cycles_have_ended() -> None:
    desk = Desk().start().tell(limited(max_symbol_at_risk=Decimal(40))).open(BUY, OTHER)
    refusal = "limit max_symbol_at_risk=40: 40 Q at risk, 20 more wanted"
    assert reasons(desk, THIRD, ELSEWHERE) == [refusal, None]
    desk.tell(filled(BUY, price="1")).wait(5)  # bought for 10 less than it might have cost: not enough
    assert desk.held() == {"AAAQ": refusal}
    desk.end_cycles(make_cycle(BUY, "1")).wait(5)
    assert reasons(desk, make_order(7)) == [None]


def test_max_account_at_risk_adds_up_over_the_symbols_of_one_quote_asset() -> None:
    desk = Desk().start().tell(limited(max_account_at_risk=Decimal(40))).open(BUY, ELSEWHERE)
    refusal = "limit max_account_at_risk=40: 40 Q at risk, 20 more wanted"
    assert reasons(desk, OTHER, OTHER_ASSET, SELL) == [refusal, None, None]


def test_a_buy_that_ended_without_any_fill_risks_nothing_and_one_with_some_what_it_cost() -> None:
    desk = Desk().start().tell(limited(max_symbol_at_risk=Decimal(30))).open(BUY)
    desk.tell(filled(BUY, "4"), cancelled(BUY))  # 8 of 20
    assert reasons(desk, OTHER) == [None]
    desk.tell(rejected(OTHER))
    assert reasons(desk, THIRD) == [None]


def test_what_is_at_risk_is_known_again_after_a_restart() -> None:
    cycles = [make_cycle(BUY)]
    desk = Desk(cycles=cycles).start().open(BUY)
    desk.crash()
    desk.start().tell(limited(max_symbol_at_risk=Decimal(30)))
    assert reasons(desk, OTHER) == ["limit max_symbol_at_risk=30: 20 Q at risk, 20 more wanted"]


def test_max_orders_per_min_counts_exits_too_and_refuses_only_entries() -> None:
    desk = Desk().start().tell(limited(max_orders_per_min=2)).place(SELL).wait(30).place(BUY)
    refusal = "limit max_orders_per_min=2: so many were sent in the last minute"
    assert reasons(desk, OTHER, make_order(2, Side.SELL)) == [refusal, None]
    desk.wait(29.9)
    assert desk.held() == {"AAAQ": refusal}
    desk.wait(70)
    assert desk.held() == {}
    assert reasons(desk, THIRD) == [None]


def test_orders_of_the_last_minute_count_though_no_limit_was_set_then_and_after_a_restart() -> None:
    refusal = "limit max_orders_per_min=2: so many were sent in the last minute"
    desk = Desk().start().open(BUY, SELL).wait(30).tell(limited(max_orders_per_min=2))
    assert reasons(desk, OTHER) == [refusal]
    desk.crash()
    desk.start().tell(limited(max_orders_per_min=2))
    assert reasons(desk, THIRD) == [refusal]
    desk.wait(95)
    assert desk.held() == {}
    assert reasons(desk, make_order(7)) == [None]


def test_a_symbol_that_is_held_by_a_limit_is_released_for_what_is_wanted_now() -> None:
    desk = Desk().start().tell(limited(max_symbol_at_risk=Decimal(15)))
    assert reasons(desk, BUY) == ["limit max_symbol_at_risk=15: 0 Q at risk, 20 more wanted"]
    less = msgspec.structs.replace(OTHER, quantity=Decimal(5))
    assert reasons(desk, less) == ["limit max_symbol_at_risk=15: 0 Q at risk, 20 more wanted"]
    desk.wait(5)
    assert desk.held() == {}


def test_a_loss_of_today_counts_though_the_clock_has_shown_tomorrow_and_one_of_tomorrow_until_then() -> None:
    book = RiskBook(lambda _: "Q")
    book.limits = RiskLimits(max_daily_loss=Decimal(10))
    book.take_end(make_cycle(make_order(1), "-10", START_NS))
    assert book.refusal(BUY, 0, START_NS + NS_PER_DAY) is None
    assert book.refusal(BUY, 0, START_NS) == "limit max_daily_loss=10: 10 Q lost since midnight UTC"
    book.take_end(make_cycle(make_order(2), "-3", START_NS + NS_PER_DAY))
    assert book.refusal(BUY, 0, START_NS) == "limit max_daily_loss=10: 13 Q lost since midnight UTC"


def test_orders_that_were_sent_while_the_clock_was_ahead_keep_nobody_waiting_once_it_is_set_back() -> None:
    book = RiskBook(lambda _: "Q")
    book.limits = RiskLimits(max_orders_per_min=1)
    book.take_sent(START_NS + NS_PER_DAY)
    assert book.refusal(BUY, 0, START_NS + NS_PER_DAY) is not None
    assert book.refusal(BUY, 0, START_NS) is None


def test_max_daily_loss_counts_from_midnight_utc() -> None:
    desk = Desk().start().tell(limited(max_daily_loss=Decimal(10)))
    desk.end_cycles(make_cycle(OTHER, "-9")).end_cycles(make_cycle(THIRD, "-1", finished_ns=desk.clock.now_ns()))
    refusal = "limit max_daily_loss=10: 10 Q lost since midnight UTC"
    assert reasons(desk, BUY, OTHER_ASSET, SELL) == [refusal, None, None]
    desk.wait((MIDNIGHT_NS - desk.clock.now_ns()) / NS_PER_S - 1)
    assert desk.held() == {"AAAQ": refusal}
    desk.wait(6)
    assert desk.held() == {}
    yesterdays = make_cycle(make_order(8), "-50", finished_ns=MIDNIGHT_NS - 1)
    assert reasons(desk.end_cycles(yesterdays), make_order(9)) == [None]


def test_what_today_has_brought_is_known_again_after_a_restart() -> None:
    ended = [make_cycle(OTHER, "-10"), make_cycle(THIRD, "-99", finished_ns=MIDNIGHT_NS - 25 * 3_600 * NS_PER_S)]
    desk = Desk(cycles=ended).start().tell(limited(max_daily_loss=Decimal(10)))
    assert reasons(desk, BUY) == ["limit max_daily_loss=10: 10 Q lost since midnight UTC"]


@pytest.mark.parametrize(("yesterday", "today", "refusal"), [("-10", "-9", None), ("50", "-10", "10")])
def test_what_yesterday_has_brought_counts_not_for_a_manager_whose_start_crosses_midnight(
    yesterday: str, today: str, refusal: str | None
) -> None:
    desk = Desk(cycles=[make_cycle(OTHER, yesterday)])
    desk.clock.advance_to(MIDNIGHT_NS - 1)
    load_risk = desk.store.load_risk

    def load_over_midnight(account: str, since_ns: int, sent_since_ns: int) -> RiskJournal:
        desk.clock.advance_to(MIDNIGHT_NS + 1)
        desk.store.write([CycleRecorded(make_cycle(THIRD, today, finished_ns=MIDNIGHT_NS + 1))])
        return load_risk(account, since_ns, sent_since_ns)

    desk.store.load_risk = load_over_midnight  # type: ignore[method-assign] # midnight passes while the real one reads
    desk.start().tell(limited(max_daily_loss=Decimal(10)))
    assert reasons(desk, BUY) == [refusal and f"limit max_daily_loss=10: {refusal} Q lost since midnight UTC"]


def test_a_cycle_that_ends_while_its_manager_starts_counts_once() -> None:
    """The journal has told of it, and what today has brought is read behind that."""
    desk = Desk()
    lost = RecordCycles((make_cycle(OTHER, "-6"),))
    desk.store.before_load = lambda: desk.system.tell(names.JOURNAL, lost)
    desk.start().tell(limited(max_daily_loss=Decimal(10)))
    assert reasons(desk, BUY) == [None]
    desk.end_cycles(make_cycle(THIRD, "-4"))
    assert reasons(desk, make_order(6)) == ["limit max_daily_loss=10: 10 Q lost since midnight UTC"]


def test_a_limit_that_is_raised_or_taken_away_lets_entries_out_at_once() -> None:
    for safeguards in (limited(max_open_orders=2), Safeguards()):
        desk = Desk().start().tell(limited(max_open_orders=1)).open(BUY).place(OTHER)
        assert list(desk.held()) == ["AAAQ"]
        desk.heard()
        assert ("AAAQ", None) in desk.tell(safeguards).heard()
        assert desk.held() == {}


def test_a_symbol_that_is_held_is_told_to_its_own_traders_and_to_the_switches_only() -> None:
    """A thousand symbols at a limit would else tell a million times what concerns nobody."""
    desk = Desk().start()
    elsewhere = Recorder()
    desk.system.start(elsewhere, "elsewhere")
    for topic in (names.entries(ACCOUNT), names.entries(ACCOUNT, "BBBQ")):
        desk.system.pubsub.subscribe(topic, elsewhere.ref)
    desk.tell(limited(max_open_orders=0)).place(BUY)
    held = EntriesHeld(ACCOUNT, "AAAQ", "limit max_open_orders=0: 0 are open")
    assert [one for one in elsewhere.take() if isinstance(one, EntriesHeld)] == []
    assert held in desk.switches.take()
    assert desk.heard() == [("AAAQ", held.reason)]


def test_refusals_are_counted_and_what_holds_is_shown() -> None:
    desk = Desk().start().tell(limited(max_open_orders=0)).place(BUY, OTHER, ELSEWHERE)
    view = desk.view()
    assert view.refusals == 3
    reason = "limit max_open_orders=0: 0 are open"
    assert view.held == (EntriesHeld(ACCOUNT, "AAAQ", reason), EntriesHeld(ACCOUNT, "BBBQ", reason))


def test_a_place_that_is_free_again_is_offered_to_as_many_as_there_is_room_for() -> None:
    """Else a thousand symbols would try for one place, and journal a refusal each, every few seconds."""
    desk = Desk().start().tell(limited(max_open_orders=2)).open(BUY, OTHER)
    desk.place(make_order(3), ELSEWHERE, OTHER_ASSET)
    assert len(desk.held()) == 3
    desk.tell(cancelled(BUY)).wait(5)
    assert list(desk.held()) == ["BBBQ", "CCCZ"]
    desk.tell(cancelled(OTHER)).wait(5)
    assert len(desk.held()) <= 1  # who was let out and wants no more keeps nobody waiting
    assert desk.wait(5).held() == {}


# Kill switch ---------------------------------------------------------------------------------------------------------


def obeyed(desk: Desk) -> list[int]:
    return [one.revision for one in desk.control.take() if isinstance(one, KillSwitchObeyed)]


def test_the_kill_switch_stops_entries_at_once_and_exits_go_on() -> None:
    desk = Desk().start().tell(switched(1))
    assert desk.heard()[0] == (None, "kill switch: drill")
    assert reasons(desk, BUY, ELSEWHERE, SELL) == ["kill switch: drill", "kill switch: drill", None]
    desk.tell(switched(2, is_on=False))
    assert desk.heard()[0] == (None, None)
    assert reasons(desk, OTHER) == [None]
    assert obeyed(desk) == [1, 2]


def test_the_kill_switch_is_confirmed_only_when_no_entry_is_on_its_way() -> None:
    for answer, last in ((accepted(BUY), OPEN), (rejected(BUY), REJECTED), (None, UNKNOWN)):
        desk = Desk().start().open(OTHER).place(BUY, SELL).tell(switched(1))
        assert obeyed(desk) == []
        if answer is None:
            desk.wait(10)
        else:
            desk.tell(answer)
        assert obeyed(desk) == [1]
        assert desk.journaled(BUY).status is last


def test_an_entry_that_its_cancel_overtook_is_waited_for_before_the_kill_switch_is_confirmed() -> None:
    """That it is not found proves nothing while its own answer is to come."""
    desk = Desk().start().place(BUY).cancel(BUY).tell(cancel_refused(BUY), switched(1)).wait(3)
    assert (desk.asked()[:1], obeyed(desk)) == ([BUY.client_order_id], [])
    desk.tell(accepted(BUY))
    assert (desk.life(BUY), obeyed(desk)) == ([OPEN], [1])


def test_a_fresh_manager_confirms_only_when_its_client_can_not_be_sending_what_a_predecessor_left() -> None:
    desk = Desk().start().place(BUY)
    desk.crash()
    desk.start().tell(switched(1))
    assert obeyed(desk) == []
    assert obeyed(desk.wait(SEND_WITHIN_S)) == [1]
    assert obeyed(desk.tell(switched(2))) == [2]


def test_so_does_the_next_one_though_the_order_was_asked_for_meanwhile_and_not_found() -> None:
    desk = Desk().start().place(BUY)
    desk.crash()
    desk.start().wait(1)
    assert desk.life(BUY) == [UNKNOWN]
    desk.crash()
    desk.start().tell(switched(1))
    assert obeyed(desk) == []
    assert obeyed(desk.wait(SEND_WITHIN_S)) == [1]


@pytest.mark.parametrize(
    ("cancel", "taken_off"),
    [
        (KillCancel.NOTHING, []),
        (KillCancel.ENTRIES, [BUY.client_order_id]),
    ],
)
def test_the_kill_switch_cancels_what_it_says(cancel: KillCancel, taken_off: list[str]) -> None:
    desk = Desk().start().open(BUY, OTHER, SELL).tell(filled(OTHER, "1"))
    desk.sent()
    desk.tell(switched(1, cancel))
    assert desk.sent() == taken_off


def test_what_the_kill_switch_cancels_is_cancelled_by_a_manager_that_starts_while_it_is_on() -> None:
    on = switched(1, KillCancel.ENTRIES)
    desk = Desk().start().open(BUY).tell(on, on)
    assert desk.sent() == [BUY, BUY.client_order_id]
    desk.crash()
    desk.client.rest(there(BUY))
    assert desk.start().tell(on).sent() == [BUY.client_order_id]
    assert obeyed(desk) == [1, 1, 1]


def test_entries_wait_until_the_kill_switch_has_been_read() -> None:
    desk = Desk().start(awaits_safeguards=True)
    assert reasons(desk, BUY, SELL) == ["the kill switch has not been read yet", None]
    desk.tell(Safeguards())
    assert reasons(desk, OTHER) == [None]


# Everything else that holds entries ----------------------------------------------------------------------------------


def test_a_halted_symbol_takes_no_entries_and_its_exits_are_tried() -> None:
    desk = Desk().start().tell(MarketStatus(ACCOUNT, frozenset({"AAAQ"})))
    assert reasons(desk, BUY, SELL, ELSEWHERE) == ["the exchange has halted AAAQ", None, None]
    desk.tell(MarketStatus(ACCOUNT, frozenset({"BBBQ"})))
    assert desk.heard() == [
        ("AAAQ", "the exchange has halted AAAQ"),
        ("AAAQ", None),
        ("BBBQ", "the exchange has halted BBBQ"),
    ]
    assert reasons(desk, OTHER) == [None]


class Market(Actor):
    """A live market without trades, which it has said before."""

    def init(self) -> None:
        self.subscribe(names.MARKET_HEALTH_ASKED)

    def on_receive(self, message: Any) -> None:
        assert message == AskMarketHealth()
        self.system.pubsub.publish(names.MARKET_HEALTH, MarketHealth(connected=False, reason="no trade for 30 s"))


def test_without_market_data_no_entry_leaves() -> None:
    desk = Desk().start()
    for health in (MarketHealth(connected=False, reason="no trade for 30 s"), MarketHealth(connected=True, reason="")):
        desk.system.pubsub.publish(names.MARKET_HEALTH, health)
        desk.system.run_until_idle()
    assert desk.heard() == [(None, "no trade for 30 s"), (None, None)]


def test_a_fresh_manager_has_the_market_say_again_how_it_is() -> None:
    desk = Desk().start()
    market = Market()
    desk.system.start(market)
    desk.crash()
    assert desk.start().held() == {None: "no trade for 30 s"}


@pytest.mark.parametrize("kind", ["credentials", "ban", "order limit", "clock"])
def test_the_clients_trouble_holds_entries_until_it_is_over(kind: Any) -> None:
    desk = Desk().start().tell(ClientTrouble(ACCOUNT, kind, "not today"), ClientTrouble(ACCOUNT, "clock", "off"))
    assert reasons(desk, BUY, SELL) == ["not today" if kind != "clock" else "off", None]
    desk.tell(ClientTrouble(ACCOUNT, kind, None), ClientTrouble(ACCOUNT, "clock", None))
    assert reasons(desk, OTHER) == [None]
    assert desk.heard()[-1] == (None, None)


def test_several_reasons_hold_until_the_last_is_gone_and_the_first_is_told() -> None:
    desk = Desk().start().tell(ClientTrouble(ACCOUNT, "ban", "banned"), switched(1))
    desk.tell(ClientTrouble(ACCOUNT, "ban", None))
    assert desk.held() == {None: "kill switch: drill"}
    assert desk.tell(switched(2, is_on=False)).held() == {}


@pytest.mark.parametrize("kind", ["credentials", "ban"])
def test_a_connection_that_is_lost_for_a_known_reason_is_told_with_that_reason(kind: Any) -> None:
    """A key that was revoked ends the event stream first; what somebody has to mend is the key."""
    desk = Desk().start().tell(Reconnecting(ACCOUNT, "closed"), ClientTrouble(ACCOUNT, kind, "not today"))
    assert [held.reason for held in desk.view().held] == ["not today"]
    desk.tell(ClientTrouble(ACCOUNT, kind, None))
    assert [held.reason for held in desk.view().held] == ["reconnecting to the exchange"]


def test_who_was_held_by_a_manager_that_has_crashed_is_told_what_holds_now() -> None:
    """A trader that waits for a release would else wait for ever: nobody is left who could release it."""
    desk = Desk().start().tell(limited(max_open_orders=1)).open(BUY).place(OTHER)
    desk.tell(ClientTrouble(ACCOUNT, "ban", "banned"))
    trader = _Held()
    desk.system.start(trader, "trader")
    desk.tell(limited(max_open_orders=1))
    assert trader.held == {None: "banned", "AAAQ": "limit max_open_orders=1: 1 are open"}
    desk.crash()
    desk.start()
    assert trader.held == {}


class _Held(Recorder):
    """Keeps what holds entries, as a trader does."""

    def init(self) -> None:
        self.subscribe(names.entries(ACCOUNT))
        self.subscribe(names.entries(ACCOUNT, "AAAQ"))
        self.held: dict[str | None, str] = {}

    def on_receive(self, message: Any) -> None:
        match message:
            case EntriesReviewed():
                self.held = dict(message.reasons)
            case EntriesHeld(_, symbol, None):
                self.held.pop(symbol, None)
            case EntriesHeld(_, symbol, reason):
                self.held[symbol] = reason


def test_a_limit_is_looked_at_no_more_often_however_often_the_safeguards_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Gatekeeper] = []
    look = Gatekeeper.look_at_limits
    monkeypatch.setattr(Gatekeeper, "look_at_limits", lambda gate: (looks.append(gate), look(gate)))
    desk = Desk().start().tell(limited(max_open_orders=0)).place(BUY)
    desk.tell(*[limited(max_open_orders=0)] * 10)
    looks.clear()
    desk.wait(20)
    assert len(looks) == 4
