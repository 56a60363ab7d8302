"""What is left of a recording: the same trades in the same order, whatever of them is passed over."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.events import Trade
from naive_daemon.market.alerts import NOWHERE, PriceBand
from naive_daemon.market.columns import TradeList
from naive_daemon.market.recorded_trades import RecordedTrades

prices = st.integers(1, 9)
bands = st.one_of(
    st.just(PriceBand()),
    st.just(NOWHERE),
    st.tuples(prices, prices).map(lambda ends: PriceBand(*map(Decimal, sorted(ends)))),
)


def trades_of(numbers: list[int], first: int = 1) -> list[Trade]:
    return [Trade("AAAQ", Decimal(price), Decimal(1), first + at, first + at) for at, price in enumerate(numbers)]


def in_stretches(trades: list[Trade], size: int) -> list[TradeList]:
    return [TradeList(trades[at : at + size]) for at in range(0, len(trades), size)]


def all_passed(reader: RecordedTrades, band: PriceBand) -> int:
    total = 0
    while passed := reader.pass_over(band):
        total += passed
    return total


@given(st.lists(prices, max_size=60), st.integers(1, 20), st.lists(st.tuples(bands, st.integers(0, 3)), max_size=20))
def test_it_gives_what_lies_outside_and_counts_what_lies_before(
    numbers: list[int], size: int, steps: list[tuple[PriceBand, int]]
) -> None:
    left = trades_of(numbers)
    reader = RecordedTrades(in_stretches(left, size))
    for band, taken in steps:
        inside = next((at for at, one in enumerate(left) if not band.low <= one.price <= band.high), len(left))
        assert all_passed(reader, band) == inside
        left = left[inside:]
        for _ in range(taken):
            assert next(reader, None) == (left.pop(0) if left else None)
    assert list(reader) == left


def test_what_its_stretches_raise_comes_when_they_are_needed() -> None:
    def damaged() -> Iterator[TradeList]:
        yield TradeList(trades_of([1, 2]))
        raise PermanentError("damaged")

    reader = RecordedTrades(damaged())
    assert reader.pass_over(PriceBand()) == 2
    with pytest.raises(PermanentError, match="damaged"):
        reader.pass_over(PriceBand())
