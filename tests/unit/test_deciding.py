"""Equal positions are decided once, as each would be alone, and nobody pays for a defect in another's decision."""

import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, OrderStatus
from naive_daemon.strategy.deciding import DecisionMemo, sees_of
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.strategy.protocol import Decision, Position, StrategyEvent, Wake
from tests.unit.test_naive_strategy import CYCLE, MARKET, SETTINGS, STARTED, buy, trade

PATIENCE_S = 10.0
FIRST = Position(cycle=CYCLE)
NAIVE = NaiveStrategy()


class Counting:
    """Decides as naive does, shares as it does, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        self.asked += 1
        return NAIVE.decide(event, position, instrument)

    def sees(self, position: Position) -> Hashable | None:
        return NAIVE.sees(position)


def of_account(account: str, **cycle: Any) -> Position:
    """Give a position that has nothing yet, of another account."""
    return Position(cycle=msgspec.structs.replace(CYCLE, key=CycleKey(account, "AAAQ", 1, 1), **cycle))


def test_equal_positions_are_decided_once_for_each_trade_and_symbol() -> None:
    memo, strategy = DecisionMemo(), Counting()
    first = memo.decide(strategy, trade("100"), FIRST, MARKET)
    for number in range(100):
        assert memo.decide(strategy, trade("100"), of_account(f"a{number}"), MARKET) == first
    assert strategy.asked == 1
    memo.decide(strategy, trade("101"), FIRST, MARKET)
    assert strategy.asked == 2
    other = msgspec.structs.replace(MARKET, tick_size=Decimal("0.1"))  # the exchange's rules have changed
    assert memo.decide(strategy, trade("101"), FIRST, other) == NAIVE.decide(trade("101"), FIRST, other)
    assert strategy.asked == 3


def test_who_has_orders_or_hears_of_no_trade_is_decided_alone() -> None:
    memo, strategy = DecisionMemo(), Counting()
    for event, position in [(trade("100"), Position(cycle=CYCLE, orders=(buy(status),))) for status in OrderStatus] + [
        (STARTED, FIRST)
    ]:
        before = strategy.asked
        for _ in range(2):
            assert memo.decide(strategy, event, position, MARKET) == NAIVE.decide(event, position, MARKET)
        assert strategy.asked == before + 2


AMOUNTS = st.sampled_from([Decimal(text) for text in ("-3", "-0.1", "0", "0.05", "2", "20", "20.0", "100", "1000")])
RATIOS = st.sampled_from([Decimal(text) for text in ("0", "0.001", "0.01", "0.010", "0.2")])
POSITIONS = st.builds(
    lambda key, budget, fee, dust, refused, down, profit, rebuy, reported: Position(
        cycle=msgspec.structs.replace(
            CYCLE,
            key=key,
            budget=abs(budget),
            fee=fee,
            dust_in=dust,
            rebuy_reported=reported,
            settings=msgspec.structs.replace(
                SETTINGS, buy_down_interval=down, profit_interval=profit, rebuy_interval=rebuy
            ),
        ),
        refused_price=refused,
    ),
    st.builds(CycleKey, st.sampled_from(["a", "b"]), st.just("AAAQ"), st.integers(1, 3), st.integers(1, 3)),
    AMOUNTS,
    RATIOS,
    AMOUNTS,
    st.sampled_from([None, Decimal(99), Decimal(100)]),
    RATIOS,
    RATIOS,
    RATIOS,
    st.booleans(),
)
TRADES = st.builds(
    lambda price, number: Trade("AAAQ", price, Decimal(1), number, number),
    st.sampled_from([Decimal(text) for text in ("0.004", "90", "98.9", "99.9", "100", "101.3", "150")]),
    st.integers(1, 3),
)


@given(
    st.lists(
        st.tuples(TRADES, POSITIONS, st.sampled_from([MARKET.min_notional, Decimal(10_000)])), min_size=2, max_size=12
    )
)
def test_naive_decides_for_each_what_it_would_decide_for_it_alone(
    drawn: list[tuple[Trade, Position, Decimal]],
) -> None:
    """Also among a dozen that look alike in part: so what it says it looks at is all that it looks at."""
    memo = DecisionMemo()
    for event, position, min_notional in drawn:
        market = msgspec.structs.replace(MARKET, min_notional=min_notional)
        for other in (each for _, each, _ in drawn):
            memo.decide(NAIVE, event, other, market)
        assert memo.decide(NAIVE, event, position, market) == NAIVE.decide(event, position, market)


@given(POSITIONS, POSITIONS, TRADES)
def test_positions_that_look_alike_to_naive_have_equal_decisions(one: Position, other: Position, event: Trade) -> None:
    other = msgspec.structs.replace(other, refused_price=one.refused_price)
    alike = msgspec.structs.replace(
        other,
        cycle=msgspec.structs.replace(
            other.cycle,
            budget=one.cycle.budget,
            fee=one.cycle.fee,
            settings=one.cycle.settings,
            dust_in=one.cycle.dust_in if one.cycle.dust_in < 0 else abs(other.cycle.dust_in),
        ),
    )
    assert NAIVE.sees(alike) == NAIVE.sees(one)
    assert NAIVE.decide(event, alike, MARKET) == NAIVE.decide(event, one, MARKET)


def test_a_decision_that_raises_is_nobody_elses() -> None:
    class Fails(Counting):
        """Shares, and fails the first time."""

        def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
            decisions = super().decide(event, position, instrument)
            if self.asked == 1:
                raise ValueError("for this one only")
            return decisions

        def sees(self, position: Position) -> Hashable | None:
            return super().sees(position)

    memo, strategy = DecisionMemo(), Fails()
    with pytest.raises(ValueError, match="for this one only"):
        memo.decide(strategy, trade("100"), FIRST, MARKET)
    for _ in range(2):
        decided = memo.decide(strategy, trade("100"), of_account("b"), MARKET)
        assert decided == NAIVE.decide(trade("100"), FIRST, MARKET)
    assert strategy.asked == 2


def test_a_decision_that_does_not_come_back_holds_up_nobody_else() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Hangs(Counting):
        """Shares, and hangs the first time."""

        def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
            decisions = super().decide(event, position, instrument)
            if self.asked == 1:
                entered.set()
                assert go_on.wait(PATIENCE_S)
            return decisions

        def sees(self, position: Position) -> Hashable | None:
            return super().sees(position)

    memo, strategy = DecisionMemo(), Hangs()
    expected = NAIVE.decide(trade("100"), FIRST, MARKET)
    with ThreadPoolExecutor(1) as threads:
        hung = threads.submit(memo.decide, strategy, trade("100"), FIRST, MARKET)
        assert entered.wait(PATIENCE_S)
        for _ in range(2):
            assert memo.decide(strategy, trade("100"), of_account("b"), MARKET) == expected
        go_on.set()
        assert hung.result(PATIENCE_S) == expected
    assert strategy.asked == 2


def test_a_strategy_that_says_nothing_of_what_it_sees_decides_for_each() -> None:
    class Plain:
        def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
            return (Wake(below=position.cycle.budget),)

    class Bolder(NaiveStrategy):
        """Looks at more than naive does, and has inherited what naive says of itself."""

        def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
            return (Wake(below=Decimal(position.cycle.key.cycle)),)

    memo = DecisionMemo()
    later = Position(cycle=msgspec.structs.replace(CYCLE, key=CycleKey("b", "AAAQ", 1, 2)))
    for strategy in (Plain(), Bolder()):
        assert sees_of(strategy) is None
        for position in (FIRST, later):
            expected = strategy.decide(trade("100"), position, MARKET)
            assert memo.decide(strategy, trade("100"), position, MARKET) == expected


def test_what_it_sees_must_be_fit_to_be_compared() -> None:
    class Lists(Counting):
        def sees(self, position: Position) -> Any:
            return [position.cycle.budget]

    with pytest.raises(TypeError, match=r"Lists\.sees gives can not be compared"):
        DecisionMemo().decide(Lists(), trade("100"), FIRST, MARKET)


def test_what_is_remembered_has_a_bound() -> None:
    memo, strategy = DecisionMemo(symbols_max=2, positions_max=3), Counting()
    for number in range(5):
        event = msgspec.structs.replace(trade("100"), symbol=f"S{number}")
        memo.decide(strategy, event, FIRST, MARKET)
    assert len(memo) == 2
    strategy.asked = 0
    positions = [of_account("a", budget=Decimal(100 + number)) for number in range(5)]
    for _ in range(2):
        for position in positions:
            decided = memo.decide(strategy, trade("100"), position, MARKET)
            assert decided == NAIVE.decide(trade("100"), position, MARKET)
    assert strategy.asked == 5 + 2
