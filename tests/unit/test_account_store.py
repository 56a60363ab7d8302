"""The account's state store: each thing that it keeps, told and read back, and what follows from all of it."""

from decimal import Decimal

import msgspec
import pytest

from naive_daemon.account.positions import HeldPosition, PositionCounts
from naive_daemon.account.session import Depth
from naive_daemon.account.store import AccountStateStore, Balance
from naive_daemon.domain.events import BalanceUpdated
from naive_daemon.domain.position import PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


class Note(msgspec.Struct, frozen=True):
    entries: int = 0
    price: Decimal | None = None


class Loose(msgspec.Struct):
    entries: int = 0


Store = AccountStateStore[Note]


@pytest.fixture
def store() -> Store:
    return AccountStateStore()


def balance(asset: str, free: str, time_ns: int = 0, locked: str = "0") -> BalanceUpdated:
    return BalanceUpdated(account="main", asset=asset, free=Decimal(free), locked=Decimal(locked), time_ns=time_ns)


def held(
    symbol: str, quantity: str, entry: str = "10", *, time_ns: int = 0, asset: str = "Q", base: str = ""
) -> HeldPosition:
    side = SHORT if quantity.startswith("-") else LONG
    return HeldPosition(
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        entry_price=Decimal(entry),
        base_asset=base,
        quote_asset=asset,
        time_ns=time_ns,
    )


# Balances -------------------------------------------------------------------------------------------------------------


def test_each_asset_has_a_balance_of_its_own(store: Store) -> None:
    assert store.balances.set(balance("USDT", "7", 5, locked="1.5"))
    assert store.balances.set(balance("EUR", "3"))
    assert store.balances.get("USDT") == Balance(Decimal(7), Decimal("1.5"), 5)
    assert store.balances.get("USDT").total == Decimal("8.5")
    assert store.balances.all().keys() == {"USDT", "EUR"}
    assert store.balances.get("never named") == Balance()


def test_an_older_balance_is_refused_and_one_as_old_is_taken(store: Store) -> None:
    assert store.balances.set(balance("Q", "7", 5))
    assert not store.balances.set(balance("Q", "9", 4))
    assert store.balances.get("Q").free == 7
    assert store.balances.set(balance("Q", "8", 5))
    assert store.balances.get("Q").free == 8


def test_the_previous_balance_is_the_one_that_was_stored(store: Store) -> None:
    assert store.balances.get_previous_balance("Q") == Balance()
    store.balances.set(balance("Q", "7"))
    store.balances.store_previous_balance("Q")
    store.balances.set(balance("Q", "9"))
    assert store.balances.get_previous_balance("Q").free == 7
    assert store.balances.get_previous_balance("other") == Balance()


def test_what_is_handed_out_of_balances_and_leverages_is_a_copy(store: Store) -> None:
    store.balances.set(balance("Q", "7"))
    store.leverages.set("AQ", Decimal(2))
    store.balances.all().clear()
    store.leverages.all().clear()
    assert store.balances.get("Q").free == 7
    assert store.leverages.get("AQ") == 2


# Positions ------------------------------------------------------------------------------------------------------------


def test_positions_are_told_and_forgotten_by_symbol_and_side(store: Store) -> None:
    positions = store.positions
    assert positions.get("AQ", LONG) is None
    assert positions.set(held("AQ", "2"))
    assert positions.set(held("AQ", "-3"))
    assert positions.get("AQ", LONG) == held("AQ", "2")
    assert positions.get("AQ", SHORT) == held("AQ", "-3")
    assert positions.delete("AQ", LONG)
    assert not positions.delete("AQ", LONG)
    assert positions.all() == (held("AQ", "-3"),)


def test_only_what_holds_something_counts_as_a_position(store: Store) -> None:
    positions = store.positions
    positions.set(held("AQ", "2", time_ns=1))
    positions.set(held("BQ", "0"))
    assert positions.all() == (held("AQ", "2", time_ns=1),)
    assert positions.get("BQ", LONG) == held("BQ", "0")
    assert positions.is_symbol_side_in_position("AQ", LONG)
    assert not positions.is_symbol_side_in_position("AQ", SHORT)
    assert positions.is_symbol_in_any_position("AQ")
    assert not positions.is_symbol_in_any_position("BQ")
    positions.set(held("AQ", "0", time_ns=2))
    assert positions.all() == ()


def test_a_hedged_symbol_counts_two_positions_and_one_hedge(store: Store) -> None:
    for position in (held("AQ", "2"), held("AQ", "-1"), held("BQ", "-3"), held("CQ", "4")):
        store.positions.set(position)
    assert store.positions.counts() == PositionCounts(total=4, hedged=1)
    assert store.positions.total_hedged() == 1
    assert store.totals("Q").counts == PositionCounts(total=4, hedged=1)


def test_an_older_position_is_refused_after_a_delete_too(store: Store) -> None:
    positions = store.positions
    assert positions.set(held("AQ", "2", time_ns=5))
    assert not positions.set(held("AQ", "9", time_ns=4))
    positions.delete("AQ", LONG)
    assert not positions.set(held("AQ", "9", time_ns=4))
    assert positions.all() == ()
    assert positions.set(held("AQ", "3", time_ns=5))


@pytest.mark.parametrize(("side", "quantity"), [(LONG, "-1"), (SHORT, "1")])
def test_a_quantity_of_the_other_side_is_refused(side: PositionSide, quantity: str) -> None:
    with pytest.raises(ValueError, match=f"is no {side} position"):
        HeldPosition(symbol="AQ", side=side, quantity=Decimal(quantity), entry_price=Decimal(1))


@pytest.mark.parametrize("leverage", ["0", "-1", "NaN", "Infinity"])
def test_a_leverage_is_above_nothing(store: Store, leverage: str) -> None:
    with pytest.raises(ValueError, match="a leverage is a number above 0"):
        store.leverages.set("AQ", Decimal(leverage))


def test_leverage_is_one_until_it_is_set(store: Store) -> None:
    assert store.leverages.get("AQ") == 1
    assert store.leverages.all() == {}
    store.leverages.set("AQ", Decimal(5))
    assert store.leverages.get("AQ") == 5
    assert store.leverages.all() == {"AQ": Decimal(5)}


def test_a_price_gives_each_open_side_its_unrealised_pnl(store: Store) -> None:
    store.positions.set(held("AQ", "2", "10"))
    store.positions.set(held("AQ", "-3", "10"))
    assert store.positions.unrealised_pnl("AQ", LONG) is None
    store.positions.take_price("AQ", Decimal("11.5"))
    assert store.positions.price("AQ") == Decimal("11.5")
    assert store.positions.unrealised_pnl("AQ", LONG) == 3
    assert store.positions.unrealised_pnl("AQ", SHORT) == Decimal("-4.5")
    assert store.positions.unrealised_pnl("never held", LONG) == 0


# Metadata -------------------------------------------------------------------------------------------------------------


def test_metadata_is_set_changed_and_forgotten(store: Store) -> None:
    table = store.metadata
    assert table.get("AQ") is None
    with pytest.raises(KeyError, match="AQ has no metadata yet"):
        table.set_value("AQ", "entries", 1)
    table.set("AQ", Note(1, Decimal(2)))
    table.set_value("AQ", "entries", 5)
    assert table.get("AQ") == Note(5, Decimal(2))
    with pytest.raises(KeyError, match="metadata has no depth; there are entries, price"):
        table.set_value("AQ", "depth", 1)
    table.replace_all({"BQ": Note(1), "CQ": Note(2)})
    assert table.symbols() == ("BQ", "CQ")
    assert table.all() == {"BQ": Note(1), "CQ": Note(2)}
    assert table.delete("BQ")
    assert not table.delete("BQ")
    assert table.symbols() == ("CQ",)


def test_metadata_that_could_be_changed_is_refused() -> None:
    loose: AccountStateStore[Loose] = AccountStateStore()
    with pytest.raises(TypeError, match="Loose is not frozen"):
        loose.metadata.set("AQ", Loose())
    with pytest.raises(TypeError, match="Loose is not frozen"):
        loose.metadata.replace_all({"AQ": Loose()})


def test_every_change_of_metadata_is_pending_and_nothing_else_is(store: Store) -> None:
    store.balances.set(balance("Q", "1"))
    store.positions.set(held("AQ", "1"))
    store.positions.take_price("AQ", Decimal(1))
    store.leverages.set("AQ", Decimal(1))
    store.metadata.delete("AQ")
    assert not store.is_pending_persist
    changes = (
        lambda: store.metadata.set("AQ", Note()),
        lambda: store.metadata.set_value("AQ", "entries", 2),
        lambda: store.metadata.replace_all({"AQ": Note()}),
        lambda: store.metadata.delete("AQ"),
    )
    for change in changes:
        change()
        assert store.is_pending_persist
        store.metadata.is_pending_persist = False


# What follows ---------------------------------------------------------------------------------------------------------


def test_a_session_on_spot_counts_what_positions_have_cost_as_not_spent(store: Store) -> None:
    store.balances.set(balance("Q", "900", locked="50"))
    store.positions.set(held("AQ", "2", "10"))
    store.positions.set(held("BQ", "1", "40"))
    store.positions.set(held("CE", "1", "500", asset="E"))
    store.positions.take_price("AQ", Decimal(12))
    summary = store.session_summary("Q", Decimal(1000))
    assert [position.symbol for position in summary.positions] == ["AQ", "BQ"]
    assert summary.totals.value == summary.totals.margin == 60
    assert summary.totals.unrealised_pnl == 4
    assert summary.totals.unpriced == ("BQ",)
    assert summary.realised_pnl == 950 + 60 - 1000
    assert summary.balance_if_closed == 950 + 60 + 4


def test_what_positions_hold_of_a_quote_asset_is_no_money_of_its_own(store: Store) -> None:
    store.balances.set(balance("BTC", "10.5"))
    store.balances.set(balance("USDT", "900"))
    store.positions.set(held("BTCUSDT", "0.5", "200", asset="USDT", base="BTC"))
    store.positions.set(held("ETHBTC", "20", "0.05", asset="BTC", base="ETH"))
    assert store.settled_balance("BTC") == 10 + 1
    assert store.settled_balance("USDT") == 1000


def test_a_session_on_margin_leaves_the_balance_as_it_is(store: Store) -> None:
    store = AccountStateStore(is_spot=False)
    store.balances.set(balance("Q", "1000"))
    store.leverages.set("AQ", Decimal(4))
    store.positions.set(held("AQ", "2", "10"))
    store.positions.set(held("AQ", "-1", "8"))
    store.positions.take_price("AQ", Decimal(9))
    summary = store.session_summary("Q", Decimal(990))
    assert [(one.leverage, one.margin, one.unrealised_pnl) for one in summary.positions] == [(4, 5, -2), (4, 2, -1)]
    assert (summary.totals.value, summary.totals.margin, summary.totals.unrealised_pnl) == (28, 7, -3)
    assert summary.realised_pnl == 10
    assert summary.balance_if_closed == 997
    assert store.depth("Q") == Depth(Decimal(7) / 1000, Decimal(4) / 997)


def test_depth_is_the_share_of_the_balance_that_is_in_positions(store: Store) -> None:
    assert store.depth("Q") == Depth(None, None)
    store.balances.set(balance("Q", "75"))
    assert store.depth("Q") == Depth(Decimal(0), Decimal(0))
    store.positions.set(held("AQ", "5", "5"))
    store.positions.take_price("AQ", Decimal(10))
    assert store.depth("Q") == Depth(Decimal("0.25"), Decimal("0.4"))


def test_nothing_is_rounded_away_where_it_is_multiplied_and_added(store: Store) -> None:
    store.balances.set(balance("Q", "123456789012345678901234567890"))
    store.positions.set(held("AQ", "0.00000000000000000001", "1"))
    assert store.settled_balance("Q") == Decimal("123456789012345678901234567890.00000000000000000001")
