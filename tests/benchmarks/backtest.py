"""A backtest of a recording, in memory and from its file, by how often it trades; beside NautilusTrader's, in turn.

The long recordings are the real day again and again, each later than the one before: at the prices that it had, or in
the direction in which it rises, each scaled to begin where the one before has ended. In both the strategy trades more
seldom than on the day alone: a market that leaves its orders behind gives it nothing to do. In the generated one it
trades all the time: there nothing can be passed over, and what is measured is what an order costs.

Both trade by the same rules, so all their orders are the same; the figures tell how many. For that the peer is given
our rule of fills, which is not its engine's: there a trade fills only orders opposite its aggressor, and of several on
one side that it is through only the first at once (see its program).
"""

import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from naive_daemon.backtest import BacktestPlan, BacktestResult, run_stretches
from naive_daemon.clock import NS_PER_MS, NS_PER_S
from naive_daemon.domain.settings import Dust
from naive_daemon.grid.points import Point
from naive_daemon.grid.shared import MarketFile, read, written
from naive_daemon.grid.workers import cores, crew
from naive_daemon.market.generated import GeneratedMarket
from naive_daemon.market.recorded_columns import RecordedColumns
from naive_daemon.otp.garbage import rare_collections
from tests.benchmarks.figure import Comparison, Figure, best_rate
from tests.benchmarks.peers import nautilus, nautilus_backtest
from tests.benchmarks.program import log_nothing
from tests.benchmarks.replay import RECORDED, RECORDED_SETTINGS, XRPETH

if TYPE_CHECKING:
    from naive_daemon.market.columns import Stretch

DAYS = 81
"""So many make more than a million trades."""
DENSE_DAYS = 10
GENERATED_TRADES = 50_000
GOAL = 10.0
RATE = 1_700_000.0
START_PRICE = Decimal("0.00143")
POINTS = 16
PEER_ROUNDS = 2

PLAN = BacktestPlan(instrument=XRPETH, settings=msgspec.structs.replace(RECORDED_SETTINGS, dust=Dust.KEEP))


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    if not RECORDED.exists():
        return
    with tempfile.TemporaryDirectory(prefix="naive-bench-") as folder:
        long = chained(RECORDED, Path(folder) / "XRPETH-aggTrades-chained.csv", DAYS)
        dense = chained(RECORDED, Path(folder) / "XRPETH-aggTrades-dense.csv", DENSE_DAYS, is_rising=True)
        market = generated(Path(folder) / "XRPETH-aggTrades-generated.csv", GENERATED_TRADES)
        yield _figure("a generated market", market, is_from_file=False)
        yield _figure("a real day", RECORDED, is_from_file=False)
        yield _figure("days that rise", dense, is_from_file=False)
        yield _figure("many days", long, is_from_file=False)
        yield _figure("many days", long, is_from_file=True)
        yield _grid(dense)


def generated(path: Path, trades: int) -> Path:
    """Write trades of a generated market, which swings by more than the strategy earns."""
    market = GeneratedMarket(XRPETH, seed=1, start_price=START_PRICE, start_ns=1_700_000_000 * NS_PER_S)
    with path.open("w", encoding="ascii") as file:
        for number, trade in enumerate(islice(market, trades), 1):
            amounts = f"{trade.price:f},{trade.quantity:f}"
            file.write(f"{number},{amounts},{number},{number},{trade.time_ns // NS_PER_MS},True,True\n")
    return path


def chained(day: Path, path: Path, days: int, *, is_rising: bool = False) -> Path:
    """Write a day again and again, ids and times going on; where it is rising, prices too, rounded to the tick."""
    rows = [line.split(",") for line in day.read_text(encoding="ascii").split()]
    prices = [Decimal(row[1]) for row in rows]
    if is_rising and prices[0] > prices[-1]:
        prices.reverse()
    rise = prices[-1] / prices[0] if is_rising else Decimal(1)
    span_ms = int(rows[-1][5]) - int(rows[0][5]) + 1
    with path.open("w", encoding="ascii") as file:
        number, factor = 0, Decimal(1)
        for shift_ms in range(0, days * span_ms, span_ms):
            for row, price in zip(rows, prices, strict=True):
                number += 1
                scaled = f"{(price * factor).quantize(XRPETH.tick_size):f}"
                file.write(",".join([str(number), scaled, *row[2:5], str(int(row[5]) + shift_ms), *row[6:]]) + "\n")
            factor *= rise
    return path


def _figure(what: str, path: Path, *, is_from_file: bool) -> Figure:
    held: list[Stretch] = [] if is_from_file else list(RecordedColumns(path, "XRPETH").stretches())
    results: list[BacktestResult] = []

    def run() -> None:
        stretches = RecordedColumns(path, "XRPETH").stretches() if is_from_file else iter(held)
        results[:] = [run_stretches(stretches, PLAN)]

    run()
    summary = results[0].summary
    rate = best_rate(summary.events, run)
    told, comparison = _peer(path, summary.events, results[0], is_from_file=is_from_file)
    return Figure(
        name=f"backtest, {what} {'from the file' if is_from_file else 'in memory'}: {summary.events} trades, "
        f"{summary.orders} orders{told}",
        value=rate,
        unit="trades/s",
        limit=RATE,
        peers=(comparison,),
    )


def _peer(path: Path, trades: int, ours: BacktestResult, *, is_from_file: bool) -> tuple[str, Comparison]:
    """Measure the peer, and say how many of its orders are ours."""
    if (why := nautilus.missing()) is not None:
        return "", Comparison(peer="NautilusTrader", goal=GOAL, skipped=why)
    with nautilus_backtest.running(path, PLAN, is_from_file=is_from_file) as peer:
        spent_s = min(peer.round_s() for _ in range(PEER_ROUNDS))
        theirs = Counter(peer.orders())
    same = theirs & Counter((order.side.value, order.price, order.quantity) for order in ours.orders)
    told = f" ({same.total()} the same as the {theirs.total()} of NautilusTrader)"
    return told, Comparison(peer="NautilusTrader", value=trades / spent_s, goal=GOAL)


def _grid(path: Path) -> Figure:
    """Measure in a process that has one thread, as that of the command when it starts a grid's processes."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with (
        written(RecordedColumns(path).stretches()) as market,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), log_nothing) as fresh,
    ):
        single, both = fresh.submit(_grid_rates, market).result()
    return Figure(
        name=f"grid of {POINTS} backtests of {DENSE_DAYS} days on {cores()} cores, with the start of its processes",
        value=both,
        unit="backtests/s",
        peers=(Comparison(peer="one after the other", value=single),),
    )


def _grid_rates(market: MarketFile) -> tuple[float, float]:
    stretches = read(market)
    points = [
        Point(number, {}, msgspec.structs.replace(PLAN, settings=msgspec.structs.replace(PLAN.settings, chunks=chunks)))
        for number, chunks in enumerate([2, 3, 5, 8] * (POINTS // 4))
    ]

    def one_by_one() -> None:
        for point in points:
            run_stretches(stretches, point.plan)

    def on_all_cores() -> None:
        with crew(cores()) as hands:
            hands.run(market, points, lambda _: None)

    with rare_collections():
        return best_rate(POINTS, one_by_one), best_rate(POINTS, on_all_cores)
