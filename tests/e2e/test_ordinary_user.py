"""An ordinary user: everything works without being root, and a home that is not the user's is told."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.books import Books, read
from tests.e2e.place import Place

UID = 65534
LAUNCHER = Path(__file__).with_name("ordinary_user.py")
PROGRAMS_OUT_OF_REACH = 77
# The right to read is for the interpreter alone, which may lie in root's home; the launcher gives it up.
AS_ORDINARY = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
AS_ORDINARY += ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this user is an ordinary one already")


@pytest.fixture
def place() -> Iterator[Place]:
    """Give a place of nobody's; pytest's own directories let nobody else pass."""
    directory = Path(tempfile.mkdtemp(prefix="naive-user-"))
    os.chown(directory, UID, UID)
    made = Place(directory / "home", [*AS_ORDINARY, sys.executable, str(LAUNCHER)], HOME=str(directory))
    if made("--version").code == PROGRAMS_OUT_OF_REACH:
        pytest.skip("the servers' programs lie where an ordinary user can not go")
    yield made
    made.clear()
    shutil.rmtree(directory)


def test_it_trades(place: Place) -> None:
    daemon = place.trade("--start", "BTCUSDT", "--speed", "20")
    daemon.log.await_event("sell placed")
    assert {process.uids().real for process in place.servers()} == {UID}
    assert place("status", "--json").data["daemon"]["pid"] == daemon.pid
    assert place("stop", "BTCUSDT", "--orders", "cancel").code == 0
    Books(place.url).check()
    assert read(place.url, "SELECT status::text FROM settings WHERE symbol = 'BTCUSDT'") == [("off",)]
    daemon.press_ctrl_c()
    assert daemon.await_end() == 0
    assert place.servers() == []


def test_a_home_that_may_not_be_written(place: Place) -> None:
    place.home.mkdir(0o755)
    answer = place("run")
    assert answer.code == 78
    assert answer.err.splitlines()[0] == f"error: the home {place.home} can not be written: Permission denied"
