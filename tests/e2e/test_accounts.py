"""Several accounts of one daemon, through the installed program: added, disabled, enabled, killed and back again."""

import json

import psycopg

from tests.e2e.books import Books, await_rows
from tests.e2e.daemon import eventually
from tests.e2e.place import Place

# With a small fee a sell is soon filled: else all five traders may wait for their price longer than anybody here does.
FAST = {"NAIVE_MARKET__SPEED": "20", "NAIVE_EXCHANGE__MAKER_FEE": "0.0001"}
EXTRA = ("second", "third")
ALL = ("main", *EXTRA)
ORDERS = "SELECT count(*) FROM orders WHERE account = '{}'"
# Far from the market, so that it rests for as long as nobody cancels it.
RESTING = "SELECT client_order_id FROM orders WHERE account = 'third' AND symbol = 'ETHUSDT' AND status = 'open'"
SAID_OF_FIRST = """
    SELECT account, symbol, state FROM actual_states WHERE account IN ('main', 'second')
    UNION ALL SELECT account, daemon, state FROM account_conditions WHERE daemon = 'main'
    UNION ALL SELECT account, beside, is_enabled::text FROM accounts WHERE account = 'second' ORDER BY 1, 2, 3
"""
COMPLETED = "SELECT count(DISTINCT account) FROM cycles WHERE outcome = 'completed'"


def states(place: Place) -> dict[str, str | None]:
    return {one["account"]: one["state"] for one in place("account", "list", "--json").data}


def await_more_orders(place: Place, account: str) -> None:
    """Wait until the account has placed orders."""
    ((count,),) = await_rows(place.url, ORDERS.format(account), bool)
    await_rows(place.url, ORDERS.format(account), lambda found: found[0][0] > count)


def test_accounts_come_and_go_while_all_others_trade_and_come_back_after_kill_9(place: Place) -> None:
    place.environment |= FAST
    daemon = place.trade("--start", "BTCUSDT")
    assert place("account", "add", *EXTRA).out.splitlines() == ["second  added", "third   added"]
    assert states(place) == dict.fromkeys(ALL, "up")
    rows = place("start", "BTCUSDT", "--all-accounts", "--json").data["symbols"]
    assert [(row["account"], row["confirmed"]) for row in rows] == [(name, True) for name in ALL]
    for name in ALL:  # traders enough that a market that falls for long leaves one that may buy
        assert place("settings", "set", "BTCUSDT", "chunks=20", "--account", name).code == 0
    assert place("settings", "set", "ETHUSDT", "buy_down_interval=0.5", "--account", "third").code == 0
    assert place("start", "ETHUSDT", "--account", "third").code == 0
    resting = await_rows(place.url, RESTING, bool)
    await_rows(place.url, COMPLETED, lambda found: found == [(3,)])

    assert place("account", "disable", "third").out == "third  disabled\n"
    ((placed,),) = await_rows(place.url, ORDERS.format("third"), bool)
    shown = {row["account"] for row in place("status", "--json").data["symbols"]}
    assert shown == set(ALL), "what is disabled is shown, as its orders rest"
    await_more_orders(place, "second")
    assert await_rows(place.url, RESTING, bool) == resting, "what rests stays"
    assert await_rows(place.url, ORDERS.format("third"), bool) == [(placed,)], "nothing is added"

    assert place("kill-switch", "on", "--json").data["accounts"] == {"main": True, "second": True}
    assert place("kill-switch", "off").code == 0
    assert place("account", "enable", "third").out == "third  enabled\n"
    await_more_orders(place, "third")

    place("account", "disable", "second")
    daemon.kill()
    listed = place("account", "list", "--json").data
    assert [(one["account"], one["is_enabled"], one["state"], one["symbols_on"]) for one in listed] == [
        ("main", True, None, 1), ("second", False, None, 1), ("third", True, None, 2),
    ]  # fmt: skip
    daemon = place.trade()
    for attempt in eventually():
        with attempt:
            assert states(place) == {"main": "up", "second": "off", "third": "up"}
    assert place("account", "enable", "second").code == 0
    for name in ALL:
        await_more_orders(place, name)
        Books(place.url, name).check()
    assert await_rows(place.url, RESTING, bool) == resting
    assert place("account", "show").out.startswith("account main, session since")
    assert place("account", "--account", "third").out.startswith("account third, session since")
    daemon.stop()


def test_two_daemons_on_one_database_have_each_their_own_accounts(place: Place, elsewhere: Place) -> None:
    place.environment |= FAST
    daemon = place.trade("--start", "BTCUSDT")
    elsewhere.environment |= {"NAIVE_DATABASE_URL": place.url, "NAIVE_ACCOUNT": "live"}
    assert place("account", "add", "second").code == 0
    assert place("start", "BTCUSDT", "--account", "second").code == 0
    assert elsewhere("account", "add", "alice", "--no-wait").code == 0
    assert elsewhere("start", "BTCUSDT", "--account", "alice", "--no-wait").code == 0
    before = await_rows(place.url, SAID_OF_FIRST, bool)
    with psycopg.connect(place.url, autocommit=True) as server:
        server.execute("LISTEN naive_actual")
        other = elsewhere.trade("--start", "BTCUSDT")
        for attempt in eventually():
            with attempt:
                assert states(elsewhere) == {"live": "up", "alice": "up"}
        assert elsewhere("start", "ETHUSDT", "--all-accounts").code == 0
        assert elsewhere("account", "disable", "second").code == 2
        other.stop()
        told = {json.loads(one.payload)["account"] for one in server.notifies(timeout=0)}
    assert told == {"live", "alice"}
    assert await_rows(place.url, SAID_OF_FIRST, bool) == before
    assert states(place) == {"main": "up", "second": "up"}
    for name in ("main", "second"):
        await_more_orders(place, name)
    refused = elsewhere.run(NAIVE_ACCOUNT="second")
    assert refused.await_end() == 1, "the one that trades it holds its lock"
    assert place("account", "disable", "second").code == 0
    refused = elsewhere.run(NAIVE_ACCOUNT="second")
    assert refused.await_end() == 78
    assert refused.log.plain_lines()[0].startswith("error: account second belongs to the daemon of account main")
    daemon.stop()


def test_a_bad_name_is_refused_before_a_database_is_made(elsewhere: Place) -> None:
    answer = elsewhere("account", "add", "--", "';DROP TABLE accounts;--")
    assert (answer.code, answer.out) == (2, "")
    assert "is no name of an account" in answer.err.splitlines()[0]
    assert not elsewhere.home.exists()


def test_what_sql_writes_badly_does_not_harm_the_daemon(place: Place) -> None:
    daemon = place.trade("--start", "BTCUSDT")
    with psycopg.connect(place.url, autocommit=True) as operator:
        operator.execute(
            "INSERT INTO accounts (account, beside, credentials) "
            "VALUES ('main', 'elsewhere', 'env:NONE'), ('b', 'main', 'env:NAIVE_B'), ('c', 'main', NULL)"
        )
    for attempt in eventually():
        with attempt:
            assert set(states(place)) == {"main", "b", "c"}
            assert states(place)["main"] == "up"
            assert states(place)["b"] is not None
    assert daemon.is_running()
    daemon.stop()
