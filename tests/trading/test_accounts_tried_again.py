"""An account that fails is tried again after a pause, and at once where an operator has asked for that meanwhile."""

from collections.abc import Callable

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import TransientError
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.trading.account_closing import STOP_AGAIN_S, STOP_TIMEOUT_S
from naive_daemon.trading.switch_messages import ReadSettings
from tests.trading.accounts_plant import AccountsPlant

MINUTE_NS = 60 * 10**9
REFUSED = "Binance refuses the API key: -2015"


@pytest.fixture
def plant() -> AccountsPlant:
    return AccountsPlant().trade_all()


def tries_of(plant: AccountsPlant, account: str) -> list[str | None]:
    """Give the credentials of each opening."""
    return [settings.credentials for settings in plant.opener.seen if settings.name == account]


@pytest.mark.parametrize("is_refused_late", [True, False])
def test_credentials_that_are_corrected_while_the_wrong_ones_are_tried_are_tried_at_once(
    plant: AccountsPlant, *, is_refused_late: bool
) -> None:
    plant.opener.hanging.add("fourth")
    plant.on_of("fourth", "AAAQ")
    plant.set_account("fourth", credentials="env:WRONG")
    plant.set_account("fourth", credentials="env:RIGHT")
    if is_refused_late:
        plant.opener.refuse_waiting("fourth", REFUSED)
    else:
        plant.opener.let_go("fourth")
    plant.settle()
    assert tries_of(plant, "fourth") == ["env:WRONG", "env:RIGHT"]
    assert (plant.condition("fourth").state, plant.state_of("fourth")) == ("up", "on")


def test_credentials_that_are_corrected_as_the_account_closes_because_of_the_former_are_tried_at_once(
    plant: AccountsPlant,
) -> None:
    plant.system.tell(names.ACCOUNT_DESK, AccountFailed("second", REFUSED))
    plant.set_account("second", credentials="env:FRESH")
    assert tries_of(plant, "second") == [None, "env:FRESH"]
    assert (plant.condition("second").state, plant.state_of("second")) == ("up", "on")
    plant.opener.refused["second"] = REFUSED
    plant.set_account("second", credentials="env:WORSE")
    assert plant.condition("second").retry_at_ns == plant.clock.now_ns() + MINUTE_NS, "what is refused has its pause"


def test_credentials_that_are_corrected_while_nobody_listens_are_tried_when_they_are_read(plant: AccountsPlant) -> None:
    plant.opener.refused["fourth"] = REFUSED
    plant.set_account("fourth", credentials="env:WRONG")
    plant.opener.refused.clear()
    plant.table.accounts["fourth"] = AccountSettings(name="fourth", credentials="env:RIGHT")
    plant.on_of("third", "AAAQ")
    assert plant.condition("fourth").state == "up"


def test_an_enable_after_what_was_read_while_nobody_listened_is_heeded_when_somebody_does(plant: AccountsPlant) -> None:
    plant.opener.refused["second"] = REFUSED
    plant.set_account("second", credentials="env:WRONG")
    listeners = list(plant.table._listeners)
    plant.table.deafen()
    for listener in listeners:
        listener.owner.connection_lost(TransientError("gone"))
    plant.system.tell(names.CONTROL, ReadSettings())  # from switches that have just started
    plant.settle()
    plant.opener.refused.clear()
    plant.set_account("second", credentials="env:WRONG")
    for listener in listeners:
        listener.start()
    plant.settle()
    assert plant.condition("second").state == "up"


def test_a_row_that_is_touched_while_the_account_is_tried_has_it_tried_once_more(plant: AccountsPlant) -> None:
    """The operator has mended at the exchange what the opening that is under way has come too early for."""
    plant.opener.hanging.add("fourth")
    plant.set_account("fourth")
    plant.set_account("fourth")
    plant.opener.refused["fourth"] = REFUSED
    plant.opener.refuse_waiting("fourth", REFUSED)
    plant.settle()
    assert len(tries_of(plant, "fourth")) == 2
    assert plant.condition("fourth").retry_at_ns == plant.clock.now_ns() + MINUTE_NS
    plant.wait(59)
    assert len(tries_of(plant, "fourth")) == 2


def test_a_row_that_was_touched_while_the_account_was_up_spares_no_pause(plant: AccountsPlant) -> None:
    plant.set_account("second")
    plant.system.tell(names.ACCOUNT_DESK, AccountFailed("second", REFUSED))
    plant.settle()
    assert plant.condition("second").retry_at_ns == plant.clock.now_ns() + MINUTE_NS


def end_late(plant: AccountsPlant, ask: Callable[[], None]) -> None:
    """Have accounts ended right before it would be asked again that they end."""
    accounts = plant.actor(names.ACCOUNTS)
    serve, late = accounts._answer, []
    accounts._answer = late.append
    ask()
    plant.wait(STOP_TIMEOUT_S + STOP_AGAIN_S / 2)
    accounts._answer = serve
    for call in late:
        plant.ref(names.ACCOUNTS).tell(call)
    plant.settle()


def test_an_account_that_could_not_be_ended_in_time_pauses_all_the_same(plant: AccountsPlant) -> None:
    end_late(plant, lambda: plant.system.tell(names.ACCOUNT_DESK, AccountFailed("second", REFUSED)))
    assert plant.condition("second").retry_at_ns == plant.clock.now_ns() + MINUTE_NS
    plant.wait(59)
    assert tries_of(plant, "second") == [None]
    plant.wait(1)
    assert tries_of(plant, "second") == [None, None]


def test_an_account_that_could_not_be_ended_in_time_is_not_ended_again_when_it_is_up(plant: AccountsPlant) -> None:
    end_late(plant, lambda: plant.set_account("second", credentials="env:FRESH"))
    assert plant.condition("second").state == "up"
    plant.wait(STOP_AGAIN_S)
    assert (plant.condition("second").state, plant.state_of("second")) == ("up", "on")
    assert tries_of(plant, "second") == [None, "env:FRESH"]
