"""The page of a report, opened in a real browser: it draws, it fits, it needs nobody, and it says what JSON says."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser

from tests.e2e import browser as browsers
from tests.e2e.browser import DESKTOP, PHONE, Seen
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import eventually
from tests.e2e.place import Place

RECORDING = Path(__file__).parents[2] / "docs" / "BTCUSDT-trades-generated.csv.gz"
EVIL = "BTCUSDT-<img src=x onerror=alert(1)>.csv.gz"
KINDS = ["equity", "price", "drawdown"]
# How many points of each line, and marks, plotly has drawn of a chart.
_DRAWN = """() => [...document.querySelectorAll(".chart")].map((place) => ({
    kind: place.dataset.kind,
    lines: [...place.querySelectorAll(".js-line")].map((line) => line.getAttribute("d").match(/[MLHV]/g).length),
    marks: place.querySelectorAll(".point").length,
    titles: [...place.querySelectorAll(".xtitle, .ytitle")].map((title) => title.textContent),
}))"""
_FIGURES = """() => Object.fromEntries(
    [...document.querySelectorAll("[data-figures] data")].map((one) => [one.dataset.name, one.getAttribute("value")])
)"""
_OVERFLOW = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 0.5 && !one.closest("svg"))
    .map((one) => one.outerHTML.slice(0, 80))"""


class Written(NamedTuple):
    """A page, and the report as JSON of the same moment."""

    page: Path
    data: dict[str, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.started() as browser:
        yield browser


@pytest.fixture(scope="module")
def backtested(make_place: MakePlace, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Give the report of a recording with a name that a browser obeys where it is let."""
    folder = tmp_path_factory.mktemp("report")
    page, recording = folder / "backtest.html", folder / EVIL
    shutil.copy(RECORDING, recording)
    data = make_place()("backtest", str(recording), "--report", str(page), "--json").data
    return Written(page, data["report"])


@pytest.fixture(scope="module")
def replayed(make_place: MakePlace, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Give the report of a journal."""
    page = tmp_path_factory.mktemp("report") / "journal.html"
    place = make_place()
    assert place("replay", str(RECORDING), "--account", "replayed").code == 0
    return Written(page, place("report", "--account", "replayed", "--html", str(page), "--json").data)


@pytest.fixture(scope="module", params=["backtested", "replayed"])
def written(request: pytest.FixtureRequest) -> Written:
    written: Written = request.getfixturevalue(request.param)
    return written


@pytest.fixture(scope="module", params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def seen(request: pytest.FixtureRequest, browser: Browser, written: Written) -> Iterator[Seen]:
    with browsers.opened(browser, written.page, request.param) as seen:
        yield seen


def test_three_charts_are_drawn_with_what_they_are_of(seen: Seen, written: Written) -> None:
    drawn = seen.value_of(_DRAWN)
    assert [chart["kind"] for chart in drawn] == KINDS
    figures = written.data["blocks"][0]["figures"]
    equity, price, drawdown = drawn
    # Points that fall together on the screen are drawn as one.
    assert max(equity["lines"]) > 10
    assert max(price["lines"]) > 10
    assert price["marks"] == 2 * figures["cycles"] + figures["open_cycles"]
    assert len(drawdown["lines"]) == 1
    assert {title for chart in drawn for title in chart["titles"]} == {
        "Time (UTC)", "Realised PnL (USDT)", "Price (USDT)", "Drawdown (USDT)",
    }  # fmt: skip


def test_nothing_is_wanted_from_a_network_and_nothing_complains(seen: Seen) -> None:
    assert seen.wanted == []
    assert seen.complaints == []


def test_nothing_is_wider_than_the_window(seen: Seen) -> None:
    assert seen.value_of("document.documentElement.scrollWidth <= window.innerWidth")
    assert seen.value_of(_OVERFLOW) == []


def test_the_page_says_what_json_says(seen: Seen, written: Written) -> None:
    (block,) = written.data["blocks"]
    shown = seen.value_of(_FIGURES)
    assert shown == {name: as_text(value) for name, value in {**block["figures"], "dust": block["dust"]}.items()}
    assert seen.page.inner_text("h1") == f"Trading report: {written.data['account']}"
    rows = seen.page.locator("[data-symbols] tbody tr")
    assert rows.count() == len(block["symbols"]) == 1
    assert rows.locator("data[data-name=realised_pnl]").get_attribute("value") == block["figures"]["realised_pnl"]
    assert seen.page.locator("[data-days] tbody tr").count() == len(block["days"])


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{amount} {asset}" for asset, amount in value.items())
    return str(value)


def test_a_backtest_and_the_journal_of_its_replay_have_the_same_figures(backtested: Written, replayed: Written) -> None:
    (tested,), (journaled,) = backtested.data["blocks"], replayed.data["blocks"]
    # The recording goes on after the last fill, and only the backtest's report knows.
    moving = ("unrealised_pnl", "time_in_market")
    assert tested["figures"]["unrealised_pnl"] != journaled["figures"]["unrealised_pnl"]
    assert without(tested["figures"], moving) == without(journaled["figures"], moving)
    assert tested["days"] == journaled["days"]


def without(figures: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name not in names}


def test_a_replay_writes_the_page_of_its_backtest(make_place: MakePlace, backtested: Written, tmp_path: Path) -> None:
    page = tmp_path / "replay.html"
    data = make_place()("replay", str(RECORDING), "--report", str(page), "--json").data
    assert data["report"]["blocks"] == backtested.data["blocks"]
    assert page.stat().st_size > 1_000_000


def test_what_is_open_is_worth_what_the_running_daemon_says(elsewhere: Place) -> None:
    elsewhere.trade("--feed", "generated", "--exchange", "paper", "--start", "BTCUSDT")
    for attempt in eventually():
        with attempt:
            symbols = elsewhere("report", "--json").data["blocks"][0]["symbols"]
            assert {one["price_of"] for one in symbols if one["held"] not in ("0", None)} == {"running daemon"}
            assert all(one["figures"]["unrealised_pnl"] is not None for one in symbols if one["figures"]["open_cycles"])


def test_a_dark_setting_gives_a_dark_page_whose_charts_can_be_read(browser: Browser, backtested: Written) -> None:
    lightness = "(() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))()"
    colour = "getComputedStyle(document.querySelector('.xtick text')).fill.match(/\\d+/g).map(Number)"
    with browsers.opened(browser, backtested.page, DESKTOP, "dark") as seen:
        assert max(seen.value_of(lightness)) < 64
        assert min(seen.value_of(colour)) > 128
        seen.page.emulate_media(color_scheme="light")
        seen.page.wait_for_function(f"() => Math.max(...{colour}) < 128")
        assert min(seen.value_of(lightness)) > 224
        assert seen.complaints == []
