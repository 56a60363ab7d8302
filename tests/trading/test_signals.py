"""Signals in the whole tree: computed once for all who need the same, and carried out by each with its own size."""

import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.account.account import AccountStarted
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.money import affordable
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.market.signaller import Signaller, signals_of
from naive_daemon.strategy.ema_cross import EmaCrossStrategy
from naive_daemon.strategy.protocol import MarketNeeds, Signal
from tests.trading.plant import Plant, walk
from tests.trading.table import ACCOUNT

ON = TradingStatus.ON
CANDLE_TRADES = 10
"""A candle of a second, at a trade each 100 ms."""
RISE = ("100", "99", "98", "105")
"""Candles at whose end an average of two crosses above one of three."""
FALL = ("104", "90")


KILLED = [
    names.candles("AAAQ", "1s"),
    names.feed("AAAQ"),
    names.trader(ACCOUNT, "AAAQ", 1),
    names.leader(ACCOUNT, "AAAQ"),
    names.traders(ACCOUNT, "AAAQ"),
    names.symbol_supervisor(ACCOUNT, "AAAQ"),
    names.account(ACCOUNT),
    names.STREAM_DESK,
    names.JOURNAL,
]


def cross(fast: int = 2, slow: int = 3, **parameters: str) -> TradeSettings:
    given = {"interval": "1s", "fast": str(fast), "slow": str(slow), "stop_loss": "0"} | parameters
    return TradeSettings(strategy="ema_cross", chunks=1, budget=Decimal(300), parameters=tuple(sorted(given.items())))


def candles(plant: Plant, *prices: str | Decimal) -> None:
    for price in prices:
        plant.trades(*[price] * CANDLE_TRADES)


def signaller(settings: TradeSettings) -> names.Name:
    return names.signals("AAAQ", signals_of("ema_cross", EmaCrossStrategy().needs(settings)))


def bought(plant: Plant) -> list[Order]:
    return plant.orders(OrderStatus.FILLED, side=Side.BUY)


@pytest.fixture
def plant() -> Iterator[Plant]:
    plant = Plant().start()
    plant.wait(0.9)  # the first trade begins a candle
    yield plant
    plant.stop()


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[Any, ...]]:
    """Count how often a candle is analysed for some needs."""
    analyse, counts = EmaCrossStrategy.analyse, Counter[tuple[Any, ...]]()

    def counting(self: EmaCrossStrategy, state: Any, event: Any, needs: MarketNeeds) -> Any:
        assert isinstance(event, Candle)
        counts[needs, event.open_ns] += 1
        return analyse(self, state, event, needs)

    monkeypatch.setattr(EmaCrossStrategy, "analyse", counting)
    return counts


def test_a_cycle_enters_at_the_cross_and_leaves_at_the_next(plant: Plant) -> None:
    plant.on(trade=cross())
    candles(plant, "100", *RISE)
    assert plant.orders() == []  # the last candle is not over
    plant.trade("105.5")
    assert plant.shown() == ["b1 105.00 open"]
    plant.trade("104.9")
    candles(plant, *FALL)
    plant.trade("90")
    assert [word.rsplit(" ", 1)[0] for word in plant.shown()] == ["b1 105.00", "s1 89.91"]
    plant.trade("90")
    assert plant.completed() == 1
    plant.check()


def test_accounts_with_equal_needs_share_one_computation_and_each_trades_its_own_size(
    plant: Plant, analysed: Counter[tuple[Any, ...]]
) -> None:
    needs = [(2, 3), (2, 4), (3, 4)]
    accounts = [f"a{number}" for number in range(30)]
    plant.is_checked = False  # it looks at one account only
    limits = {"a7": RiskLimits(max_symbol_at_risk=Decimal(20))}
    plant.table.safeguards = msgspec.structs.replace(plant.table.safeguards, limits=limits)
    for account in accounts:
        plant.table.set_account(AccountSettings(name=account))
    plant.settle()
    for number, account in enumerate(accounts):
        trade = cross(*needs[number % 3], order_size=str(50 + number))
        row = SymbolSettings(account=account, symbol="AAAQ", status=ON, trade=trade)
        plant.table.rows[account, "AAAQ"] = row
        plant.table.notify((account, "AAAQ"))
    plant.settle()
    candles(plant, "100", "100", *RISE, "106", "107")
    assert set(analysed.values()) == {1}
    assert Counter(need for need, _ in analysed).keys() == {EmaCrossStrategy().needs(cross(*each)) for each in needs}
    candles(plant, "103", "102")  # the entries fill
    orders = {order.key.account: order for order in plant.orders(side=Side.BUY)}
    assert orders.keys() == set(accounts)
    for number, account in enumerate(accounts):
        order = orders[account]
        if account == "a7":
            assert order.status is OrderStatus.REJECTED
            assert "max_symbol_at_risk" in str(order.reason)
        else:
            assert order.quantity == affordable(Decimal(50 + number), order.price, Decimal("0.001"))
            assert order.status is OrderStatus.FILLED
    candles(plant, "80", "80", "80", "81", "82")
    cycles = [cycle for cycle in plant.journal.cycles() if cycle.result is not None]
    assert {cycle.key.account for cycle in cycles if cycle.result and cycle.result.sold} == set(accounts) - {"a7"}
    assert set(analysed.values()) == {1}


def test_a_row_of_rubbish_starts_nobody_is_shown_and_is_mended(plant: Plant) -> None:
    rubbish = msgspec.structs.replace(cross(), parameters=(("fast", "many"), ("slow", "[1]")))
    plant.on(trade=rubbish)
    candles(plant, *RISE)
    assert plant.traders() == []
    assert "fast=many is refused: fast is a whole number from 1 to 200" in str(plant.table.actual[ACCOUNT, "AAAQ"])
    plant.on(trade=cross())
    assert len(plant.traders()) == 1
    plant.on(trade=cross(fast=3, slow=3))  # the one that waits ends, and no other follows
    assert plant.traders() == []
    assert "fast is less than slow" in str(plant.table.actual[ACCOUNT, "AAAQ"])
    plant.on(trade=cross())
    candles(plant, "100", *RISE)
    plant.trade("104.9")
    assert len(plant.orders(side=Side.BUY)) == 1
    plant.check()


def test_settings_in_another_spelling_are_the_same_settings(plant: Plant) -> None:
    plant.on(trade=cross(stop_loss="0.10"))
    (trader,) = plant.traders()
    plant.on(trade=cross(stop_loss="1e-1"))
    assert plant.traders() == [trader]
    plant.on(trade=cross(stop_loss="0.2"))
    assert plant.traders() != [trader]


@pytest.mark.parametrize("harm", ["signals", "candles", "feed", "trader", "leader", "desk"])
def test_who_holds_leaves_though_a_part_crashed_before_the_signal(plant: Plant, harm: str) -> None:
    plant.on(trade=cross())
    candles(plant, "100", *RISE)
    plant.trades("105.5", "104.9")
    assert len(bought(plant)) == 1
    name = {
        "signals": signaller(cross()),
        "candles": names.candles("AAAQ", "1s"),
        "feed": names.feed("AAAQ"),
        "trader": names.trader(ACCOUNT, "AAAQ", 1),
        "leader": names.leader(ACCOUNT, "AAAQ"),
        "desk": names.STREAM_DESK,
    }[harm]
    assert plant.kill(name)
    plant.settle()
    candles(plant, *FALL)
    plant.trades("90", "90")
    assert plant.completed() == 1
    plant.check()


def test_a_signal_that_comes_while_the_orders_are_not_known_is_decided_on_once_they_are(plant: Plant) -> None:
    plant.on(trade=cross())
    trader, now_ns = plant.ref(names.trader(ACCOUNT, "AAAQ", 1)), plant.clock.now_ns()
    price = Decimal(100)
    trader.tell(AccountStarted(ACCOUNT))  # it asks the journal, whose answer comes after all of these
    for signal in (
        Signal(Side.SELL, price, now_ns - 2),
        Signal(Side.BUY, price, now_ns),
        Signal(Side.BUY, price, now_ns, is_new=False),
        Signal(Side.SELL, price, now_ns - 1, is_new=False),
    ):
        trader.tell(signal)
    plant.settle()
    assert plant.shown() == ["b1 100.00 open"]
    plant.check()


def test_a_sell_that_a_crash_swallowed_is_told_to_holders_once_it_is_computed_again(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.on(trade=cross())
    candles(plant, "100", *RISE)
    plant.trades("105.5", "104.9")
    analyse = Signaller._analyse

    def swallow(self: Signaller, event: Any, *, is_new: bool) -> None:
        analyse(self, event, is_new=False)
        if is_new:
            raise RuntimeError("killed before a word is said")

    monkeypatch.setattr(Signaller, "_analyse", swallow)
    candles(plant, *FALL)
    plant.wait(60)
    plant.trades("90", "90", "90")
    assert plant.completed() == 1
    plant.check()


def test_a_process_that_died_with_a_position_leaves_at_the_next_sell_and_below_its_stop(plant: Plant) -> None:
    plant.on(trade=cross(stop_loss="0.2"))
    candles(plant, "100", *RISE)
    plant.trades("105.5", "104.9")
    plant.die()
    plant.start()
    candles(plant, "104")
    plant.trades("83.9", "83.9")  # 20 % below 105 is 84
    assert plant.completed() == 1
    plant.check()


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_on_any_market_books_agree_and_all_can_be_sold(seed: int) -> None:
    draw = random.Random(seed)
    plant = Plant(order=draw).start()
    plant.on(trade=cross(stop_loss="0.005"))
    for price in walk(seed, 400):
        plant.trade(price)
        if draw.random() < 0.05:
            plant.kill(draw.choice([*KILLED, signaller(cross())]))
            plant.settle()
        if not plant.top.is_alive():  # too much at once: the process ends, and another one takes over
            plant.die()
            plant.start()
    plant.wait(300)  # longer than any quarantine
    candles(plant, "100", *RISE, "104", *FALL, "80")
    assert plant.completed() > 0
    plant.switch(TradingStatus.SHUTDOWN)
    candles(plant, "70", "60")
    assert plant.table.status("AAAQ") is TradingStatus.OFF
    plant.check()
    plant.stop()
