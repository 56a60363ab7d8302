"""Signals: Ctrl-C and SIGTERM end everything in order, SIGHUP has the configuration read again."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.books import Books, read, write
from tests.e2e.daemon import eventually
from tests.e2e.place import Place


@pytest.mark.parametrize("how", ["ctrl-c", "terminate"])
def test_it_ends_in_order(place: Place, how: str, tell: Callable[[str], None]) -> None:
    daemon = place.trade("--start", "BTCUSDT", "--start", "ETHUSDT", "--speed", "20")
    daemon.log.await_event("sell placed", count=2)
    family = psutil.Process(daemon.pid).children(recursive=True)
    since_s = time.monotonic()
    if how == "ctrl-c":
        daemon.press_ctrl_c()
    else:
        daemon.signal(signal.SIGTERM)
    assert daemon.await_end() == 0, daemon.log.text()
    passed_s = time.monotonic() - since_s
    assert place.servers() == []
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    reason = "SIGINT" if how == "ctrl-c" else "SIGTERM"
    assert daemon.log.events("ended", reason=reason)
    assert not daemon.log.events("the tree did not end in time")
    assert daemon.log.plain_lines() == []
    tell(f"ended {passed_s:.2f} s after {reason}")
    again = place.trade()
    Books(place.url).check()
    again.stop()


def test_it_may_be_ended_while_it_starts(place: Place) -> None:
    daemon = place.run("--start", "BTCUSDT")
    for attempt in eventually():
        with attempt:
            assert place.servers()
    daemon.press_ctrl_c()
    assert daemon.await_end() == 0, daemon.log.text()
    assert place.servers() == []


def test_the_configuration_is_read_again(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "naive-daemon.toml"
    file.write_text('[log]\nlevel = "error"\n[market]\nspeed = 20\n')
    place.environment["NAIVE_CONFIG"] = str(file)
    daemon = place.run("--start", "BTCUSDT")
    for attempt in eventually():
        with attempt:
            assert read(place.url, "SELECT 1 FROM orders")
    file.write_text('[log]\nlevel = "info"\n[market]\nspeed = 10\nseed = 2\n')
    daemon.signal(signal.SIGHUP)
    read_again = daemon.log.await_event("configuration read again")
    assert sorted(read_again["changed"]) == ["log", "market"]
    assert read_again["at_next_start"] == ["market"]

    start = len(daemon.log)
    file.write_text('[log]\nlevel = "loud"\ncolour = "red"\n')
    daemon.signal(signal.SIGHUP)
    refused = daemon.log.await_event("configuration is wrong, the running one stays")
    assert "log.level" in refused["reason"]
    assert "log.colour" in refused["reason"]
    write(place.url, "UPDATE settings SET status = 'on' WHERE symbol = 'ETHUSDT'")
    daemon.log.await_event("buy placed", start, symbol="ETHUSDT")
    daemon.stop()
