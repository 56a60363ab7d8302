"""What befalls one account of a running daemon touches no other: another process takes it, its key is revoked."""

import threading
from pathlib import Path

import psycopg

from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim, holder
from tests.e2e.books import await_rows, read
from tests.e2e.daemon import eventually
from tests.e2e.place import Place
from tests.exchange.local_exchange import LocalExchange
from tests.exchange.trial import symbols_of, write_listing

FAST = {"NAIVE_MARKET__SPEED": "20"}
ORDERS = "SELECT count(*) FROM orders WHERE account = '{}'"


def await_more_orders(place: Place, *accounts: str) -> None:
    for account in accounts:
        ((before,),) = read(place.url, ORDERS.format(account))
        await_rows(place.url, ORDERS.format(account), lambda found, before=before: found[0][0] > before)  # type: ignore[misc]  # bound now


def await_trading(place: Place, exchange: LocalExchange, symbol: str, *accounts: str) -> None:
    """Swing the market until each of the accounts has placed one more order."""
    before = {account: read(place.url, ORDERS.format(account))[0][0] for account in accounts}
    for attempt in eventually():
        with attempt:
            for price in ("100", "99.9", "99.7", "100", "100.3"):
                exchange.trade(symbol, price)
            now = {account: read(place.url, ORDERS.format(account))[0][0] for account in accounts}
            assert all(now[account] > before[account] for account in accounts), (before, now)


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


def await_state(place: Place, account: str, state: str) -> dict[str, object]:
    """Wait until the daemon says that an account is so; gives all that it says."""
    for attempt in eventually():
        with attempt:
            (found,) = [one for one in place("account", "list", "--json").data if one["account"] == account]
            assert found["state"] == state
    return dict(found)


def test_a_revoked_key_a_wrong_one_and_one_that_is_used_twice_stop_that_account_alone(
    place: Place, tmp_path: Path
) -> None:
    listing, (symbol,) = tmp_path / "listing.json", symbols_of(1)
    write_listing(listing, [symbol])
    options = ("--exchange-info", str(listing), "--account-count", "4")
    with LocalExchange(tmp_path, *options) as exchange:
        exchange.pause()
        place.connect(exchange, NAIVE_EXCHANGE__BINANCE__REFRESH_S="5")
        place.trade("--start", symbol)
        assert place("account", "add", "--from", str(exchange.folder / "accounts.csv")).code == 0
        copied, wrong = tmp_path / "copied.toml", tmp_path / "wrong.toml"
        for path, key in ((copied, exchange.keys_of(1)), (wrong, ("no-such-key", "secret"))):
            path.write_text(f'api_key = "{key[0]}"\napi_secret = "{key[1]}"\n')
            path.chmod(0o600)
        wrong_one = ("account", "add", "wrong", "--credentials", f"file:{wrong}")
        assert place(*wrong_one, "--no-wait").code == 0
        quick = ("profit_interval=0.0002", "rebuy_interval=0.0005", "buy_down_interval=0.0001", "chunks=3")
        assert place("settings", "set", symbol, *quick, "--all-accounts").code == 0
        assert place("start", symbol, "--all-accounts", "--no-wait").code == 0
        everybody = ("main", "account-001", "account-002", "account-003")
        await_trading(place, exchange, symbol, *everybody)
        assert str(await_state(place, "wrong", "down")["reason"]).startswith("Binance refuses the API key")
        exchange.fault("revoke", value="account-002")
        down = await_state(place, "account-002", "down")
        assert "refuses" in str(down["reason"])
        others = [account for account in everybody if account != "account-002"]
        await_trading(place, exchange, symbol, *others)
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO accounts (account, beside, credentials) VALUES (%s, 'main', %s)",
                ("copy", f"file:{copied}"),
            )
        twice = await_state(place, "copy", "down")
        assert twice["reason"] == "account copy has the same API key as account account-001"
        await_trading(place, exchange, symbol, *others)
        assert await_state(place, "account-001", "up")["reason"] is None
