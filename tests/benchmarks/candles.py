"""Candles made of trades: what a trade costs, and how many candles can be closed a second; on one core."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

from naive_daemon.clock import NS_PER_MS, NS_PER_S
from naive_daemon.domain.candle import open_of
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance.kline import candles_of_rows
from naive_daemon.market.candle_builder import CandleBuilder
from naive_daemon.market.player import KLINES_MAX
from tests.benchmarks.figure import Comparison, Figure, fastest_s

TRADES = 100_000
SYMBOL = "BTCUSDT"
START_NS = 1_700_000_000 * NS_PER_S


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    dense = [_trade(number, NS_PER_S // 20) for number in range(TRADES)]
    built_s, grouped_s = fastest_s(
        lambda: _spent_s(lambda: _build(dense, "1m")), lambda: _spent_s(lambda: _group(dense))
    )
    yield Figure(
        name="trades, 20 a second, into candles of a minute",
        value=TRADES / built_s,
        unit="trades/s",
        peers=(Comparison(peer="lists in a dict, then min, max, sum", value=TRADES / grouped_s),),
    )
    sparse = [_trade(number, NS_PER_S) for number in range(TRADES)]
    (closed_s,) = fastest_s(lambda: _spent_s(lambda: _build(sparse, "1s")))
    yield Figure(name="candles closed, one trade in each", value=TRADES / closed_s, unit="candles/s")
    silent = [_trade(number, 100 * NS_PER_S) for number in range(TRADES // 100)]
    (flat_s,) = fastest_s(lambda: _spent_s(lambda: _build(silent, "1s")))
    yield Figure(name="candles closed, a trade in each hundredth", value=TRADES / flat_s, unit="candles/s")
    body = _rows()
    (read_s,) = fastest_s(lambda: _spent_s(lambda: candles_of_rows(body, SYMBOL, "1m")))
    yield Figure(name="candles read from an answer of REST", value=KLINES_MAX / read_s, unit="candles/s")


def _spent_s(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _trade(number: int, apart_ns: int) -> Trade:
    price = Decimal(6_000_000 + number * 7_919 % 10_000).scaleb(-2)
    return Trade(SYMBOL, price, Decimal("0.00123"), number, START_NS + number * apart_ns)


def _build(trades: list[Trade], interval: str) -> int:
    take = CandleBuilder(SYMBOL, interval).take
    return sum(len(take(trade)) for trade in trades)


def _group(trades: list[Trade]) -> list[tuple[Decimal, Decimal, Decimal, Decimal, Decimal]]:
    groups: dict[int, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(open_of("1m", trade.time_ns), []).append(trade)
    made = []
    for group in groups.values():
        prices = [trade.price for trade in group]
        volume = sum((trade.quantity for trade in group), Decimal(0))
        made.append((prices[0], max(prices), min(prices), prices[-1], volume))
    return made


def _rows() -> bytes:
    row = '[%d,"60000.01000000","60010.00000000","59990.00000000","60001.00000000","1.23000000",0,"73800",57,"0","0"]'
    first_ms = START_NS // NS_PER_MS // 60_000 * 60_000
    return ("[" + ",".join(row % (first_ms + number * 60_000) for number in range(KLINES_MAX)) + "]").encode()
