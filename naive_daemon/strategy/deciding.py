"""Decides once for equal positions: a thousand traders of three distinct settings cost three decisions a trade.

A strategy is pure, and may say by `sees(position)` all that it looks at in a position when it decides on a trade. Of
the last trade of each symbol it is remembered what was decided for whom; who looks the same gets the same decisions,
whatever account it trades for. A decision that raises or does not come back is remembered for nobody.

Threads share it without a lock: at worst two of them decide the same at the same time.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.strategy.asking import ask
from naive_daemon.strategy.checking import checked
from naive_daemon.strategy.protocol import Decision, Position, Strategy, StrategyEvent

SYMBOLS_MAX = 10_000
"""Of so many pairs of strategy and symbol the last trade is remembered; then the one heard of first is forgotten."""
POSITIONS_MAX = 10_000
"""So many distinct positions are remembered of one trade; those beyond are decided each alone."""

Decisions = tuple[Decision, ...]
Sees = Callable[[Position], Hashable | None]


class _LastTrade:
    """What one strategy has decided on the last trade of a symbol. Only the table of decisions ever changes."""

    __slots__ = ("decisions", "instrument", "strategy", "trade")

    def __init__(self, strategy: Strategy, trade: Trade, instrument: Instrument) -> None:
        self.strategy = strategy
        self.trade = trade
        self.instrument = instrument
        self.decisions: dict[Hashable, Decisions] = {}

    def is_of(self, strategy: Strategy, trade: Trade, instrument: Instrument) -> bool:
        return (
            self.strategy is strategy
            and (self.trade is trade or self.trade == trade)
            and (self.instrument is instrument or self.instrument == instrument)
        )


class DecisionMemo:
    """Remembers the decisions on the last trade of each symbol."""

    def __init__(self, symbols_max: int = SYMBOLS_MAX, positions_max: int = POSITIONS_MAX) -> None:
        self._symbols_max = symbols_max
        self._positions_max = positions_max
        self._last: OrderedDict[tuple[int, str], _LastTrade] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def decide(self, strategy: Strategy, event: StrategyEvent, position: Position, instrument: Instrument) -> Decisions:
        """Give what the strategy decides; it is not asked again what it has decided for a position that looks so."""
        sees = sees_of(strategy) if isinstance(event, Trade) else None
        seen = None if sees is None else sees(position)
        if seen is None or not isinstance(event, Trade):
            return _ask(strategy, event, position, instrument)
        last = self._last_trade(strategy, event, instrument)
        try:
            known = last.decisions.get(seen)
        except TypeError as error:
            raise TypeError(f"what {type(strategy).__name__}.sees gives can not be compared: {error}") from None
        if known is not None:
            return known
        decisions = _ask(strategy, event, position, instrument)
        if len(last.decisions) < self._positions_max:
            last.decisions[seen] = decisions
        return decisions

    def _last_trade(self, strategy: Strategy, trade: Trade, instrument: Instrument) -> _LastTrade:
        # The entry holds its strategy, so no other object can have that one's number as long as the entry is there.
        key = id(strategy), trade.symbol
        last = self._last.get(key)
        if last is None or not last.is_of(strategy, trade, instrument):
            last = self._last[key] = _LastTrade(strategy, trade, instrument)
            while len(self._last) > self._symbols_max:
                self._last.popitem(last=False)
        return last


def _ask(strategy: Strategy, event: StrategyEvent, position: Position, instrument: Instrument) -> Decisions:
    """Ask the strategy; a plug-in may give what can be read only once, or what is no decision."""
    return ask(strategy, instrument.symbol, lambda: checked(strategy, strategy.decide(event, position, instrument)))


def sees_of(strategy: Strategy) -> Sees | None:
    """Give what tells what the strategy looks at; None where each position is to be decided alone.

    One that was inherited does not count for a `decide` that was written anew below it: that one may look at more.
    """
    if not _shares(type(strategy)):
        return None
    sees: Sees = strategy.sees  # type: ignore[attr-defined]  # the method is optional; it was looked for
    return sees


@cache
def _shares(kind: type[Any]) -> bool:
    """Say whether a kind of strategy has `sees`, written where its `decide` is written, or below."""
    for each in kind.__mro__:
        if "sees" in each.__dict__:
            return True
        if "decide" in each.__dict__:
            return False
    return False


decide_once = DecisionMemo().decide
"""What all traders of the process decide with."""
