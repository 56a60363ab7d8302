"""When a journal is known to have been restored: also when the back-up was taken while the daemon ran."""

import random
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from naive_daemon.clock import WallClock
from naive_daemon.domain.errors import PermanentError
from naive_daemon.restoration import Restoration
from naive_daemon.storage.postgres.identity import PostgresIdentity
from naive_daemon.witness import FILE_NAME, Witness
from tests.claimed_venue import claim_venue


@pytest.fixture
def url(migrated_url: str) -> str:
    """Give a journal whose account has its venue, as at every start."""
    identity = PostgresIdentity(migrated_url)
    identity.read(random.Random(1))
    identity.close()
    claim_venue(migrated_url, "main", "paper")
    return migrated_url


@pytest.fixture
def restoration(url: str, tmp_path: Path) -> Iterator[Restoration]:
    made = Restoration(url, Witness(tmp_path), WallClock())
    yield made
    made.close()


def restore(url: str, signs: int) -> None:
    """Have the database forget what came after a back-up."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE identity SET signs = %s", (signs,))


def next_start(url: str, home: Path) -> Restoration:
    restoration = Restoration(url, Witness(home), WallClock())
    restoration.recognise()
    restoration.close()
    return restoration


def test_a_backup_that_was_taken_while_the_daemon_ran_is_known_at_the_next_start(
    url: str, restoration: Restoration, tmp_path: Path
) -> None:
    restoration.note_start()
    restoration.note_life()
    restore(url, 1)
    assert next_start(url, tmp_path).cycle_floor > 0


def test_a_journal_that_was_not_restored_is_known_as_it_is(url: str, restoration: Restoration, tmp_path: Path) -> None:
    for note in (restoration.note_start, restoration.note_life, restoration.note_life):
        note()
        assert next_start(url, tmp_path).cycle_floor == 0


def test_a_process_that_dies_before_the_witness_knows_is_no_restore(
    url: str, restoration: Restoration, tmp_path: Path
) -> None:
    restoration.note_start()
    restore(url, 2)
    assert next_start(url, tmp_path).cycle_floor == 0


def test_a_restore_is_known_once(url: str, restoration: Restoration, tmp_path: Path) -> None:
    restoration.note_start()
    restoration.note_life()
    restore(url, 1)
    floor = next_start(url, tmp_path).cycle_floor
    assert next_start(url, tmp_path).cycle_floor == floor


def test_a_home_that_takes_no_writes_stops_a_start_and_nothing_that_runs(
    restoration: Restoration, tmp_path: Path
) -> None:
    restoration.note_start()
    (tmp_path / FILE_NAME).with_suffix(".new").mkdir()
    restoration.note_life()
    with pytest.raises(PermanentError, match="can not be written"):
        restoration.note_start()
    (tmp_path / FILE_NAME).with_suffix(".new").rmdir()
    restoration.note_life()
    identity = Witness(tmp_path)
    assert identity.signs(restoration.recognise()) == 4
