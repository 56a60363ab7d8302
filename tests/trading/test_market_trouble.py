"""What the market does not give is shown by the symbols that need it, and by no other, for as long as it lasts."""

from decimal import Decimal
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.market.candles_of_exchange import RETRY_MAX_S, CandlesOfExchange
from naive_daemon.market.player import AskKlines
from naive_daemon.market.resource import RESTARTS_MAX, RETRY_S, WELL_S
from naive_daemon.market.signaller import signals_of
from naive_daemon.otp import DEFERRED, Actor, crash
from naive_daemon.strategy.ema_cross import EmaCrossStrategy
from tests.trading.plant import TRADE, Plant
from tests.trading.table import ACCOUNT

SECOND_NS = 10**9
CROSS = TradeSettings(
    strategy="ema_cross",
    chunks=1,
    budget=Decimal(300),
    parameters=(("fast", "2"), ("interval", "1s"), ("slow", "3"), ("stop_loss", "0")),
)
SIGNALS = names.signals("AAAQ", signals_of("ema_cross", EmaCrossStrategy().needs(CROSS)))
CANDLES = names.candles("AAAQ", "1s")
OFF = TradingStatus.OFF


def trade(plant: Plant, account: str, trade: TradeSettings, status: TradingStatus = TradingStatus.ON) -> None:
    plant.table.rows[account, "AAAQ"] = SymbolSettings(account=account, symbol="AAAQ", status=status, trade=trade)
    plant.table.set_account(AccountSettings(name=account))
    plant.table.notify((account, "AAAQ"))
    plant.wait(1)


def ruin(plant: Plant, name: names.Name) -> None:
    """Kill it until it has to wait."""
    for _ in range(RESTARTS_MAX + 1):
        assert plant.kill(name)
        plant.settle()
    plant.wait(1)


def errors(plant: Plant) -> dict[str, str | None]:
    return {account: actual.last_error for (account, _), actual in plant.table.actual.items()}


@pytest.fixture
def plant() -> Plant:
    plant = Plant(is_checked=False).start()
    for account, settings in ((ACCOUNT, CROSS), ("second", CROSS), ("plain", TRADE)):
        trade(plant, account, settings)
    return plant


@pytest.mark.parametrize(
    ("name", "shown", "is_shared_by_all"),
    [
        (SIGNALS, "no signals: keeps crashing: killed", False),
        (CANDLES, "no candles: keeps crashing: killed", False),
        (names.feed("AAAQ"), "no trades: keeps crashing: killed", True),
    ],
)
def test_who_needs_what_keeps_crashing_says_so_until_it_is_well(
    plant: Plant, name: names.Name, shown: str, is_shared_by_all: bool
) -> None:
    ruin(plant, name)
    told = {ACCOUNT: shown, "second": shown, "plain": shown if is_shared_by_all else None}
    assert errors(plant) == told
    assert {plant.table.actual[account, "AAAQ"].state for account in told} == {"on"}, "what rests may still fill"
    plant.wait(RETRY_S)
    assert errors(plant) == told, "that it runs again does not say that it is well"
    ruin(plant, name)
    plant.wait(RETRY_S + WELL_S - 2)
    assert errors(plant) == told
    plant.wait(3)
    assert set(errors(plant).values()) == {None}


def test_who_comes_while_something_is_wrong_shows_it_and_who_goes_does_not(plant: Plant) -> None:
    ruin(plant, SIGNALS)
    trade(plant, "third", CROSS)
    assert errors(plant)["third"] == "no signals: keeps crashing: killed"
    trade(plant, "third", CROSS, OFF)
    assert errors(plant)["third"] is None


@pytest.mark.parametrize("name", [names.SWITCHES, names.CONTROL, names.STREAM_DESK])
def test_whoever_starts_again_knows_what_is_wrong_and_what_is_well(plant: Plant, name: names.Name) -> None:
    for _ in range(RESTARTS_MAX + 1):
        plant.kill(SIGNALS)
        plant.settle()
    plant.wait(1)
    plant.table.actual.clear()
    plant.kill(name)
    plant.wait(3)
    if name != names.STREAM_DESK:
        assert errors(plant)[ACCOUNT] == "no signals: keeps crashing: killed"
    plant.wait(RETRY_S + WELL_S)
    assert set(errors(plant).values()) <= {None}
    assert {view_error(plant)} == {None}


def view_error(plant: Plant) -> str | None:
    return plant.view().last_error


class Exchange(Actor):
    """Stands in the live market's place; has candles of its own unless there is `trouble`."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: str | None = "Invalid interval."
        self.begin_ns: int | None = None

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, AskKlines):
            return None
        if self.trouble is not None:
            self.caller().fail(crash(self.trouble))
            return DEFERRED
        newest = self.system.clock.now_ns() // SECOND_NS
        one = Decimal(1)
        return tuple(
            Candle(
                symbol="AAAQ", interval="1s", open_ns=at * SECOND_NS, close_ns=(at + 1) * SECOND_NS,
                open=one, high=one, low=one, close=one, volume=one, trades=1,
            )
            for at in range(newest - 50, newest + 1)
        )  # fmt: skip


def test_candles_that_the_exchange_does_not_give_are_shown_until_it_does() -> None:
    exchange = Exchange()
    plant = Plant(is_checked=False, candles=CandlesOfExchange(), make_player=lambda: exchange).start()
    trade(plant, ACCOUNT, CROSS)
    assert errors(plant) == {ACCOUNT: "no candles: Invalid interval."}
    plant.kill(names.STREAM_DESK)
    plant.wait(2 * RETRY_MAX_S)
    assert errors(plant) == {ACCOUNT: "no candles: Invalid interval."}, "a fresh desk hears of it, too"
    exchange.trouble = None
    plant.wait(RETRY_MAX_S + 1)
    assert errors(plant) == {ACCOUNT: None}
