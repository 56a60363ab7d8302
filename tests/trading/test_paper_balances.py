"""What a paper account owns: the newest balance stays, whichever clock is ahead, and not a digit is lost."""

from decimal import Decimal
from pathlib import Path

import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.config import load_config
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.events import Trade
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.client import balances_after
from naive_daemon.execution.journal_store import AccountJournal, SideTotal
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.venues import PaperVenue
from tests.trading.plant import FEE, START_NS, Plant, instrument
from tests.trading.table import ACCOUNT


def play(plant: Plant, price: str, time_ns: int) -> None:
    """Print a trade of another time than the wall clock's, as a replay does, or a market that runs faster."""
    plant.trade_id += 1
    trade = Trade("AAAQ", Decimal(price), Decimal(1), plant.trade_id, time_ns)
    for message in (TradeArrived(trade), DeliverTrade()):
        plant.system.tell(names.feed("AAAQ"), message)
        plant.settle()


@pytest.mark.parametrize("offset_s", [-(10**6), 10**6])
def test_balances_follow_though_the_market_has_another_time(offset_s: int) -> None:
    plant = Plant().start().on()
    time_ns = START_NS + offset_s * NS_PER_S
    for number, price in enumerate(["100", "99.8", "99.3", "100.3", "100", "99.8"]):
        play(plant, price, time_ns + number)
        plant.check()
    plant.kill(names.account(ACCOUNT))  # it asks for its balances anew, on the wall clock
    for number, price in enumerate(["100.3", "100", "99.8", "99.3"]):
        play(plant, price, time_ns + 100 + number)
        plant.check()
    assert plant.completed() == 2


def test_books_are_added_up_exactly() -> None:
    """28 digits would round these."""
    journal = AccountJournal(
        live_orders=(),
        totals=(
            SideTotal("AAAQ", Side.BUY, Decimal("1000000000000.00000000000000000001"), Decimal("2E+12")),
            SideTotal("AAAQ", Side.SELL, Decimal("0.00000000000000000002"), Decimal("0.00000000000000000005")),
        ),
        commissions={"AAA": Decimal("7.00000000000000000001"), "Q": Decimal("0.00000000000000000001")},
        orders_count=2,
        fills_count=2,
    )
    assert balances_after({"Q": Decimal("1E+13")}, journal, {"AAAQ": instrument()}) == {
        "AAA": Decimal("999999999992.99999999999999999998"),
        "Q": Decimal("8000000000000.00000000000000000004"),
    }


@pytest.mark.parametrize("prices", [["100"], ["100", "99.8"], ["100", "99.8", "100.3", "100.4"]])
def test_a_symbol_that_is_listed_no_more_keeps_no_account_down(prices: list[str], tmp_path: Path) -> None:
    """Its orders are over, what was bought of it stays, with what it cost, and the other symbols trade on."""
    plant = Plant("AAAQ", "BBBQ").start().on()
    plant.play(map(Decimal, prices))
    owned = {asset: each.free + each.locked for asset, each in plant.balances(ACCOUNT).items()}
    plant.die()
    plant.symbols = ("AAAQ",)
    config = load_config(None, {"home": tmp_path, "exchange": {"balances": plant.opening}})
    opened = PaperVenue(config, plant.instruments).open(
        AccountSettings(name=ACCOUNT), None, plant.journal, lambda *_: None, shall_end=lambda: False
    )
    assert opened.maker_fee == FEE
    plant.start()
    assert {asset: each.free + each.locked for asset, each in plant.balances(ACCOUNT).items()} == owned
    assert [order for order in plant.orders() if order.symbol == "BBBQ" and not order.status.is_terminal] == []
    before = plant.completed()
    plant.trades("100", "99.8", "99", "101", "102", "103")
    assert plant.completed() > before


@pytest.mark.parametrize(
    ("symbol", "assets"),
    [("BBBQ", ("BBB", "Q")), ("BBCQ", ("BB", "CQ")), ("BBDCQ", ("BBD", "CQ")), ("BBBX", None), ("Q", None)],
)
def test_assets_of_a_symbol_that_is_listed_no_more_are_known_by_its_name(
    symbol: str, assets: tuple[str, str] | None
) -> None:
    journal = AccountJournal(
        live_orders=(),
        totals=(SideTotal(symbol, Side.BUY, Decimal(3), Decimal(2)),),
        commissions={"BB": Decimal(1)},
        orders_count=1,
        fills_count=1,
    )
    opening = {"BB": Decimal(10), "Q": Decimal(10), "CQ": Decimal(10)}
    expected = opening | {"BB": Decimal(9)}
    if assets is not None:
        base, quote = assets
        expected |= {base: expected.get(base, Decimal(0)) + 3, quote: expected[quote] - 2}
    assert balances_after(opening, journal, {}) == expected


def test_a_digit_that_would_be_lost_is_an_error() -> None:
    journal = AccountJournal(
        live_orders=(), totals=(), commissions={"Q": Decimal("1E-250")}, orders_count=0, fills_count=0
    )
    with pytest.raises(ArithmeticError):
        balances_after({"Q": Decimal(1)}, journal, {})
