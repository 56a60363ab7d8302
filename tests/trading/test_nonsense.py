"""A plug-in that decides nonsense: it costs the symbols that trade with it, and nobody who shares a thing with them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.market.alerts import HIGHEST, LOWEST
from naive_daemon.strategy.checking import checked
from naive_daemon.strategy.protocol import (
    Cancel,
    Decision,
    Finish,
    Place,
    Position,
    Refuse,
    ReportRebuy,
    StrategyEvent,
    Wake,
)
from naive_daemon.strategy.result import cycle_result
from naive_daemon.trading import crew
from tests.trading.accounts_plant import AccountsPlant
from tests.trading.plant import with_trade

NOT_A_NUMBER = Decimal("NaN")
Decide = Callable[[Position, Instrument], Any]


def ends(**changes: Any) -> Decide:
    def decide(position: Position, instrument: Instrument) -> Decision:
        result = cycle_result(position, instrument, 1, CycleOutcome.ABANDONED)
        return Finish(msgspec.structs.replace(result, **changes))

    return decide


# The types that are ignored here are the nonsense itself: what a plug-in may do that nobody has checked.
NONSENSE: dict[str, Decide] = {
    "waits for no number": lambda *_: Wake(below=NOT_A_NUMBER),
    "waits for no number above": lambda *_: Wake(above=Decimal("sNaN")),
    "waits for a text": lambda *_: Wake(below="99"),  # type: ignore[arg-type]
    "waits for a float": lambda *_: Wake(above=99.5),  # type: ignore[arg-type]
    "waits for a list": lambda *_: Wake(below=[]),  # type: ignore[arg-type]
    "waits for more than there is": lambda *_: Wake(above=Decimal("1E+999999")),
    "waits for less than there is": lambda *_: Wake(below=Decimal("1E-999999")),
    "waits for more digits than are reckoned with": lambda *_: Wake(below=Decimal("0." + "9" * 300)),
    "reports no number": lambda *_: ReportRebuy(NOT_A_NUMBER),
    "reports a text": lambda *_: ReportRebuy("99"),  # type: ignore[arg-type]
    "cancels nothing": lambda *_: Cancel(None),  # type: ignore[arg-type]
    "cancels what is not its own": lambda *_: Cancel("x" * 100_000),
    "buys at a text": lambda *_: Place(Side.BUY, "99", Decimal(1)),  # type: ignore[arg-type]
    "buys for a float": lambda *_: Place(Side.BUY, Decimal(99), 1.0),  # type: ignore[arg-type]
    "buys for infinity": lambda *_: Place(Side.BUY, Decimal(99), Decimal("Infinity")),
    "buys for more than there is": lambda *_: Place(Side.BUY, Decimal(99), Decimal("1E+150")),
    "buys nowhere": lambda *_: Place("UP", Decimal(99), Decimal(1)),  # type: ignore[arg-type]
    "refuses with a text": lambda *_: Refuse("no", "99"),  # type: ignore[arg-type]
    "refuses for no reason": lambda *_: Refuse(None, Decimal(1)),  # type: ignore[arg-type]
    "decides a text": lambda *_: "buy",
    "decides nothing": lambda *_: None,
    "ends with no result": lambda *_: Finish(None),  # type: ignore[arg-type]
    "ends with no number": ends(realised_pnl=NOT_A_NUMBER),
    "ends with infinity": ends(realised_pnl=Decimal("Infinity")),
    "ends with a text": ends(realised_pnl="much"),
    "ends with no dust": ends(dust_base=NOT_A_NUMBER),
    "ends nowhere": ends(outcome="well"),
    "ends never": ends(finished_ns=None),
    "ends after all time": ends(finished_ns=2**63),
    "ends before all time": ends(finished_ns=-1),
    "ends truly": ends(finished_ns=True),
    "ends with more than there is": ends(realised_pnl=Decimal("1E+200")),
    "ends with less than there is": ends(bought=Decimal("1E-200")),
    "ends with fees in half a text": ends(fees={"\ud800": Decimal(1)}),
    "ends with fees in what no text has": ends(fees={"A\0": Decimal(1)}),
    "ends with fees": ends(fees={"X" * 10: NOT_A_NUMBER}),
    "ends with a list of fees": ends(fees=[1]),
}

HARMLESS = ("cancels what is not its own",)


class Nonsense:
    """Decides so at each trade."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        if not isinstance(event, Trade):
            return (Wake(next_trade=True),)
        return (self._decide(position, instrument),)


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_costs_nobody_else(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load = crew.load_strategy
    monkeypatch.setattr(crew, "load_strategy", lambda name: Nonsense(NONSENSE[what]) if name == "bad" else load(name))
    plant = AccountsPlant()
    plant.trade_all()
    plant.table.set("AAAQ", TradingStatus.ON, with_trade(strategy="bad"), account="second")
    plant.settle()
    shared = [names.feed("AAAQ"), names.FEEDS, names.STREAM_DESK, names.SYMBOLS, names.SWITCHES, names.JOURNAL,
              names.CACHE, names.CONTROL]  # fmt: skip
    before = {name: plant.ref(name) for name in shared}
    plant.trades("100", "99.8", "100.3", "100", "99.8", "100.3")
    assert {name: plant.ref(name) for name in shared} == before
    for account in (plant.accounts[0], "third"):
        assert plant.shown_of(account)[:2] == ["b1 99.90 filled", "s1 100.19 filled"]
    plant.wait(120)
    assert {name: plant.ref(name) for name in shared} == before
    said = str(plant.table.actual["second", "AAAQ"].last_error)
    assert ("Nonsense decides what is no decision" in said) == (what not in HARMLESS)


def test_what_waits_for_any_price_at_all_is_no_nonsense() -> None:
    wakes = (Wake(below=HIGHEST, above=LOWEST), Wake(), Wake(next_trade=True), Wake(every_trade=True))
    assert checked(object(), iter(wakes)) == wakes
