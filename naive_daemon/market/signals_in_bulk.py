"""The signals of a recording, computed outside of the actors: once, for all backtests that need the same."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from naive_daemon import names
from naive_daemon.market.alerts import PriceBand
from naive_daemon.market.candles_in_bulk import BulkCandles
from naive_daemon.market.columns import Stretch
from naive_daemon.market.signaller import signals_of
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import MarketNeeds, Signal, SignalStrategy

EVERYWHERE = PriceBand()


class BulkSignals(msgspec.Struct, frozen=True):
    """Signals in the order of the trades that bring them: the number of each, counted from 1, and what it brings.

    `topic`: under which name whoever tells them is found.
    """

    topic: names.Name
    signals: tuple[tuple[int, Signal], ...]


def signals_in(stretches: Sequence[Stretch], symbol: str, strategy_name: str, needs: MarketNeeds) -> BulkSignals | None:
    """Compute what a Signaller says that hears all candles of the recording.

    None where it would not hear them in one go: it needs every trade, or a silence was so long that candles of it are
    left out, and it begins anew.
    """
    if needs.interval is None:
        return None
    strategy = cast("SignalStrategy", load_strategy(strategy_name))
    candles = BulkCandles(symbol, needs.interval)
    found: list[tuple[int, Signal]] = []
    state: Any = None
    passed, ended_ns = 0, None
    for stretch in stretches:
        place, size = 0, len(stretch)
        while True:
            start, place = place, stretch.seek(place, size, EVERYWHERE, candles.due_ns)
            candles.pass_over(stretch, start, place)
            if place >= size:
                break
            for candle in candles.take(stretch.trade(place)):
                if ended_ns not in (None, candle.open_ns):
                    return None
                ended_ns = candle.close_ns
                state, signal = strategy.analyse(state, candle, needs)
                if signal is not None:
                    found.append((passed + place + 1, signal))
            place += 1
        passed += size
    return BulkSignals(names.signals(symbol, signals_of(strategy_name, needs)), tuple(found))
