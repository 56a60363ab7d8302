"""The processes of a grid: each point as it would be alone, a death told with its point, and none that stays."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec
import pytest

from naive_daemon.backtest import run_stretches
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.grid.outcome import Outcome, outcome_of
from naive_daemon.grid.points import Point
from naive_daemon.grid.shared import MarketFile, written
from naive_daemon.grid.worker import work
from naive_daemon.grid.workers import crew
from naive_daemon.market.columns import Stretch
from tests.trading.plant import walk
from tests.trading.test_backtest import SMALL
from tests.trading.test_passing_over import columns, traded


def points(count: int) -> list[Point]:
    made = []
    for number in range(count):
        settings = msgspec.structs.replace(SMALL.settings, chunks=1 + number % 4)
        model = list(FillModel)[number % 2]
        plan = msgspec.structs.replace(SMALL, settings=settings, fill_model=model)
        made.append(Point(number, {"chunks": str(1 + number % 4), "model": model.value}, plan))
    return made


@pytest.fixture(scope="module")
def stretches() -> list[Stretch]:
    trades = [
        Trade("AAAQ", price, Decimal("0.5"), number, number * 10**9, number % 3 == 0)
        for number, price in enumerate(walk(7, 4_000), 1)
    ]
    return [columns(trades[:1_000]), columns(trades[1_000:])]


@pytest.fixture(scope="module")
def market(stretches: list[Stretch]) -> Iterator[MarketFile]:
    with written(stretches) as market:
        yield market


def run_points(
    market: MarketFile, points: Iterable[Point], workers: int, on_outcome: Callable[[Outcome], None]
) -> None:
    with crew(workers) as hands:
        hands.run(market, points, on_outcome)


def untimed(outcome: Outcome) -> Outcome:
    summary = outcome.summary
    assert summary is not None
    return msgspec.structs.replace(outcome, summary=msgspec.structs.replace(summary, wall_s=Decimal(0), events_per_s=0))


def test_each_point_gives_what_it_gives_alone(market: MarketFile, stretches: list[Stretch]) -> None:
    outcomes: list[Outcome] = []
    run_points(market, points(8), 2, outcomes.append)
    alone = [outcome_of(point, traded(run_stretches(stretches, point.plan))) for point in points(8)]
    assert [untimed(each) for each in sorted(outcomes, key=lambda each: each.number)] == alone
    assert all(each.summary is not None and each.summary.cycles > 5 for each in outcomes)
    assert multiprocessing.active_children() == []


def test_a_process_that_dies_is_told_with_its_point_and_the_others_go_on(market: MarketFile) -> None:
    outcomes: list[Outcome] = []

    def take(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 1:
            (process,) = multiprocessing.active_children()
            process.kill()
            process.join()

    run_points(market, points(4), 1, take)
    assert [each.number for each in outcomes] == [0, 1, 2, 3]
    assert [each.error for each in outcomes] == [None, "the process that tested it was ended by SIGKILL", None, None]
    assert outcomes[1].changes == points(4)[1].changes


def test_a_backtest_that_fails_says_why_and_the_others_go_on(market: MarketFile) -> None:
    bad = msgspec.structs.replace(SMALL.settings, strategy="none")
    wrong = Point(0, {"strategy": "none"}, msgspec.structs.replace(SMALL, settings=bad))
    outcomes: list[Outcome] = []
    run_points(market, [wrong, points(2)[1]], 1, outcomes.append)
    assert [each.summary is None for each in outcomes] == [True, False]
    assert "none" in (outcomes[0].error or "")


def test_an_interruption_ends_all_processes(market: MarketFile) -> None:
    def interrupt(_: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_points(market, points(50), 2, interrupt)
    assert multiprocessing.active_children() == []


def test_points_that_share_signals_give_what_they_give_alone(market: MarketFile, stretches: list[Stretch]) -> None:
    own = [(("fast", fast), ("interval", "1m"), ("slow", "5")) for fast in ("2", "2", "3")]
    plans = [
        msgspec.structs.replace(
            SMALL,
            settings=msgspec.structs.replace(
                SMALL.settings, strategy="ema_cross", parameters=parameters, chunks=1 + number
            ),
        )
        for number, parameters in enumerate(own)
    ]
    outcomes: list[Outcome] = []
    needy = [Point(number, {}, plan) for number, plan in enumerate(plans)]
    run_points(market, needy, 1, outcomes.append)
    alone = [outcome_of(point, traded(run_stretches(stretches, point.plan))) for point in needy]
    assert [untimed(each) for each in outcomes] == alone
    assert all(each.summary is not None and each.summary.cycles > 2 for each in outcomes)


def test_a_worker_whose_owner_ends_with_an_outcome_unread_ends_without_a_word(
    market: MarketFile, capfd: pytest.CaptureFixture[str]
) -> None:
    mine, its = multiprocessing.Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(its, "error", "text"))
    worker.start()
    its.close()
    mine.send(market)
    mine.send(points(1)[0])
    assert mine.poll(30)
    mine.close()
    worker.join(30)
    assert (worker.exitcode, capfd.readouterr().err) == (1, "")
