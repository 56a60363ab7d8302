"""An account that another process takes while the connection is lost: nothing is written for it, the others trade."""

import threading

import psycopg

from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim, holder
from tests.e2e.books import await_rows, read
from tests.e2e.place import Place

FAST = {"NAIVE_MARKET__SPEED": "20"}
ORDERS = "SELECT count(*) FROM orders WHERE account = '{}'"
HELD_BY = "SELECT l.pid FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.pid = {}"


def await_more_orders(place: Place, *accounts: str) -> None:
    for account in accounts:
        ((before,),) = read(place.url, ORDERS.format(account))
        await_rows(place.url, ORDERS.format(account), lambda found, before=before: found[0][0] > before)  # type: ignore[misc]  # bound now


def take(url: str, account: str) -> PostgresJournal:
    """Wait in line for an account's lock, and end the session that holds it: who waits is served first."""
    thief = PostgresJournal(url, claim=AccountClaim([account]))
    held = holder(url, account)
    assert held is not None
    waiting = threading.Thread(target=thief.open)
    waiting.start()
    await_rows(
        url,
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        lambda found: found == [(1,)],
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (held.backend_pid,))
    waiting.join()
    return thief


def test_an_account_that_another_process_has_taken_is_left_alone_and_the_others_trade_on(place: Place) -> None:
    place.environment |= FAST
    daemon = place.trade("--start", "BTCUSDT")
    assert place("account", "add", "second", "third").code == 0
    assert place("start", "BTCUSDT", "--all-accounts").code == 0
    await_more_orders(place, "main", "second", "third")
    start = len(daemon.log)
    thief = take(place.url, "second")
    reason = str(daemon.log.await_event("account is down", start, account="second")["reason"])
    assert reason.startswith("traded by process ")
    ((frozen,),) = read(place.url, ORDERS.format("second"))
    await_more_orders(place, "main", "third")
    assert read(place.url, ORDERS.format("second")) == [(frozen,)]
    (second,) = [one for one in place("account", "list", "--json").data if one["account"] == "second"]
    assert (second["state"], second["reason"]) == ("down", reason)
    thief.close()
    assert place("account", "enable", "second").code == 0
    await_more_orders(place, "second")
    daemon.stop()
