"""`report`: what it prints of a journal on a real database, as a table, JSON, CSV and a page; what it refuses."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import Cycle, CycleOutcome, CycleRecorded, CycleResult, OrderRecorded
from naive_daemon.report.traded import traded_cycles
from naive_daemon.storage.postgres.cycle_history import CycleHistory
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.journal import PostgresJournal

START_NS = 1_767_225_600_000_000_000
HOUR_NS = 3_600_000_000_000


def cycle(number: int, pnl: str | None, symbol: str = "BTCUSDT", hours: int = 1) -> Cycle:
    started_ns = START_NS + number * 30 * HOUR_NS
    result = None
    if pnl is not None:
        result = CycleResult(
            outcome=CycleOutcome.COMPLETED,
            finished_ns=started_ns + hours * HOUR_NS,
            bought=Decimal(2),
            sold=Decimal("1.9"),
            buy_price=Decimal(50),
            sell_price=Decimal(52),
            fees={"BTC": Decimal("0.1"), "BNB": Decimal("1E-7")},
            realised_pnl=Decimal(pnl),
            dust_base=Decimal("0.0"),
        )
    return Cycle(
        key=CycleKey("main", symbol, 1, number),
        budget=Decimal(200),
        fee=Decimal("0.001"),
        settings=TradeSettings(),
        started_ns=started_ns,
        result=result,
    )


def filled(of: Cycle, side: Side, price: str, quantity: str) -> OrderRecorded:
    """Give an order of the cycle that was filled: a buy half an hour after its start, a sell at its end."""
    time_ns = of.started_ns + HOUR_NS // 2 if of.result is None or side is Side.BUY else of.result.finished_ns
    order = Order(
        client_order_id=f"{of.key}-{side}",
        key=of.key,
        leg=Leg(side),
        price=Decimal(price),
        quantity=Decimal(quantity),
        created_ns=of.started_ns,
    )
    fill = OrderFilled(
        account=of.key.account,
        symbol=of.key.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id="1",
        trade_id=order.client_order_id,
        price=Decimal(price),
        quantity=Decimal(quantity),
        commission=Decimal("0.1") if side is Side.BUY else Decimal("1E-7"),
        commission_asset="BTC" if side is Side.BUY else "BNB",
        time_ns=time_ns,
    )
    return OrderRecorded(order.apply(fill), fill)


def entries(of: Cycle) -> list[CycleRecorded | OrderRecorded]:
    written: list[CycleRecorded | OrderRecorded] = [CycleRecorded(of), filled(of, Side.BUY, "50", "2")]
    return written if of.result is None else [*written, filled(of, Side.SELL, "52", "1.9")]


CYCLES = (
    cycle(1, "3"), cycle(2, "-1"), cycle(3, "2.5", hours=2), cycle(3, "-0.25", "ETHUSDT"),
    cycle(1, "0.001", "ETHBTC"), cycle(4, None), cycle(5, None, "ETHUSDT"),
)  # fmt: skip


@pytest.fixture
def journal(schema_url: str) -> str:
    store = PostgresJournal(schema_url)
    for one in CYCLES:
        store.write(entries(one))
    other = msgspec.structs.replace(CYCLES[0], key=CycleKey("other", "BTCUSDT", 1, 1))
    store.write(entries(other))
    store.close()
    return schema_url


@pytest.mark.usefixtures("journal")
def test_json_is_exactly_what_programs_are_promised(console: Any) -> None:
    data = console("report", "--json").data
    assert list(data) == [
        "account", "version", "source", "made_at", "since", "until", "from", "to", "blocks", "definitions",
    ]  # fmt: skip
    assert (data["account"], data["source"], data["since"], data["until"]) == ("main", "From the journal", None, None)
    assert data["from"] == "2026-01-02T06:00:00+00:00"
    assert data["to"] == "2026-01-07T06:30:00+00:00"
    btc, usdt = data["blocks"]
    assert (btc["quote_asset"], usdt["quote_asset"]) == ("BTC", "USDT")
    assert list(usdt) == ["quote_asset", "figures", "dust", "symbols", "days"]
    figures = usdt["figures"]
    assert {key: figures[key] for key in ("cycles", "wins", "losses", "open_cycles", "losing_streak")} == {
        "cycles": 4, "wins": 2, "losses": 2, "open_cycles": 2, "losing_streak": 2,
    }  # fmt: skip
    assert figures["realised_pnl"] == "4.25"
    assert figures["profit_factor"] == "4.4"
    assert figures["fees"] == {"BNB": "0.0000004", "BTC": "0.4"}
    assert figures["turnover"] == "795.2"
    # Open: BTCUSDT holds 2 - 0.1 that cost 100, ETHUSDT 2 (its commission is not in ETH), at their last fill of 50.
    assert figures["unrealised_pnl"] == "-5"
    assert [(one["symbol"], one["held"], one["price"], one["price_of"]) for one in usdt["symbols"]] == [
        ("BTCUSDT", "1.9", "50", "last fill"),
        ("ETHUSDT", "2", "50", "last fill"),
    ]
    assert usdt["symbols"][0]["price_at"] == "2026-01-06T00:30:00+00:00"
    assert usdt["days"][-1] == {
        "day": "2026-01-04", "cycles": 2, "wins": 1, "realised_pnl": "2.25", "realised_pnl_total": "4.25",
        "turnover": "397.6", "fees": {"BNB": "0.0000002", "BTC": "0.2"},
    }  # fmt: skip


def test_dust_in_the_hands_of_a_buy_that_waits_has_a_price_too(console: Any, schema_url: str) -> None:
    store = PostgresJournal(schema_url)
    store.write(entries(CYCLES[0]))
    store.write([CycleRecorded(msgspec.structs.replace(cycle(2, None), dust_in=Decimal("0.3")))])
    store.close()
    (block,) = console("report", "--json").data["blocks"]
    (symbol,) = block["symbols"]
    assert (symbol["held"], symbol["price"], symbol["price_of"]) == ("0.3", "52", "last fill")
    assert block["figures"]["unrealised_pnl"] == "15.6"


@pytest.mark.usefixtures("journal")
def test_symbols_and_spans_choose_what_is_reported(console: Any) -> None:
    def pnl(*arguments: str) -> dict[str, str]:
        blocks = console("report", *arguments, "--json").data["blocks"]
        return {block["quote_asset"]: block["figures"]["realised_pnl"] for block in blocks}

    assert pnl("btcusdt") == {"USDT": "4.5"}
    assert pnl("BTCUSDT", "--symbol", "ETHBTC") == {"BTC": "0.001", "USDT": "4.5"}
    assert pnl("--account", "other") == {"USDT": "3"}
    second_ends, third_ends = "2026-01-03T13:00Z", "2026-01-04T20:00Z"
    assert pnl("BTCUSDT", "--since", second_ends) == {"USDT": "1.5"}
    assert pnl("BTCUSDT", "--since", second_ends, "--until", third_ends) == {"USDT": "-1"}
    assert pnl("BTCUSDT", "--until", second_ends) == {"USDT": "3"}
    past = console("report", "--until", third_ends, "--json").data["blocks"][0]["figures"]
    assert (past["open_cycles"], past["unrealised_pnl"]) == (None, None)


@pytest.mark.usefixtures("journal")
def test_csv_has_a_row_for_each_ended_cycle_in_the_order_of_the_ends(console: Any) -> None:
    answer = console("report", "--csv")
    assert answer.code == 0, answer.err
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [(row["symbol"], row["cycle"], row["realised_pnl"]) for row in rows] == [
        ("BTCUSDT", "1", "3"), ("ETHBTC", "1", "0.001"), ("BTCUSDT", "2", "-1"), ("ETHUSDT", "3", "-0.25"),
        ("BTCUSDT", "3", "2.5"),
    ]  # fmt: skip
    assert rows[0]["entered_at"] == "2026-01-02T06:30:00+00:00"
    assert rows[0]["fees"] == "0.0000001 BNB; 0.1 BTC"
    assert (rows[0]["buy_price"], rows[0]["sell_price"], rows[0]["turnover"]) == ("50", "52", "198.8")


@pytest.mark.usefixtures("journal")
def test_a_table_for_people(console: Any, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    out = console("report", "--html", str(page)).out
    lines = [line.split("  ") for line in out.splitlines()]
    shown = {parts[0]: parts[-1].strip() for parts in lines if len(parts) > 1}
    assert out.splitlines()[0] == "account main, 2026-01-02 06:00:00 UTC to 2026-01-07 06:30:00 UTC"
    assert shown["Profit factor"] == "4.40"
    assert "unrealised PnL: ETHUSDT: 50 USDT, last fill, 2026-01-07 06:30:00 UTC" in out
    assert f"{page} written (4." in out
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.usefixtures("schema_url")
def test_a_journal_in_which_nothing_stands_says_so(console: Any, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    answer = console("report", "--html", str(page))
    assert (answer.code, answer.err) == (0, "")
    assert "nothing was traded in this span" in answer.out
    assert console("report", "--json").data["blocks"] == []
    assert len(console("report", "--csv").out.splitlines()) == 1
    assert "Nothing was traded" in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("BTCUSD",), 2, "unknown symbol BTCUSD"),
        (("--since", "yesterday"), 2, "'yesterday' is no moment"),
        (("--since", "2026-01-02", "--until", "2026-01-02"), 2, "--until is not after --since"),
        (("--csv", "--json"), 2, "give one of them"),
        (("--html", "/nowhere/report.html"), 1, "/nowhere/report.html can not be written: No such file or directory"),
        (("--html", "/"), 2, "is a directory"),
    ],
)
def test_bad_input_is_one_clear_line(console: Any, arguments: tuple[str, ...], code: int, told: str) -> None:
    answer = console("report", *arguments)
    assert answer.code == code
    assert told in answer.err.splitlines()[0]


def test_what_the_database_adds_up_is_what_orders_add_up_to(journal: str) -> None:
    engine = make_engine(journal)
    history = CycleHistory(engine, "main")
    read = [*history.ended(), *history.opened()]
    engine.dispose()
    store = PostgresJournal(journal)
    orders, cycles = store.history("main")
    store.close()
    assert sorted(read, key=lambda one: one.key) == sorted(traded_cycles(cycles, orders), key=lambda one: one.key)
    assert {one.key for one in read if one.finished_ns is None} == {one.key for one in CYCLES if one.result is None}


def test_an_unfilled_order_is_no_way_in(schema_url: str) -> None:
    store = PostgresJournal(schema_url)
    resting = cycle(1, None)
    order = msgspec.structs.replace(
        filled(resting, Side.BUY, "50", "2").order, filled=Decimal(0), status=OrderStatus.OPEN
    )
    store.write([CycleRecorded(resting), OrderRecorded(order)])
    store.close()
    engine = make_engine(schema_url)
    (read,) = CycleHistory(engine, "main").opened()
    engine.dispose()
    assert (read.entered_ns, read.bought, read.buy_price) == (None, 0, None)
