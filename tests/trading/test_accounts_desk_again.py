"""An account desk that starts again: it ends nobody who trades, and keeps no lock that nobody wants."""

from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import TransientError
from naive_daemon.execution.journal_messages import AskClaims
from naive_daemon.execution.journal_store import AccountJournal
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.messages import AskExecution
from naive_daemon.otp import Call
from naive_daemon.trading.account_life import DISABLED
from naive_daemon.trading.account_messages import AskAccounts, AskExecutions, DrainAccounts
from tests.trading.accounts_plant import AccountsPlant
from tests.trading.table import ACCOUNT


class TornJournal(MemoryJournal):
    """Can not be read for the accounts that are `torn`."""

    def __init__(self) -> None:
        super().__init__()
        self.torn: set[str] = set()

    def load_account(self, account: str) -> AccountJournal:
        if account in self.torn:
            raise ValueError("its rows make no sense")
        return super().load_account(account)


@pytest.fixture
def journal() -> TornJournal:
    return TornJournal()


@pytest.fixture
def plant(journal: TornJournal) -> AccountsPlant:
    plant = AccountsPlant()
    plant.journal = journal
    return plant


def claimed(plant: AccountsPlant) -> set[str]:
    return set(plant.system.ask(names.JOURNAL, AskClaims()))


def restart_desk(plant: AccountsPlant, account: str, *, is_enabled: bool | None) -> None:
    """Kill the desk, and write the account's row (None: remove it) while there is none."""
    plant.kill(names.ACCOUNT_DESK)
    if is_enabled is None:
        del plant.table.accounts[account]
    else:
        plant.table.accounts[account] = AccountSettings(name=account, is_enabled=is_enabled)
    plant.settle()


@pytest.mark.parametrize("name", [names.JOURNAL, names.CACHE, names.ACCOUNTS])
def test_a_configured_account_that_does_not_come_back_is_down_alone(
    plant: AccountsPlant, journal: TornJournal, name: names.Name
) -> None:
    plant.trade_all()
    journal.torn.add(ACCOUNT)
    plant.kill(name)
    plant.settle()
    plant.kill(names.ACCOUNT_DESK)
    plant.wait(1)
    assert plant.top.is_alive()
    assert plant.condition(ACCOUNT).state == "down"
    assert {plant.state_of(other) for other in plant.others} == {"on"}
    plant.trades("100", "99.8")
    assert {tuple(plant.shown_of(other)) for other in plant.others} == {("b1 99.90 filled", "s1 100.19 open")}
    journal.torn.clear()
    plant.wait(500)
    assert (plant.condition(ACCOUNT).state, plant.state_of(ACCOUNT)) == ("up", "on")


def test_a_configured_account_that_never_started_ends_the_daemon(plant: AccountsPlant, journal: TornJournal) -> None:
    journal.torn.add(ACCOUNT)
    with pytest.raises(Exception, match="account main did not start"):
        plant.start()


@pytest.mark.parametrize("is_enabled", [False, None])
def test_an_account_that_is_given_up_while_there_is_no_desk_keeps_no_lock(
    plant: AccountsPlant, is_enabled: bool | None
) -> None:
    plant.trade_all()
    plant.opener.refused["fourth"] = "Binance refuses the API key: -2015"
    plant.set_account("fourth")
    assert claimed(plant) == {*plant.accounts, "fourth"}, "it is down, and still ours to trade"
    restart_desk(plant, "fourth", is_enabled=is_enabled)
    assert claimed(plant) == set(plant.accounts)
    plant.opener.refused.clear()
    plant.set_account("fourth")
    assert plant.condition("fourth").state == "up"
    assert claimed(plant) == {*plant.accounts, "fourth"}


def test_the_lock_of_an_opening_that_nobody_wants_any_more_is_kept_until_it_has_come_back(plant: AccountsPlant) -> None:
    plant.trade_all()
    plant.opener.hanging.add("fourth")
    plant.set_account("fourth")
    restart_desk(plant, "fourth", is_enabled=False)
    plant.wait(20)
    assert "fourth" in claimed(plant)
    plant.opener.let_go("fourth")
    plant.wait(20)
    assert claimed(plant) == set(plant.accounts)
    assert plant.system.whereis(names.client("fourth")) is None


def test_what_a_former_desk_has_opened_is_closed_where_it_is_not_wanted_any_more(plant: AccountsPlant) -> None:
    """Its key and its connection would outlive it."""
    plant.trade_all()
    assert plant.opener.opened("second") is not None
    plant.kill(names.account_supervisor("second"))
    restart_desk(plant, "second", is_enabled=False)
    assert plant.system.whereis(names.account_supervisor("second")) is None
    assert plant.opener.opened("second") is None
    assert claimed(plant) == set(plant.accounts) - {"second"}


def test_what_was_opened_for_a_start_that_failed_is_closed(plant: AccountsPlant, journal: TornJournal) -> None:
    """A client that was killed meanwhile has not let go of its connection."""
    plant.trade_all()
    journal.torn.add("fourth")
    plant.set_account("fourth")
    assert plant.condition("fourth").state == "down"
    assert plant.opener.opened("fourth") is None


def test_what_a_former_desk_has_claimed_stays_ours_where_it_is_wanted(plant: AccountsPlant) -> None:
    plant.trade_all()
    plant.opener.refused["fourth"] = "Binance refuses the API key: -2015"
    plant.set_account("fourth")
    restart_desk(plant, "fourth", is_enabled=True)
    assert claimed(plant) == {*plant.accounts, "fourth"}
    plant.kill(names.ACCOUNT_DESK)
    plant.kill(names.CONTROL)
    plant.wait(1)
    assert claimed(plant) == {*plant.accounts, "fourth"}


def test_an_account_that_is_disabled_while_there_is_no_desk_is_shown_as_off(plant: AccountsPlant) -> None:
    plant.trade_all()
    plant.opener.refused["fourth"] = "Binance refuses the API key: -2015"
    plant.set_account("fourth")
    restart_desk(plant, "fourth", is_enabled=False)
    condition = plant.condition("fourth")
    assert (condition.state, condition.reason, condition.retry_at_ns) == ("off", None, None)


@pytest.mark.parametrize("is_of_the_desk", [True, False])
def test_symbols_of_a_disabled_account_say_so_after_any_start(plant: AccountsPlant, *, is_of_the_desk: bool) -> None:
    plant.trade_all().set_account("second", is_enabled=False)
    if is_of_the_desk:
        restart_desk(plant, "second", is_enabled=False)
    else:
        plant.die()
        plant.start()
    shown = plant.table.actual["second", "AAAQ"]
    assert (shown.state, shown.last_error) == ("quarantined", DISABLED)
    assert plant.condition("second").state == "off"


class AwayJournal(MemoryJournal):
    """Can not be reached for what is wanted of the accounts that it is `away` for."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()

    def load_account(self, account: str) -> AccountJournal:
        if account in self.away:
            raise TransientError("away")
        return super().load_account(account)


def test_an_account_that_is_to_end_while_it_still_starts_ends_once_it_has_started() -> None:
    plant = AccountsPlant("AAAQ", others=("second",))
    plant.journal = journal = AwayJournal()
    plant.start()
    journal.away.add("second")
    plant.set_account("second")
    restart_desk(plant, "second", is_enabled=True)
    plant.set_account("second", is_enabled=False)
    plant.wait(20)
    journal.away.clear()
    plant.wait(20)
    assert plant.system.whereis(names.account_supervisor("second")) is None
    assert plant.condition("second").state == "off"
    plant.set_account("second")
    assert plant.condition("second").state == "up"
    plant.stop()


def test_a_desk_that_does_not_know_yet_what_runs_answers_for_all_when_it_does(plant: AccountsPlant) -> None:
    plant.trade_all()
    plant.system.suspend(plant.ref(names.ACCOUNTS), 4.0)
    plant.kill(names.ACCOUNT_DESK)
    plant.settle()
    answers: list[Any] = []
    for question in (AskAccounts(), AskExecutions(1.0), DrainAccounts(10.0)):
        plant.system.tell(names.ACCOUNT_DESK, Call(question, answers.append, answers.append))
    plant.settle()
    assert not answers
    plant.wait(5)
    conditions, before, late = answers
    executions = [plant.system.ask(names.execution_manager(one), AskExecution()) for one in plant.accounts]
    assert {one.account for one in conditions} >= set(plant.accounts)
    assert (len(before), late) == (len(plant.accounts), ())
    assert all(view.is_draining for view in executions)
