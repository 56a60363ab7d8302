"""The installed daemon on the local exchange: faults, kills, and an exchange that goes away. In the end all agrees."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.books import await_rows, read
from tests.e2e.daemon import eventually
from tests.exchange.soak import run
from tests.exchange.trial import Trial

STRIKES_S = 12.0
FEES = "SELECT DISTINCT commission_asset FROM fills"
SWEPT = "SELECT 1 FROM cycles WHERE dust_in > 0"
BUYS = "SELECT client_order_id FROM orders WHERE side = 'BUY' ORDER BY 1"
ON_THEIR_WAY = "SELECT side FROM orders WHERE status IN ('in_flight', 'unknown')"
BUYS_ON_THEIR_WAY = "SELECT client_order_id FROM orders WHERE side = 'BUY' AND status IN ('in_flight', 'unknown')"
UNKNOWN_BUYS = "SELECT client_order_id FROM orders WHERE side = 'BUY' AND status = 'unknown' ORDER BY 1"
NEVER_MS = 600_000
AWAY_S = 3.0
"""In which each of the daemon's traders would have bought several times."""

COMPLETED = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"


@pytest.fixture
def seed(tell: Callable[[str], None]) -> int:
    """Draw a seed, or take the given one, and print it."""
    drawn = int(os.environ.get("NAIVE_TEST_SEED") or random.SystemRandom().randrange(2**31))
    tell(f"NAIVE_TEST_SEED={drawn}")
    return drawn


@pytest.fixture
def trial(tmp_path: Path, seed: int) -> Iterator[Trial]:
    """Give a daemon that trades four symbols on an exchange of its own."""
    with started(Trial(tmp_path, seed, symbols=4)) as made:
        yield made


@pytest.fixture
def patient_trial(tmp_path: Path, seed: int) -> Iterator[Trial]:
    """Give the same, of a daemon that takes a connection for a lost one only after a good while without an answer."""
    with started(Trial(tmp_path, seed, symbols=4, answer_s=7)) as made:
        yield made


@contextmanager
def started(trial: Trial) -> Iterator[Trial]:
    try:
        trial.start()
        yield trial
    finally:
        trial.end()


def completed(trial: Trial, more: int) -> int:
    """Wait for so many cycles more; gives how many there are."""
    assert trial.daemon is not None
    (now,) = await_rows(trial.place.url, COMPLETED, bool)[0]
    return int(await_rows(trial.place.url, COMPLETED, lambda rows: rows[0][0] >= now + more)[0][0])


def await_held_buy(trial: Trial) -> None:
    """Wait until the exchange, which lets no order in, holds every order that is on its way, a buy among them."""
    for attempt in eventually():
        with attempt:
            sides = [side for (side,) in read(trial.place.url, ON_THEIR_WAY)]
            (fault,) = trial.exchange.admin("GET", "/admin/faults")["faults"]
            assert "BUY" in sides
            assert fault["happened"] >= len(sides)


@pytest.mark.timeout(300)
def test_under_faults_and_kills_nothing_is_lost_doubled_or_orphaned(trial: Trial, tell: Callable[[str], None]) -> None:
    completed(trial, 1)
    run(trial, STRIKES_S / 2)
    trial.kill_daemon()
    run(trial, STRIKES_S / 2)
    trial.kill_daemon()
    trial.kill_exchange(0)
    await_rows(trial.place.url, FEES, lambda rows: {"BNB", "USDT"} <= {asset for (asset,) in rows})
    await_rows(trial.place.url, SWEPT, bool)
    trial.heal()
    books = trial.await_agreement()
    assert trial.daemon is not None
    trial.daemon.stop()
    tell(trial.told(books))


@pytest.mark.timeout(300)
def test_while_the_exchange_is_away_nothing_is_bought_and_then_it_trades_on(patient_trial: Trial) -> None:
    """A buy on its way is unknown for as long as the exchange can not be asked, and then known not to be there."""
    trial = patient_trial
    daemon = trial.daemon
    assert daemon is not None
    completed(trial, 1)
    trial.exchange.fault("latency", where="order.place", value=f"{NEVER_MS}-{NEVER_MS}")
    await_held_buy(trial)
    began = len(daemon.log)
    trial.exchange.kill()
    daemon.log.await_event("reconnecting", began, actor="execution:main")
    await_rows(trial.place.url, "SELECT held FROM actual_states", lambda rows: all(row[0] for row in rows))
    assert "on, held" in trial.place("status").out
    before = read(trial.place.url, BUYS)
    await_rows(trial.place.url, f"{BUYS_ON_THEIR_WAY} EXCEPT {UNKNOWN_BUYS}", [].__eq__)
    unknown = read(trial.place.url, UNKNOWN_BUYS)
    assert unknown
    trial.rest(AWAY_S)
    assert read(trial.place.url, UNKNOWN_BUYS) == unknown
    assert read(trial.place.url, BUYS) == before
    start = len(daemon.log)

    trial.exchange.start()
    daemon.log.await_event("reconnected", start)
    assert len(daemon.log.events("reconnecting", began, actor="execution:main")) == 1, "one loss is told once"
    await_rows(trial.place.url, UNKNOWN_BUYS, lambda rows: not set(rows) & set(unknown))
    completed(trial, 2)
    daemon.log.await_event("buy placed", start)
    trial.heal()
    trial.await_agreement()
    daemon.stop()
