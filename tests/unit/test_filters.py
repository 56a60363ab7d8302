"""Filters that the exchange has changed: taken over, and told once each, whatever else changes."""

from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.filters import take_filters
from tests.trading.plant import instrument


def ours() -> dict[str, Instrument]:
    return {symbol: instrument(symbol) for symbol in ("AAAQ", "BBBQ")}


def listed(**changes: Any) -> dict[str, Instrument]:
    """Give what is listed once AAAQ has changed; one symbol is not ours, and one of ours is gone."""
    return {"AAAQ": msgspec.structs.replace(instrument("AAAQ"), **changes), "CCCQ": instrument("CCCQ")}


def test_each_change_is_taken_and_told_once() -> None:
    instruments = ours()
    coarser, coarsest = listed(tick_size=Decimal("0.1")), listed(tick_size=Decimal(1), min_notional=Decimal(10))
    assert take_filters(instruments, listed()) == {}
    assert take_filters(instruments, coarser) == {"AAAQ": "tick_size was 0.01, is 0.1"}
    assert take_filters(instruments, coarser) == {}
    assert take_filters(instruments, coarsest) == {"AAAQ": "tick_size was 0.1, is 1, min_notional was 5, is 10"}
    assert instruments == {"AAAQ": coarsest["AAAQ"], "BBBQ": instrument("BBBQ")}


def test_a_change_that_is_taken_back_is_one_too() -> None:
    instruments = ours()
    assert len(take_filters(instruments, listed(step_size=Decimal("0.01")))) == 1
    assert take_filters(instruments, listed()) == {"AAAQ": "step_size was 0.01, is 0.001"}
    assert instruments == ours()


def test_what_is_halted_or_written_otherwise_has_not_changed() -> None:
    instruments = ours()
    assert take_filters(instruments, listed(is_trading=False, tick_size=Decimal("0.010"))) == {}
    assert instruments["AAAQ"].is_trading
