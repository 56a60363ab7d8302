"""A journal that was restored from a back-up: what it lost is asked of the exchange, and no order id is made twice."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.books import Books, await_rows
from tests.e2e.daemon import Daemon
from tests.e2e.place import Place
from tests.exchange.trial import Trial

# Four lives of a daemon each, and what passes between them.
pytestmark = pytest.mark.timeout(400)

COMPLETED = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"


@pytest.fixture
def trial(tmp_path: Path, tell: Callable[[str], None]) -> Iterator[Trial]:
    """Give a daemon that trades two symbols on a local exchange."""
    seed = random.SystemRandom().randrange(2**32)
    tell(f"seed {seed}")
    made = Trial(tmp_path, seed, symbols=2)
    made.start()
    yield made
    made.end()


def daemon_of(trial: Trial) -> Daemon:
    assert trial.daemon is not None
    return trial.daemon


def await_cycles(trial: Trial, more: int) -> None:
    before = Books(trial.place.url, fills_whole=False).completed
    await_rows(trial.place.url, COMPLETED, lambda rows: rows[0][0] >= before + more)


def end(trial: Trial, how: Callable[[Daemon], None]) -> None:
    how(daemon_of(trial))
    trial.place.await_servers_end()


def test_yesterdays_journal_gets_back_what_the_exchange_remembers(trial: Trial, tmp_path: Path) -> None:
    place, data = trial.place, trial.place.home / "postgres" / "data"
    await_cycles(trial, 3)
    end(trial, Daemon.stop)
    shutil.copytree(data, tmp_path / "yesterday", symlinks=True)
    trial.start_daemon()
    await_cycles(trial, 5)
    lost = Books(place.url, fills_whole=False)
    end(trial, Daemon.kill)

    shutil.rmtree(data)
    (tmp_path / "yesterday").rename(data)
    trial.start_daemon()
    log = daemon_of(trial).log
    noticed = log.await_event("journal is older than the daemon")
    assert 0 < noticed["signs_in_journal"] < noticed["signs_seen"]
    assert noticed["cycles_go_on_from"] > 60_000_000
    assert sum(event["cycles_ended"] for event in log.events("journal rebuilt")) > 0
    assert log.events("cycle adopted"), "whatever lived when it was killed goes on"
    log.await_event("journal is level with the exchange")

    await_cycles(trial, 5)
    trial.heal()
    books = trial.await_agreement()  # every order and fill of the exchange is here, and none was placed twice
    assert {order["client_order_id"] for order in lost.orders if order["exchange_order_id"]} <= {
        order["client_order_id"] for order in books.orders
    }
    assert books.completed > lost.completed
    fresh = [cycle["cycle"] for cycle in books.cycles if cycle["cycle"] >= noticed["cycles_go_on_from"]]
    assert fresh

    end(trial, Daemon.stop)
    trial.start_daemon()
    assert not daemon_of(trial).log.events("journal is older than the daemon")
    assert not daemon_of(trial).log.events("journal rebuilt")


def test_on_a_new_machine_the_operator_says_that_the_journal_was_restored(trial: Trial, tmp_path: Path) -> None:
    place, data = trial.place, trial.place.home / "postgres" / "data"
    await_cycles(trial, 3)
    end(trial, Daemon.stop)
    shutil.copytree(data, tmp_path / "yesterday", symlinks=True)
    trial.start_daemon()
    await_cycles(trial, 5)
    end(trial, Daemon.kill)

    shutil.rmtree(place.home)
    place.home.mkdir(mode=0o700)
    (place.home / "postgres").mkdir(mode=0o700)
    (tmp_path / "yesterday").rename(data)
    told = place("db", "restored", "--json")
    assert told.data["cycles_go_on_from"] > 60_000_000
    trial.start_daemon()
    assert not daemon_of(trial).log.events("journal is older than the daemon")
    daemon_of(trial).log.await_event("journal is level with the exchange")
    await_cycles(trial, 5)
    trial.heal()
    trial.await_agreement()


def test_a_paper_journal_that_was_restored_goes_on_with_numbers_above_all_it_lost(place: Place, tmp_path: Path) -> None:
    place.environment |= {"NAIVE_MARKET__SPEED": "20", "NAIVE_EXCHANGE__MAKER_FEE": "0.0001"}
    place("settings", "set", "BTCUSDT", "profit_interval=0.0001")
    daemon = place.trade("--start", "BTCUSDT")
    daemon.log.await_event("cycle finished")
    # A daemon that runs goes on to count, so that a back-up that is taken now will be known.
    await_rows(place.url, "SELECT signs FROM identity", lambda rows: rows[0][0] > 1)
    daemon.stop()
    data = place.home / "postgres" / "data"
    shutil.copytree(data, tmp_path / "yesterday", symlinks=True)
    daemon = place.trade()
    daemon.log.await_event("cycle finished", count=3)
    daemon.kill()
    place.await_servers_end()
    shutil.rmtree(data)
    (tmp_path / "yesterday").rename(data)

    daemon = place.trade()
    floor = daemon.log.await_event("journal is older than the daemon")["cycles_go_on_from"]
    await_rows(place.url, f"SELECT 1 FROM cycles WHERE cycle > {floor} AND outcome = 'completed'", bool)
    Books(place.url).check()
    daemon.stop()
