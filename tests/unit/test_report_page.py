"""The page of a report: one file, nothing from elsewhere, no stranger's word is obeyed, never too large."""

import base64
import hashlib
import html
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from naive_daemon.cli.report_output import write_page
from naive_daemon.report.line import POINTS_MAX, Line
from naive_daemon.report.maker import LastPrice, Made, ReportMaker
from naive_daemon.report.page import BLOCK_CHARTS_MAX, ROWS_MAX, SYMBOL_CHARTS_MAX, render
from tests.unit.report_cycle import HEADING, HOUR_NS, INSTRUMENTS, START_NS, ended, made

EVIL = "<script>alert(1)</script>\"'&"


def charts(page: str) -> list[Any]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def scripts(page: str) -> list[str]:
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_what_strangers_wrote_is_shown_and_not_obeyed() -> None:
    heading = msgspec.structs.replace(HEADING, account=EVIL, source=EVIL)
    page = render(made(ended(1, "1", symbol=EVIL, fees={EVIL: "1"}), heading=heading))
    assert "<script>alert" not in page
    assert "</script>\"'" not in page
    assert html.unescape(re.search(r"<h1>(.*)</h1>", page)[1]) == f"Trading report: {EVIL}"
    (equity, _, _) = charts(page)
    assert equity["layout"]["yaxis"]["title"]["text"] == f"Realised PnL (quote of {html.escape(EVIL)})"
    assert len(scripts(page)) == 2


def test_the_policy_of_the_page_lets_its_own_scripts_run_and_nothing_else() -> None:
    page = render(made(ended(1, "1")))
    policy = html.unescape(re.search(r'Content-Security-Policy" content="(.*?)"', page)[1])
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts(page)}
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    assert set(allowed["script-src"].split()) == hashes
    assert "http" not in policy


def test_nothing_is_loaded_from_elsewhere() -> None:
    shell = without_scripts(render(made(ended(1, "1"))))
    assert re.findall(r'(?:src|href|action)="([^"]*)"', shell) == ["data:,"]
    assert "url(" not in shell
    assert "@import" not in shell
    assert "//" not in shell.replace("</", "")
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in shell


def test_the_heading_says_of_whom_from_when_to_when_and_made_by_what() -> None:
    shell = without_scripts(render(made(ended(1, "1"))))
    assert "<h1>Trading report: main</h1>" in shell
    assert "2026-01-01 00:00:00 UTC to 2026-01-01 01:00:00 UTC" in shell
    assert "Made 2026-02-11 16:00:00 UTC by naive-daemon 1.2.3" in shell


def test_a_report_of_nothing_says_so_and_is_small() -> None:
    page = render(made())
    assert "Nothing was traded in this span." in page
    assert len(page) < 20_000
    assert charts(page) == []
    assert '<p class="about">since the beginning</p>' in page


def test_a_report_of_nothing_says_what_was_asked_for() -> None:
    heading = msgspec.structs.replace(HEADING, since_ns=START_NS, until_ns=START_NS + HOUR_NS)
    asked = "since 2026-01-01 00:00:00 UTC, until 2026-01-01 01:00:00 UTC"
    assert f'<p class="about">{asked}</p>' in render(made(heading=heading))


def test_a_drawdown_says_what_is_not_in_it() -> None:
    page = render(made(ended(1, "1")))
    assert "<h3>Drawdown of the realised PnL, USDT</h3>" in page
    assert "What open cycles would lose at the last price is not in it." in page


def of_a_year(count: int) -> Made:
    results = ("3", "-1", "2", "-4")
    return made(*(ended(number, results[number % 4], starts_h=number) for number in range(count)))


def test_charts_are_bounded_and_what_is_left_out_is_told() -> None:
    year = of_a_year(8_760)
    year.symbol_curves["BTCUSDT"].price = Line().extend((START_NS + n, Decimal(n)) for n in range(50_000))
    page = render(year)
    equity, price, drawdown = charts(page)
    for chart in (equity, price, drawdown):
        for trace in chart["data"]:
            assert 2 <= len(trace["x"]) == len(trace["y"]) <= POINTS_MAX + 2
    shell = without_scripts(page)
    assert re.search(r"1,\d\d\d of 8,760 points are drawn", shell)
    assert re.search(r"[\d,]+ of 50,000 points are drawn", shell)
    assert re.search(r"\d\d\d of 8,760 cycles are marked", shell)
    assert max(drawdown["data"][0]["y"]) == 0
    assert min(drawdown["data"][0]["y"]) == -float(year.report.blocks[0].figures.max_drawdown)
    assert len(page) < 6_000_000


def test_a_chart_goes_from_the_start_of_the_span_to_its_end() -> None:
    equity, price, _ = charts(render(made(ended(1, "5"), ended(2, "-2", starts_h=4))))
    hours = [(x * 1_000_000 - START_NS) / HOUR_NS for x in equity["data"][0]["x"]]
    assert hours == [0, 1, 5, 5]
    assert equity["data"][0]["y"] == [0, 5, 3, 3]
    line, _, buys, sells = price["data"]
    assert (line["y"], buys["y"], sells["y"]) == ([50, 55, 50, 48], [50, 50], [55, 48])


def test_many_symbols_have_one_row_each_and_the_largest_a_chart() -> None:
    names = [f"S{number:03}USDT" for number in range(ROWS_MAX + 5)]
    listed = {name: msgspec.structs.replace(INSTRUMENTS["BTCUSDT"], symbol=name, base_asset=name[:4]) for name in names}
    maker = ReportMaker(listed)
    maker.extend(ended(1, "1", symbol=name, bought=str(number + 1)) for number, name in enumerate(names))
    page = render(maker.make(HEADING, {}))
    largest = names[::-1]
    assert re.findall(r"<h3>(\w+): cycles on the price", page) == largest[:SYMBOL_CHARTS_MAX]
    assert re.findall(r'<tr data-symbol="(\w+)">', page) == largest[:ROWS_MAX]
    assert "5 more symbols, of less turnover, are left out here" in page
    assert f"{len(names) - SYMBOL_CHARTS_MAX} more symbols, of less turnover, have no chart" in page


def test_many_quote_assets_have_figures_and_the_first_have_charts() -> None:
    cycles = [ended(count, "1", symbol=f"OLD{number}") for number in range(9) for count in range(number + 1)]
    page = render(made(*cycles))
    assert len(charts(page)) == 3 * BLOCK_CHARTS_MAX
    assert re.findall(r"OLD\d(?=: cycles on the price)", page) == ["OLD5", "OLD6", "OLD7", "OLD8"]
    assert page.count("this one has figures only") == 9 - BLOCK_CHARTS_MAX


def test_many_days_are_cut_to_the_newest_and_the_rest_is_counted() -> None:
    page = without_scripts(render(made(*(ended(day, "1", starts_h=24 * day) for day in range(ROWS_MAX + 3)))))
    days = re.findall(r'data-day="([\d-]+)"', page)
    assert len(days) == ROWS_MAX
    assert days == sorted(days, reverse=True)
    assert days[-1] == "2026-01-04"
    assert "3 earlier days are left out here" in page


def test_the_price_of_unrealised_pnl_is_named_with_its_time() -> None:
    opened = msgspec.structs.replace(ended(2, "0"), finished_ns=None, outcome=None, exited_ns=None, sold=Decimal(0))
    price = {"BTCUSDT": LastPrice(Decimal(60), START_NS + HOUR_NS, "last fill")}
    assert "BTCUSDT: 60 USDT, last fill, 2026-01-01 01:00:00 UTC" in render(made(ended(1, "1"), opened, prices=price))
    assert "BTCUSDT: no price is known" in render(made(ended(1, "1"), opened))


def test_every_figure_stands_on_the_page_exactly_as_well() -> None:
    result = made(ended(1, "1.23456789"), ended(2, "-0.1", starts_h=30))
    shown = dict(re.findall(r'<div><dt>.*?<data data-name="(\w+)" value="([^"]*)"', render(result)))
    figures = result.report.blocks[0].figures
    assert shown["realised_pnl"] == "1.13456789"
    assert shown["win_rate"] == "0.5"
    assert shown["sortino"] == f"{figures.sortino:f}".rstrip("0")
    assert set(figures.__struct_fields__) | {"dust"} == set(shown)


def test_a_file_name_that_is_no_text_is_shown_escaped(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    size_bytes = write_page(page, made(heading=msgspec.structs.replace(HEADING, source="Backtest of \udcff.csv")))
    assert page.stat().st_size == size_bytes
    assert "Backtest of \\udcff.csv" in page.read_text(encoding="utf-8")
