"""The account command on a daemon that trades: figures that agree with each other, with the journal, after restarts."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from naive_daemon.domain.money import EXACT
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import eventually
from tests.e2e.place import Place

FAST = {"NAIVE_MARKET__SPEED": "20"}


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Iterator[Place]:
    """Give a place in which a daemon trades, and has finished some cycles."""
    place = make_place(**FAST)
    daemon = place.trade("--start", "BTCUSDT")
    daemon.log.await_event("cycle finished", count=3)
    yield place
    daemon.stop()


def shown(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = place("account", "--json").data
    return found


def test_what_it_shows_adds_up(place: Place) -> None:
    for attempt in eventually():  # a fill and its balance come one after the other, and for moments nothing is held
        with attempt:
            found = shown(place)
            (session,) = found["sessions"]
            assert found["positions"]
            (position,) = found["positions"]
            money = Decimal(found["balances"]["USDT"]["total"])
            quantity, entry, price, pnl = (
                Decimal(position[key]) for key in ("quantity", "entry_price", "last_price", "unrealised_pnl")
            )
            assert session["asset"] == position["quote_asset"] == "USDT"
            assert abs(pnl - quantity * (price - entry)) < Decimal("1e-12")
            assert Decimal(session["value"]) > 0
            settled = EXACT.add(money, Decimal(session["value"]))
            assert Decimal(session["realised_pnl"]) == EXACT.subtract(settled, Decimal(session["starting_balance"]))
            assert Decimal(session["balance_if_closed"]) == EXACT.add(settled, pnl)
            assert Decimal(session["depth"]["without_pnl"]) > 0
            assert found["metadata"]["BTCUSDT"]["entries_long"] >= 1
    assert found["metadata"]["BTCUSDT"]["last_cycle_profit"] is not None
    assert found["metadata_health"]["state"] == "restored"
    assert found["dust"].keys() <= {"BTC"}


def test_people_read_tables(place: Place) -> None:
    for attempt in eventually():
        with attempt:
            told = place("account")
            assert told.code == 0, told.err
            assert told.out.startswith("account main, session since 20")
            heads = [line.split()[0] for line in told.out.split("\n\n")[1:]]
            assert heads == ["asset", "symbol", "created", "asset", "symbol"]
            assert "LONG" in told.out
            assert " %" in told.out


def test_an_account_that_is_not_traded_is_refused(place: Place) -> None:
    refused = place("account", "--account", "nobody")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: the daemon does not trade account nobody\nhint: it trades main\n"


def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    refused = Place(tmp_path / "home")("account", "--json")
    assert (refused.code, refused.out) == (69, "")
    assert json.loads(refused.err)["error"]["exit_code"] == 69


def test_metadata_positions_and_orders_are_there_again_after_an_end_and_after_a_kill(elsewhere: Place) -> None:
    daemon = elsewhere.trade("--start", "BTCUSDT", **FAST)
    daemon.log.await_event("cycle finished", count=2)
    assert elsewhere("shutdown", "BTCUSDT", "--no-wait").code == 0  # no fresh cycle: what is held can only be sold
    daemon.stop()
    assert not daemon.log.events("metadata is not written whole")
    slow = {"NAIVE_MARKET__SPEED": "0.01"}  # the market stands: what is there now was there at the end
    daemon = elsewhere.trade(**slow)
    first = shown(elsewhere)
    known = first["metadata"]["BTCUSDT"]
    assert known["last_cycle_profit"] is not None
    assert known["last_closed_price"] is not None
    assert [order["side"] for order in first["orders"]].count("SELL") == known["entries_long"]
    journaled = {line["client_order_id"] for line in elsewhere("orders", "--open", "--json").data}
    assert {order["client_order_id"] for order in first["orders"]} == journaled
    daemon.kill()
    daemon.await_end()
    daemon = elsewhere.trade(**slow)
    second = shown(elsewhere)
    assert second["metadata"]["BTCUSDT"] == known
    assert [(one["symbol"], one["quantity"]) for one in second["positions"]] == [
        (one["symbol"], one["quantity"]) for one in first["positions"]
    ]
    daemon.stop()
