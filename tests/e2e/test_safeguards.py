"""The kill switch and limits of a daemon that trades: obeyed before the command returns, and still after kill -9."""

from tests.e2e.books import await_rows
from tests.e2e.daemon import eventually
from tests.e2e.place import Place

FAST = {"NAIVE_MARKET__SPEED": "20"}
ENTRIES = "SELECT count(*) FROM orders WHERE side = 'BUY' AND status <> 'rejected'"
LIVE_BUYS = ENTRIES + " AND filled = 0 AND status IN ('in_flight', 'unknown', 'open', 'partly_filled')"


def held(place: Place) -> str | None:
    (symbol,) = place("status", "--json").data["symbols"]
    reason: str | None = symbol["held"]
    return reason


def test_a_killed_daemon_still_obeys_the_kill_switch(place: Place) -> None:
    place.environment |= FAST
    daemon = place.trade("--start", "BTCUSDT")
    daemon.log.await_event("cycle finished")
    report = place("kill-switch", "on", "--cancel", "entries", "--reason", "a drill", "--json").data
    assert (report["is_on"], report["accounts"]) == (True, {"main": True})
    await_rows(place.url, LIVE_BUYS, lambda rows: rows == [(0,)])
    ((entries,),) = await_rows(place.url, ENTRIES, bool)
    for attempt in eventually():
        with attempt:
            assert held(place) == "kill switch: a drill"

    daemon.kill()
    daemon = place.trade()
    assert place("kill-switch", "--json").data["accounts"].keys() == {"main"}
    daemon.log.await_event("no order", reason="kill switch: a drill")
    assert await_rows(place.url, ENTRIES, bool) == [(entries,)]
    assert place("kill-switch").out.startswith("the kill switch is ON (a drill): no account places an entry")

    assert place("kill-switch", "off", "--json").data["accounts"] == {"main": True}
    await_rows(place.url, ENTRIES, lambda rows: rows[0][0] > entries)
    daemon.stop()


def test_a_limit_holds_entries_and_status_says_which(place: Place) -> None:
    place.environment |= FAST
    assert place("limits", "set", "max_open_orders=1").code == 0
    daemon = place.trade("--start", "BTCUSDT")
    for attempt in eventually():
        with attempt:
            assert str(held(place)).startswith("limit max_open_orders=1: ")
    assert place("limits", "set", "max_open_orders=none").code == 0
    await_rows(place.url, "SELECT count(*) FROM orders WHERE status = 'open'", lambda rows: rows[0][0] > 1)
    for attempt in eventually():
        with attempt:
            assert held(place) is None
    agreed = place("reconcile", "--json").data
    assert (agreed["account"], agreed["differences"], agreed["orphans"], agreed["foreign"]) == ("main", [], 0, 0)
    assert place("reconcile", "--account", "other").code == 2
    assert place("orders", "--orphans").out == "no orphans\n"
    daemon.stop()
