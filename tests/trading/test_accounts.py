"""Many accounts in one daemon: they come and go while it trades, and what befalls one is nothing to the others."""

import random

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.limits import KillCancel
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.execution.messages import AccountFailed, Drain
from naive_daemon.trading.account_desk import OPENINGS_MAX
from naive_daemon.trading.account_life import LATE, OPEN_TIMEOUT_S
from naive_daemon.trading.account_messages import DrainAccounts, FlushAccounts
from tests.trading.accounts_plant import AccountsPlant
from tests.trading.table import ACCOUNT

MINUTE_NS = 60 * 10**9


@pytest.fixture
def plant() -> AccountsPlant:
    return AccountsPlant().trade_all()


def bought(plant: AccountsPlant) -> AccountsPlant:
    """Bring every account's trader to where its sell rests."""
    plant.trades("100", "99.8")
    assert {tuple(plant.shown_of(account)) for account in plant.accounts} == {("b1 99.90 filled", "s1 100.19 open")}
    return plant


def ruin(plant: AccountsPlant, name: names.Name) -> None:
    """Kill whoever has the name until nobody starts another."""
    for _ in range(100):
        if not plant.kill(name):
            return
        plant.settle()
    raise AssertionError("it never gives up")


def check_others_go_on(plant: AccountsPlant, before: dict[str, dict[object, object]]) -> None:
    """See that no process of the other accounts was started anew, and that their exits are filled."""
    for account, processes in before.items():
        assert plant.processes_of(account) == processes
        assert None not in processes.values()
    plant.trade("100.2")
    for account in before:
        assert plant.shown_of(account)[1] == "s1 100.19 filled"


def others_than(plant: AccountsPlant, account: str) -> dict[str, dict[object, object]]:
    return {other: plant.processes_of(other) for other in plant.accounts if other != account}


def test_accounts_that_are_added_while_trading_trade_each_its_own_orders(plant: AccountsPlant) -> None:
    assert {plant.condition(account).state for account in plant.accounts} == {"up"}
    bought(plant).trade("100.2")
    for account in plant.accounts:
        assert plant.shown_of(account)[:2] == ["b1 99.90 filled", "s1 100.19 filled"]
        plant.check_books(account)
    assert len({order.client_order_id for order in plant.journal.orders()}) == len(plant.journal.orders())


def test_symbols_of_an_account_that_nobody_lists_are_none_of_ours(plant: AccountsPlant) -> None:
    plant.on_of("stranger", "AAAQ")
    assert ("stranger", "AAAQ") not in plant.table.actual
    assert plant.system.whereis(names.symbol_supervisor("stranger", "AAAQ")) is None


def test_a_disabled_account_ends_with_its_symbols_and_its_orders_rest(plant: AccountsPlant) -> None:
    before = others_than(bought(plant), "second")
    plant.set_account("second", is_enabled=False)
    assert plant.condition("second").state == "off"
    assert set(plant.processes_of("second").values()) == {None}
    assert (plant.state_of("second"), plant.table.actual["second", "AAAQ"].last_error) == (
        "quarantined",
        "the account is disabled",
    )
    assert plant.table.rows["second", "AAAQ"].status is TradingStatus.ON
    check_others_go_on(plant, before)
    assert plant.shown_of("second") == ["b1 99.90 filled", "s1 100.19 open"]
    plant.set_account("second")
    assert (plant.condition("second").state, plant.state_of("second")) == ("up", "on")
    plant.trade("100.3")
    assert plant.shown_of("second")[1] == "s1 100.19 filled"
    plant.check_books("second")


def test_an_account_whose_row_is_removed_ends_and_nothing_of_it_is_cancelled(plant: AccountsPlant) -> None:
    bought(plant)
    row = plant.table.rows["second", "AAAQ"]
    plant.table.rows["second", "AAAQ"] = type(row)(
        account="second", symbol="AAAQ", status=row.status, trade=row.trade, stop_orders=RestingOrders.CANCEL
    )
    del plant.table.accounts["second"]
    plant.table.notify(("third", "AAAQ"))
    plant.settle()
    assert set(plant.processes_of("second").values()) == {None}
    assert plant.shown_of("second")[-1] == "s1 100.19 open"
    assert plant.state_of("third") == "on"


def test_an_account_that_somebody_else_trades_is_down_and_says_who(plant: AccountsPlant) -> None:
    plant.journal.held_elsewhere["fourth"] = "process 7 on elsewhere"
    plant.on_of("fourth", "AAAQ")
    plant.set_account("fourth")
    condition = plant.condition("fourth")
    assert (condition.state, condition.reason) == ("down", "traded by process 7 on elsewhere")
    assert condition.retry_at_ns == plant.clock.now_ns() + MINUTE_NS
    assert plant.table.actual["fourth", "AAAQ"].last_error == "traded by process 7 on elsewhere"
    assert "fourth" not in {settings.name for settings in plant.opener.seen}, "what is not ours is not touched"
    bought(plant)
    del plant.journal.held_elsewhere["fourth"]
    plant.wait(61)
    assert (plant.condition("fourth").state, plant.state_of("fourth")) == ("up", "on")


def test_an_account_that_may_not_be_traded_is_down_until_somebody_mends_it(plant: AccountsPlant) -> None:
    plant.opener.refused["fourth"] = "Binance refuses the API key: -2015"
    plant.on_of("fourth", "AAAQ")
    plant.set_account("fourth")
    state = plant.table.actual["fourth", "AAAQ"]
    assert (state.state, state.last_error) == ("quarantined", "Binance refuses the API key: -2015")
    pauses = []
    for _ in range(3):
        retry_ns = plant.condition("fourth").retry_at_ns
        assert retry_ns is not None
        pauses.append((retry_ns - plant.clock.now_ns()) // 10**9)
        plant.wait(pauses[-1])
    assert pauses == [60, 120, 240]
    plant.opener.refused.clear()
    plant.set_account("fourth")  # an operator touches its row
    assert (plant.condition("fourth").state, plant.state_of("fourth")) == ("up", "on")
    assert plant.orders_of("fourth") == []


def test_an_opening_that_hangs_is_given_up_and_what_it_brings_late_is_given_back(plant: AccountsPlant) -> None:
    plant.opener.hanging.add("fourth")
    plant.on_of("fourth", "AAAQ")
    plant.set_account("fourth")
    assert (plant.condition("fourth").state, plant.state_of("fourth")) == ("opening", "starting")
    bought(plant).trade("100.2")
    assert plant.shown_of("third")[1] == "s1 100.19 filled"
    plant.wait(OPEN_TIMEOUT_S + 1)
    assert (plant.condition("fourth").state, plant.condition("fourth").reason) == ("down", LATE)
    plant.set_account("fourth")
    assert plant.condition("fourth").reason == f"{LATE}, and still does not"
    plant.opener.let_go("fourth")
    plant.settle()
    assert plant.opener.opened("fourth") is None
    assert plant.condition("fourth").state == "down"
    plant.set_account("fourth")
    assert plant.state_of("fourth") == "on"


def test_an_account_that_is_disabled_while_it_is_opened_never_starts(plant: AccountsPlant) -> None:
    plant.opener.hanging.add("fourth")
    plant.set_account("fourth")
    plant.set_account("fourth", is_enabled=False)
    plant.opener.let_go("fourth")
    plant.settle()
    assert plant.condition("fourth").state == "off"
    assert plant.opener.opened("fourth") is None
    assert plant.system.whereis(names.client("fourth")) is None


@pytest.mark.parametrize("name", [names.client("second"), names.execution_manager("second"), names.account("second")])
def test_an_account_that_keeps_crashing_goes_down_alone_and_its_exits_rest(
    plant: AccountsPlant, name: names.Name
) -> None:
    before = others_than(bought(plant), "second")
    ruin(plant, name)
    condition = plant.condition("second")
    assert (condition.state, condition.reason) == ("down", "killed")
    assert condition.retry_at_ns == plant.clock.now_ns() + MINUTE_NS
    assert set(plant.processes_of("second").values()) == {None}
    assert plant.table.actual["second", "AAAQ"].last_error == "killed"
    assert plant.shown_of("second") == ["b1 99.90 filled", "s1 100.19 open"]
    check_others_go_on(plant, before)
    plant.wait(60)
    assert (plant.condition("second").state, plant.state_of("second")) == ("up", "on")
    plant.trade("100.3")
    assert plant.shown_of("second")[1] == "s1 100.19 filled"
    plant.check_books("second")


def test_an_account_whose_key_is_revoked_goes_down_with_that_reason(plant: AccountsPlant) -> None:
    before = others_than(bought(plant), "second")
    plant.system.tell(names.ACCOUNT_DESK, AccountFailed("second", "Binance refuses the API key: -2015"))
    plant.settle()
    assert plant.condition("second").reason == "Binance refuses the API key: -2015"
    assert set(plant.processes_of("second").values()) == {None}
    assert plant.opener.opened("second") is None
    check_others_go_on(plant, before)
    plant.set_account("second")
    assert plant.state_of("second") == "on"


def test_a_stop_that_is_taken_back_while_the_account_is_down_cancels_nothing(plant: AccountsPlant) -> None:
    bought(plant).opener.refused["second"] = "the exchange is away"
    plant.system.tell(names.ACCOUNT_DESK, AccountFailed("second", "the exchange is away"))
    plant.settle()
    for status, orders in ((TradingStatus.OFF, RestingOrders.CANCEL), (TradingStatus.ON, RestingOrders.KEEP)):
        plant.table.set("AAAQ", status, stop=orders, account="second")
        plant.settle()
    plant.opener.refused.clear()
    plant.set_account("second")
    plant.wait(5)
    assert (plant.state_of("second"), plant.shown_of("second")) == ("on", ["b1 99.90 filled", "s1 100.19 open"])


def test_other_credentials_open_the_account_anew(plant: AccountsPlant) -> None:
    before = plant.processes_of("second")
    plant.set_account("second", credentials="env:FRESH")
    assert plant.opener.seen[-1] == plant.table.accounts["second"]
    after = plant.processes_of("second")
    assert None not in after.values()
    assert not set(before.values()) & set(after.values())
    plant.set_account("second", credentials="env:FRESH")
    assert plant.processes_of("second") == after


def test_the_configured_account_is_traded_whatever_the_table_says(plant: AccountsPlant) -> None:
    before = plant.processes_of(ACCOUNT)
    plant.set_account(ACCOUNT, is_enabled=False, credentials="env:OTHER")
    assert plant.processes_of(ACCOUNT) == before
    assert plant.condition(ACCOUNT).state == "up"


def test_every_account_confirms_the_kill_switch_and_one_that_comes_later_obeys_it(plant: AccountsPlant) -> None:
    plant.table.set_kill_switch(is_on=True, reason="drill")
    plant.settle()
    assert set(plant.table.kill_switch_seen) == {ACCOUNT, "second", "third"}
    plant.on_of("fourth", "AAAQ")
    plant.set_account("fourth")
    assert plant.table.kill_switch_seen["fourth"] == 1
    plant.trades("100", "99.8")
    assert {order.status.value for order in plant.journal.orders()} <= {"rejected"}
    assert plant.table.actual["fourth", "AAAQ"].held == "kill switch: drill"


def test_an_account_that_is_down_needs_no_word_of_its_own_to_obey_the_kill_switch(plant: AccountsPlant) -> None:
    ruin(bought(plant), names.client("second"))
    plant.table.set_kill_switch(is_on=True)
    plant.settle()
    assert plant.table.kill_switch_seen["second"] == 0, "what its client was given may still leave"
    plant.wait(SEND_WITHIN_S)
    assert plant.table.kill_switch_seen["second"] == 1, "no entry can leave it"
    plant.table.set_kill_switch(is_on=True, cancel=KillCancel.ENTRIES)
    plant.settle()
    assert plant.table.kill_switch_seen["third"] == 2
    assert plant.table.kill_switch_seen["second"] == 1, "nor can anything be cancelled on it yet"
    plant.wait(60)
    assert plant.table.kill_switch_seen["second"] == 2


def test_an_account_that_is_being_opened_obeys_the_kill_switch_without_a_word_of_its_own(plant: AccountsPlant) -> None:
    plant.opener.hanging.add("fourth")
    plant.on_of("fourth", "AAAQ")
    plant.set_account("fourth")
    plant.table.set_kill_switch(is_on=True, reason="drill")
    plant.wait(SEND_WITHIN_S)
    assert plant.condition("fourth").state == "opening"
    assert plant.table.kill_switch_seen["fourth"] == 1, "whoever waits for all that are traded waits for no opening"
    plant.opener.let_go("fourth")
    plant.settle()
    plant.trades("100", "99.8")
    assert {order.status.value for order in plant.orders_of("fourth")} <= {"rejected"}


def test_a_desk_that_is_started_again_adopts_what_runs(plant: AccountsPlant) -> None:
    before = others_than(bought(plant), "")
    plant.kill(names.ACCOUNT_DESK)
    plant.settle()
    assert {plant.condition(account).state for account in plant.accounts} == {"up"}
    plant.set_account("fourth")
    assert plant.condition("fourth").state == "up"
    check_others_go_on(plant, before)


def test_a_desk_that_died_while_it_closed_an_account_finishes_that_before_it_is_traded_again(
    plant: AccountsPlant,
) -> None:
    before = plant.processes_of("second")
    plant.table.set_kill_switch(is_on=True)
    plant.system.ask(names.execution_manager("second"), Drain())  # as the desk does; and it was wanted again since
    plant.kill(names.ACCOUNT_DESK)
    plant.settle()
    after = plant.processes_of("second")
    assert None not in after.values()
    assert not set(before.values()) & set(after.values())
    plant.table.set_kill_switch(is_on=False)
    bought(plant)


def test_switches_that_are_started_again_know_the_accounts(plant: AccountsPlant) -> None:
    before = others_than(bought(plant), "")
    plant.kill(names.SWITCHES)
    plant.settle()
    check_others_go_on(plant, before)
    plant.set_account("second", is_enabled=False)
    assert plant.state_of("second") == "quarantined"


def test_accounts_whose_supervisor_dies_come_back_with_all_that_they_traded(plant: AccountsPlant) -> None:
    bought(plant)
    plant.kill(names.ACCOUNTS)
    plant.wait(1)
    assert {plant.state_of(account) for account in plant.accounts} == {"on"}
    plant.trade("100.2")
    for account in plant.accounts:
        assert plant.shown_of(account)[1] == "s1 100.19 filled"
        plant.check_books(account)


def test_a_new_process_takes_all_accounts_up_again(plant: AccountsPlant) -> None:
    bought(plant).die()
    plant.start()
    plant.wait(1)
    assert {plant.state_of(account) for account in plant.accounts} == {"on"}
    plant.trade("100.2")
    assert {plant.shown_of(account)[1] for account in plant.accounts} == {"s1 100.19 filled"}


def test_a_thousand_accounts_added_at_once_are_opened_a_few_at_a_time_while_the_others_trade(
    plant: AccountsPlant,
) -> None:
    crowd = [f"crowd-{number:03}" for number in range(1_000)]
    plant.opener.hanging |= set(crowd[:20])
    for account in crowd:
        plant.table.accounts[account] = AccountSettings(name=account)
    plant.table.set_account(AccountSettings(name=crowd[0]))
    bought(plant)
    plant.wait(1)
    assert plant.opener.most_waiting == OPENINGS_MAX, "those that hang fill the room"
    plant.trade("100.2")
    assert plant.shown_of("third")[1] == "s1 100.19 filled"
    plant.wait(20)  # by and by they make room for the next
    up = [account for account, condition in plant.table.conditions.items() if condition.state == "up"]
    assert len(up) == 3 + 1_000 - 20
    for account in crowd[:20]:
        plant.opener.let_go(account)
    plant.wait(1)
    assert {plant.table.conditions[account].state for account in crowd} == {"up"}


def test_openings_that_are_at_work_keep_the_others_in_the_queue_and_nobody_is_given_up(plant: AccountsPlant) -> None:
    crowd = [f"crowd-{number}" for number in range(2 * OPENINGS_MAX)]
    plant.opener.hanging |= set(crowd)
    for account in crowd:
        plant.set_account(account)
    for _ in range(round(2 * OPEN_TIMEOUT_S)):
        plant.wait(1)
        for account in plant.opener.waiting:
            plant.opener.alive[account]()
    assert list(plant.opener.waiting) == crowd[:OPENINGS_MAX]
    assert {plant.condition(account).state for account in crowd} == {"opening"}
    for account in crowd:
        plant.opener.hanging.discard(account)
    for account in crowd[:OPENINGS_MAX]:
        plant.opener.let_go(account)
    plant.wait(1)
    assert {plant.condition(account).state for account in crowd} == {"up"}


def test_all_accounts_are_drained_and_flushed_in_one_round(plant: AccountsPlant) -> None:
    plant.trade("100")
    assert plant.system.ask(names.ACCOUNT_DESK, DrainAccounts(5.0)) == ()
    assert plant.system.ask(names.ACCOUNT_DESK, FlushAccounts(2.0)) == ()
    before = len(plant.journal.orders())
    plant.trades("101", "102", "99", "98")
    fresh = plant.journal.orders()[before:]
    assert {order.status.value for order in fresh if order.side.value == "BUY"} <= {"rejected"}


@pytest.mark.parametrize("seed", range(2))
def test_whatever_befalls_them_accounts_end_as_they_are_wanted_and_their_books_agree(seed: int) -> None:
    draw = random.Random(seed)
    plant = AccountsPlant("AAAQ", "BBBQ", others=("a", "b", "c"), order=random.Random(seed)).trade_all()
    price = 100.0
    for _ in range(120):
        account = draw.choice(plant.accounts)
        match draw.randrange(9):
            case 0:
                plant.set_account(draw.choice(plant.others), is_enabled=draw.random() < 0.6)
            case 1:
                plant.kill(draw.choice([names.ACCOUNT_DESK, names.SWITCHES, names.CONTROL]))
            case 2:
                kinds = (names.client, names.execution_manager, names.account, names.account_supervisor)
                plant.kill(draw.choice(kinds)(account))
            case 3:
                status = draw.choice([TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN])
                plant.write(account, draw.choice(plant.symbols), status)
            case 4:
                plant.set_account(draw.choice(plant.others), credentials=f"env:K{draw.randrange(2)}")
            case 5:
                plant.wait(draw.choice([1, 20]))
            case _:
                price = max(price + draw.choice([-0.3, -0.1, 0.1, 0.3]), 90)
                for symbol in plant.symbols:
                    plant.trade(f"{price:.2f}", symbol)
    for account in plant.others:
        plant.set_account(account)
        for symbol in plant.symbols:
            plant.on_of(account, symbol)
    plant.wait(4_000)
    for account in plant.accounts:
        assert plant.condition(account).state == "up"
        plant.check_books(account)
        assert len(plant.orders_of(account)) > 0
    assert {plant.state_of(account, symbol) for account in plant.others for symbol in plant.symbols} == {"on"}
