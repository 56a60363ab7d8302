"""What an operator is told of a failure: why, on one bounded line that shows no secret and that no terminal obeys."""

import json
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.otp import NOPROC, crash
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.trading.cause import cause_text
from naive_daemon.trading.symbol_record import FAULT_EXPLAINS_S
from naive_daemon.trading.trader import Trader
from tests.trading.accounts_plant import AccountsPlant
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT

LOAD = "naive_daemon.trading.crew.load_strategy"
LONG = 2_000_000
HOSTILE = "\x1b[2J no answer\nfrom redis://:sesame@h " + "y" * LONG


class Failing(NaiveStrategy):
    """Fails at every decision, and says too much."""

    def decide(self, *_: Any) -> Any:
        raise ValueError(HOSTILE)


def check(cause: str | None) -> None:
    assert cause is not None
    assert "ValueError: \\x1b[2J no answer from redis://:**********@h yyy" in cause
    assert cause.isprintable()
    assert len(cause) < 1_200


def test_a_strategy_that_says_too_much_is_told_in_a_bounded_clean_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOAD, lambda _: Failing())
    plant = Plant("AAAQ").start().on()
    plant.trade("100")
    state = plant.table.actual[ACCOUNT, "AAAQ"]
    check(state.last_error)
    check(plant.view().last_error)
    assert len(json.dumps(state.last_error)) < 1_300


def test_a_cause_says_the_same_of_text_and_of_errors() -> None:
    check(cause_text(crash(ValueError(HOSTILE))))
    check(cause_text(f"ValueError: {HOSTILE}"))
    assert cause_text(NOPROC) == "noproc"


def test_a_trader_that_dies_before_anybody_watches_it_is_told_with_its_own_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant = Plant("AAAQ").start()

    def explode(*_: object) -> None:
        raise ValueError("its own reason")

    monkeypatch.setattr(Trader, "on_receive", explode)
    plant.switch(TradingStatus.ON, trade=with_trade())
    plant.settle()
    error = str(plant.table.actual[ACCOUNT, "AAAQ"].last_error)
    assert "its own reason" in error
    assert "noproc" not in error


def test_an_account_whose_tree_is_killed_is_not_down_for_what_befell_it_long_ago() -> None:
    plant = AccountsPlant().trade_all()
    plant.crash(names.client("second"))
    plant.wait(600)
    assert plant.condition("second").state == "up"
    plant.kill(names.account_supervisor("second"))
    plant.settle()
    assert (plant.condition("second").state, plant.condition("second").reason) == ("down", "killed")


def test_a_symbol_that_gives_up_is_not_quarantined_for_what_befell_it_long_ago() -> None:
    plant = Plant("AAAQ").start().on()
    plant.trades("100")
    plant.crash(names.trader(ACCOUNT, "AAAQ", 1))
    plant.wait(2 * FAULT_EXPLAINS_S)
    assert "BoomError" in str(plant.table.actual[ACCOUNT, "AAAQ"].last_error)
    while plant.kill(names.leader(ACCOUNT, "AAAQ")):  # who is killed says nothing
        plant.settle()
    state = plant.table.actual[ACCOUNT, "AAAQ"]
    assert (state.state, state.last_error) == ("quarantined", "shutdown")


def test_a_symbol_that_is_killed_is_not_quarantined_for_what_befell_it_before() -> None:
    plant = Plant("AAAQ").start().on()
    plant.trades("100")
    plant.crash(names.trader(ACCOUNT, "AAAQ", 1))
    plant.settle()
    for name in (names.leader(ACCOUNT, "AAAQ"), names.symbol_supervisor(ACCOUNT, "AAAQ")):
        plant.kill(name)
    plant.settle()
    assert plant.table.actual[ACCOUNT, "AAAQ"].last_error == "killed"


def test_a_symbol_that_gives_up_is_quarantined_for_what_it_gives_up_for() -> None:
    plant = Plant("AAAQ").start().on()
    while plant.crash(names.leader(ACCOUNT, "AAAQ")):
        plant.settle()
    state = plant.table.actual[ACCOUNT, "AAAQ"]
    assert state.state == "quarantined"
    assert "BoomError" in str(state.last_error)
