"""Filters that the exchange has changed: told once each, whatever else changes."""

from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.filter_watch import FilterWatch
from tests.trading.plant import instrument

OURS = {symbol: instrument(symbol) for symbol in ("AAAQ", "BBBQ")}


def listed(**changes: Any) -> dict[str, Instrument]:
    """Give what is listed once AAAQ has changed; one symbol is not ours, and one of ours is gone."""
    return {"AAAQ": msgspec.structs.replace(OURS["AAAQ"], **changes), "CCCQ": instrument("CCCQ")}


def test_a_change_is_told_once_and_the_next_one_again() -> None:
    watch = FilterWatch()
    coarser, coarsest = listed(tick_size=Decimal("0.1")), listed(tick_size=Decimal(1), min_notional=Decimal(10))
    assert list(watch.changes(OURS, listed())) == []
    assert list(watch.changes(OURS, coarser)) == [("AAAQ", "tick_size 0.01 is 0.1")]
    assert list(watch.changes(OURS, coarser)) == []
    assert list(watch.changes(OURS, coarsest)) == [("AAAQ", "tick_size 0.01 is 1, min_notional 5 is 10")]


def test_a_change_that_was_taken_back_is_none_and_told_when_it_comes_again() -> None:
    watch, coarser = FilterWatch(), listed(step_size=Decimal("0.01"))
    assert len(list(watch.changes(OURS, coarser))) == 1
    assert list(watch.changes(OURS, listed())) == []
    assert len(list(watch.changes(OURS, coarser))) == 1


def test_what_is_halted_or_written_otherwise_has_not_changed() -> None:
    assert list(FilterWatch().changes(OURS, listed(is_trading=False, tick_size=Decimal("0.010")))) == []
