"""The witness of a home: remembers signs by journal, survives what kills a process, and never guesses."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from naive_daemon.domain.errors import PermanentError
from naive_daemon.witness import FILE_NAME, OWNERS_MAX, Witness


def test_it_remembers_each_journal_by_itself(tmp_path: Path) -> None:
    assert Witness(tmp_path).signs("abcdef") == 0
    Witness(tmp_path).note("abcdef", 3)
    Witness(tmp_path).note("ghijkl", 1)
    assert (Witness(tmp_path).signs("abcdef"), Witness(tmp_path).signs("ghijkl")) == (3, 1)
    Witness(tmp_path).note("abcdef", 4)
    assert Witness(tmp_path).signs("abcdef") == 4


def test_threads_that_note_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    witness = Witness(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda signs: witness.note("abcdef", signs), range(1, 101)))
    assert Witness(tmp_path).signs("abcdef") == 100


def test_it_forgets_the_journals_of_long_ago(tmp_path: Path) -> None:
    witness = Witness(tmp_path)
    for number in range(OWNERS_MAX + 1):
        witness.note(f"owner{number}", 1)
    witness.note("owner1", 2)
    witness.note("another", 1)
    assert [witness.signs(f"owner{number}") for number in range(4)] == [0, 2, 0, 1]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"signs": {"abcdef": "many"}}', b"\xff"])
def test_a_file_that_can_not_be_read_is_named_and_never_taken_for_a_new_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(PermanentError) as refused:
        Witness(tmp_path).signs("abcdef")
    assert str(tmp_path / FILE_NAME) in refused.value.message
    assert "db restored" in str(refused.value.hint)
    with pytest.raises(PermanentError):
        Witness(tmp_path).note("abcdef", 1)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_home_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="can not be written"):
        Witness(tmp_path / "missing").note("abcdef", 1)


def test_what_a_killed_process_left_half_written_is_no_witness(tmp_path: Path) -> None:
    Witness(tmp_path).note("abcdef", 3)
    (tmp_path / FILE_NAME).with_suffix(".new").write_bytes(b'{"sta')
    assert Witness(tmp_path).signs("abcdef") == 3
    Witness(tmp_path).note("abcdef", 4)
    assert Witness(tmp_path).signs("abcdef") == 4
