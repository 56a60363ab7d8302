"""ema_cross: its averages against exact ones, what it does at each point of a cycle, and laws of any market."""

import random
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon.domain.candle import NS_PER_S, Candle
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.events import OrderRejected, Trade
from naive_daemon.domain.money import EXACT, ZERO, floor_to, total
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.strategy.ema_cross import Averages, exit_price
from naive_daemon.strategy.protocol import Cancel, EntriesClosed, Finish, Place, Refuse, Signal, Wake
from naive_daemon.strategy.result import held, withheld
from tests.unit.ema_bench import CYCLE, MARKET, STRATEGY, Bench, told

BUY, SELL = Side.BUY, Side.SELL


# Averages -----------------------------------------------------------------------------------------------------------


def candles(closes: Sequence[Decimal]) -> list[Candle]:
    return [
        Candle(
            symbol="AAAQ", interval="1s", open_ns=number * NS_PER_S, close_ns=(number + 1) * NS_PER_S, open=close,
            high=close, low=close, close=close, volume=Decimal(1), trades=1,
        )
        for number, close in enumerate(closes)
    ]  # fmt: skip


def analysed(closes: Sequence[Decimal], fast: int, slow: int) -> tuple[list[Averages], list[Signal]]:
    needs = STRATEGY.needs(TradeSettings(strategy="ema_cross", parameters=(("fast", str(fast)), ("slow", str(slow)))))
    state, states, signals = None, [], []
    for candle in candles(closes):
        state, signal = STRATEGY.analyse(state, candle, needs)
        states.append(state)
        signals += [signal] if signal else []
    return states, signals


def plain_average(closes: Sequence[Decimal], length: int) -> list[Fraction]:
    """Give the average after each candle from the length-th on, exactly."""
    average = Fraction(sum(closes[:length])) / length
    averages = [average]
    for close in closes[length:]:
        average += (Fraction(close) - average) * 2 / (length + 1)
        averages.append(average)
    return averages


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**7), min_size=8, max_size=60), st.integers(1, 5), st.integers(1, 3))
def test_averages_and_crosses_are_those_of_exact_arithmetic(ticks: list[int], fast: int, more: int) -> None:
    slow = fast + more
    closes = [Decimal(tick) * Decimal("0.01") for tick in ticks]
    states, signals = analysed(closes, fast, slow)
    fasts, slows = plain_average(closes, fast)[more:], plain_average(closes, slow)
    side, crosses = 0, []
    for number, (one, two) in enumerate(zip(fasts, slows, strict=True), slow):
        state = states[number - 1]
        assert abs(Fraction(state.fast) - one) < Fraction(1, 10**18)
        assert abs(Fraction(state.slow) - two) < Fraction(1, 10**18)
        if state.fast == state.slow:
            continue
        now = 1 if one > two else -1
        if now != side and (side or now < 0):
            is_cross = side != 0
            crosses.append(Signal(BUY if now > 0 else SELL, closes[number - 1], number * NS_PER_S, is_cross))
        side = now
    assert signals == crosses


def test_a_thread_that_computes_with_fewer_digits_changes_no_average() -> None:
    closes = [Decimal(100 + number % 7) / 3 for number in range(40)]
    with localcontext(prec=3):
        few = analysed(closes, 3, 8)
    assert few == analysed(closes, 3, 8)


def test_no_signal_before_the_slow_average_is_there_and_none_of_a_first_side_above() -> None:
    rising = [Decimal(100 + number) for number in range(9)]
    assert analysed(rising, 2, 8)[1] == []
    (signal,) = analysed([*rising, Decimal(1)], 2, 8)[1]
    assert (signal.side, signal.price, signal.is_new) == (SELL, Decimal(1), True)


def test_a_first_side_below_is_an_old_sell_for_the_cross_to_it_may_have_been_missed() -> None:
    falling = [Decimal(100 - number) for number in range(9)]
    assert analysed(falling[:7], 2, 8)[1] == []
    (first,) = analysed(falling, 2, 8)[1]
    assert first == Signal(SELL, falling[7], 8 * NS_PER_S, is_new=False)
    _, crossed = analysed([*falling, Decimal(500)], 2, 8)[1]
    assert (crossed.side, crossed.price, crossed.is_new) == (BUY, Decimal(500), True)
    bench = bought()  # before that, and it has slept for longer than the history
    bench.position = msgspec.structs.replace(bench.position, signal=first)
    bench.see(first)
    bench.trade(Decimal(95))
    assert [(order.side, order.price) for order in bench.live()] == [(SELL, Decimal("94.90"))]


def test_averages_are_of_candles() -> None:
    needs = STRATEGY.needs(TradeSettings(strategy="ema_cross"))
    with pytest.raises(TypeError, match="of candles, not of Trade"):
        STRATEGY.analyse(None, Trade("AAAQ", Decimal(1), Decimal(1), 1, 1), needs)


# A cycle ------------------------------------------------------------------------------------------------------------


def bought(**more: str) -> Bench:
    """Give a bench that holds what 80 of quote buy at 100, less the fee: 0.7992."""
    bench = Bench(**more)
    bench.signal(BUY)
    (order,) = bench.live()
    bench.accept(order)
    bench.fill(order, order.quantity)
    return bench


def test_it_sleeps_until_a_new_buy_and_enters_at_its_price_with_its_size() -> None:
    bench = Bench()
    assert bench.decided == (Wake(),)
    for side, is_new in ((SELL, True), (SELL, False), (BUY, False)):
        bench.signal(side, is_new=is_new)
        assert bench.decided == (Wake(),)
    bench.price = Decimal("99.999")
    bench.signal(BUY)
    assert bench.decided == (Place(BUY, Decimal("99.99"), Decimal("0.8")), Wake())


def test_a_size_beyond_the_share_is_the_share() -> None:
    for size, quantity in (("0", "1.0"), ("5000", "1.0"), ("49.99", "0.4")):
        trade = TradeSettings(strategy="ema_cross", parameters=(("order_size", size), ("stop_loss", "0.02")))
        cycle = msgspec.structs.replace(CYCLE, settings=trade)
        (place, _) = STRATEGY.decide(
            Signal(BUY, Decimal(100), 1), msgspec.structs.replace(Bench().position, cycle=cycle), MARKET
        )
        assert place == Place(BUY, Decimal("100.00"), Decimal(quantity))


def test_what_could_not_be_sold_at_the_stop_is_not_bought() -> None:
    bench = Bench(market=msgspec.structs.replace(MARKET, min_notional=Decimal(75)))
    bench.signal(BUY)
    refuse, wake = bench.decided
    assert isinstance(refuse, Refuse)
    assert refuse.reason == "what is bought could not be sold: Filter failure: NOTIONAL"
    assert wake == Wake()
    assert bench.live() == []


def test_what_was_halted_at_the_start_is_not_held_against_a_market_that_has_signals() -> None:
    bench = Bench(market=msgspec.structs.replace(MARKET, is_trading=False))
    bench.signal(BUY)
    assert [order.side for order in bench.live()] == [BUY]


def test_an_entry_that_does_not_fill_is_cancelled_by_the_next_sell_and_the_cycle_given_up() -> None:
    bench = Bench()
    bench.signal(BUY)
    (buy,) = bench.live()
    bench.signal(SELL)
    assert bench.cancels == set()  # it is on its way: what becomes of it is not known yet
    bench.accept(buy)
    assert bench.cancels == {buy.client_order_id}
    bench.end(buy)
    assert bench.result is not None
    assert bench.result.outcome is CycleOutcome.ABANDONED


def test_what_a_cancelled_entry_had_bought_is_sold_at_the_next_trade() -> None:
    bench = Bench()
    bench.signal(BUY)
    (buy,) = bench.live()
    bench.accept(buy)
    bench.fill(buy, Decimal("0.5"))
    assert bench.wake == Wake(below=Decimal(95))
    bench.signal(SELL)
    bench.end(buy)
    assert bench.decided == (Wake(next_trade=True),)
    bench.trade("99")
    assert bench.decided == (Place(SELL, Decimal("98.90"), Decimal("0.4")), Wake())


def test_a_sell_signal_sells_at_once_below_the_market_and_the_cycle_ends() -> None:
    bench = bought()
    assert bench.decided == (Wake(below=Decimal(95)),)
    bench.price = Decimal(110)
    bench.signal(SELL)
    assert bench.decided == (Place(SELL, Decimal("109.89"), Decimal("0.7")), Wake())
    (sell,) = bench.live()
    bench.fill(sell, sell.quantity)
    assert bench.result is not None
    assert bench.result.outcome is CycleOutcome.COMPLETED
    assert bench.result.dust_base == Decimal("0.0992")


def test_a_sell_that_is_told_again_makes_a_holder_leave_at_the_next_trade_but_not_one_from_before_its_entry() -> None:
    bench = bought()
    bench.signal(SELL, is_new=False, at_ns=bench.position.orders[0].created_ns)
    assert bench.decided == (Wake(below=Decimal(95)),)
    bench.signal(SELL, is_new=False)
    assert bench.decided == (Wake(next_trade=True),)
    bench.trade("100")
    assert bench.decided == (Place(SELL, Decimal("99.90"), Decimal("0.7")), Wake())


def test_below_the_stop_all_is_sold_and_on_it_nothing() -> None:
    bench = bought()
    bench.trade("95")
    assert bench.live() == []
    bench.trade("94.99")
    assert bench.decided == (Place(SELL, Decimal("94.89"), Decimal("0.7")), Wake())


def test_an_exit_follows_a_market_that_runs_away_and_never_rests_twice() -> None:
    bench = bought()
    bench.trade("94")
    (first,) = bench.live()
    assert first.price == Decimal("93.90")
    bench.accept(first)
    assert bench.wake == Wake(below=first.price * Decimal("0.999"))
    bench.trade("93.85")
    assert bench.cancels == set()
    bench.trade("90")
    assert bench.cancels == {first.client_order_id}
    bench.trade("89")
    bench.fill(first, Decimal("0.2"))
    bench.end(first)
    bench.trade("88")
    (second,) = bench.live()
    assert (second.price, second.quantity, second.leg.attempt) == (Decimal("87.91"), Decimal("0.5"), 2)
    bench.fill(second, second.quantity)
    assert bench.result is not None
    assert bench.result.sold == Decimal("0.7")


def test_a_refused_exit_goes_out_again_at_the_next_trade_and_also_above_the_stop() -> None:
    bench = bought()
    bench.trade("94")
    bench.reject(bench.live()[0])
    bench.trade("99")
    (again,) = bench.live()
    assert (again.price, again.leg.attempt) == (Decimal("98.90"), 2)


def test_an_exit_that_the_filters_forbid_is_kept_and_goes_out_once_they_do_not() -> None:
    bench = bought()
    bench.market = msgspec.structs.replace(MARKET, max_notional=Decimal(20))
    bench.trade("94")
    assert bench.decided == (Refuse("Filter failure: NOTIONAL", Decimal(94)), Wake(next_trade=True))
    bench.market = MARKET
    bench.trade("99")
    assert bench.decided == (Place(SELL, Decimal("98.90"), Decimal("0.7")), Wake())


def test_dust_beyond_the_largest_order_stays_dust() -> None:
    bench = Bench(
        msgspec.structs.replace(CYCLE, dust_in=Decimal("0.5")), msgspec.structs.replace(MARKET, max_quantity=Decimal(1))
    )
    bench.signal(BUY)
    (buy,) = bench.live()
    bench.fill(buy, buy.quantity)
    bench.signal(SELL)
    (sell,) = bench.live()
    assert sell.quantity == Decimal("1.0")
    bench.fill(sell, sell.quantity)
    assert bench.result is not None
    assert bench.result.dust_base == Decimal("0.2992")


def test_while_the_symbol_drains_nothing_is_bought_and_what_is_held_waits_for_its_exit() -> None:
    bench = Bench()
    bench.close(cancel=False)
    assert isinstance(bench.decided[0], Finish)
    bench = bought()
    bench.close(cancel=True)
    assert bench.decided == (Wake(below=Decimal(95)),)
    bench = Bench()
    bench.signal(BUY)
    bench.accept(bench.live()[0])
    bench.close(cancel=False)
    assert bench.decided == (Wake(),)
    bench.close(cancel=True)
    assert bench.decided == (Cancel("b1"), Wake())
    event = EntriesClosed(1, cancel=True)
    bench.fill(bench.live()[0], Decimal("0.2"))
    assert STRATEGY.decide(event, bench.position, MARKET) == (Wake(below=Decimal(95)),)


def test_an_exits_price_keeps_to_the_filters() -> None:
    assert exit_price(Decimal("100.05"), MARKET) == Decimal("99.94")
    floored = msgspec.structs.replace(MARKET, ask_multiplier_down=Decimal("0.9995"))
    assert exit_price(Decimal(100), floored) == Decimal("99.95")
    assert exit_price(Decimal("0.01"), MARKET) == Decimal("0.01")
    assert exit_price(Decimal(5), msgspec.structs.replace(MARKET, min_price=Decimal(7))) == Decimal("7.00")


# Any market ---------------------------------------------------------------------------------------------------------


def disturb(bench: Bench, draw: random.Random) -> None:
    """Let one thing happen that can."""
    live = bench.live()
    order = draw.choice(live) if live else None
    what = draw.random()
    if order is None or what < 0.35:
        bench.trade(bench.price * Decimal(draw.randint(970, 1031)) / 1000)
    elif what < 0.6 and order.status.is_resting:
        steps = draw.randint(1, max(1, int(order.remaining / MARKET.step_size)))
        bench.fill(order, min(order.remaining, steps * MARKET.step_size))
    elif what < 0.75:
        bench.accept(order)
    elif what < 0.85 and not order.filled and not order.status.is_resting:
        bench.reject(order)
    elif what < 0.9:
        bench.end(order)
    else:
        bench.lose(order)
    if draw.random() < 0.1:
        bench.signal(draw.choice([BUY, SELL]), is_new=draw.random() < 0.8)
    if draw.random() < 0.03:
        bench.restart()
    if draw.random() < 0.03:
        bench.close(cancel=draw.random() < 0.5)


def get_out(bench: Bench) -> None:
    """Tell it to leave on a market that takes every order."""
    for _ in range(20):
        if bench.result is not None:
            return
        for order in bench.live():
            if order.client_order_id in bench.cancels:
                bench.end(order)
            elif order.side is SELL:
                bench.fill(order, order.remaining)
            else:
                bench.accept(order)
        bench.signal(SELL)
        bench.close(cancel=True)
        bench.trade(bench.price)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from(["AAA", "Q", "BNB"]), st.sampled_from(["0", "0.05", "-0.05", "0.35"]))
def test_whatever_the_market_does_nothing_is_sold_that_is_not_held_and_in_the_end_nothing_is_left(
    seed: int, fee_in: str, dust_in: str
) -> None:
    draw = random.Random(seed)
    bench = Bench(msgspec.structs.replace(CYCLE, dust_in=Decimal(dust_in)), fee_in=fee_in)
    bench.signal(BUY)
    for _ in range(draw.randint(1, 60)):
        if bench.result is None:
            disturb(bench, draw)
    get_out(bench)
    assert bench.result is not None
    traded = any(order.filled for order in bench.position.orders)
    assert traded or bench.result.outcome is CycleOutcome.ABANDONED


def test_an_exit_that_is_short_waits_until_it_is_known_what_is_free_and_sells_that() -> None:
    bench = bought()
    bench.gone = Decimal("0.25")
    bench.signal(SELL)
    (sell,) = bench.live()
    bench.take(OrderRejected(**told(sell, reason="Account has insufficient balance for requested action.")))
    bench.trade("99")
    assert bench.decided == (Wake(next_trade=True),)
    bench.tell_free(bench.free())
    bench.trade("99")
    assert bench.decided == (Place(SELL, Decimal("98.90"), Decimal("0.5")), Wake())
    (sell,) = bench.live()
    bench.fill(sell, sell.quantity)
    assert bench.result is not None
    assert (bench.result.outcome, bench.result.sold) == (CycleOutcome.COMPLETED, Decimal("0.5"))


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["AAA", "Q", "BNB"]),
    st.sampled_from(["0", "0.05", "0.35"]),
    st.decimals(0, "0.6", places=3),
)
def test_whatever_is_taken_from_the_account_the_rest_is_sold_and_what_is_sold_and_lacking_is_what_was_held(
    seed: int, fee_in: str, dust_in: str, gone: Decimal
) -> None:
    draw = random.Random(seed)
    bench = Bench(msgspec.structs.replace(CYCLE, dust_in=Decimal(dust_in)), fee_in=fee_in)
    bench.signal(BUY)
    (buy,) = bench.live()
    bench.fill(buy, buy.quantity)
    owned, bench.gone = held(bench.position, MARKET), gone
    bench.signal(SELL)
    for _ in range(40):
        for order in bench.live():
            if bench.reject_if_short(order):
                continue
            if draw.random() < 0.3:
                bench.fill(order, MARKET.step_size)
            elif draw.random() < 0.3:
                bench.end(order)
        if draw.random() < 0.1:
            bench.restart()
        bench.trade("100")
    result = bench.result
    free = EXACT.subtract(owned, gone)
    if result is None:  # what is there is too little to be sold: nothing is given up
        sold = total(order.filled for order in bench.position.orders_of(SELL))
        least = floor_to(EXACT.subtract(free, sold), MARKET.step_size)
        assert MARKET.is_too_small(Decimal("99.9"), least) or bench.live()
        return
    assert result.sold <= free
    assert EXACT.add(result.sold, result.dust_base) == owned
    assert ZERO <= withheld(bench.position, MARKET) <= result.dust_base
