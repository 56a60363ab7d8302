"""`backtest --grid`: what it prints, its page in a real browser, and that nothing of it stays when it is ended."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from playwright.sync_api import Browser

from naive_daemon.cli import cli
from naive_daemon.cli.boundary import run
from tests.e2e import browser as browsers
from tests.e2e.browser import DESKTOP, PHONE, Seen
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import eventually
from tests.e2e.place import PROGRAM, Place

RECORDING = Path(__file__).parents[2] / "docs" / "BTCUSDT-trades-generated.csv.gz"
GRID = ("--grid", "chunks=1,3", "--grid", "profit_interval=0.0005..0.0015:0.0005", "--grid", "dust=keep,sweep")
Program = subprocess.Popen[str]
_TABLE = """() => [...document.querySelectorAll("[data-points] tbody tr")].map((row) => Object.fromEntries(
    [...row.querySelectorAll("data")].map((one) => [one.dataset.name, one.getAttribute("value")])
))"""
_HEAT = """() => { const { x, y, z } = document.querySelector(".heat").data[0]; return { x, y, z }; }"""
_OVERFLOW = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 0.5 && !one.closest("svg, .scroll"))
    .map((one) => one.outerHTML.slice(0, 80))"""


class Written(NamedTuple):
    """A page, and what was printed as JSON with it."""

    page: Path
    data: dict[str, Any]


@pytest.fixture(scope="module")
def written(make_place: MakePlace, tmp_path_factory: pytest.TempPathFactory) -> Written:
    page = tmp_path_factory.mktemp("grid") / "grid.html"
    return Written(page, make_place()("backtest", str(RECORDING), *GRID, "--report", str(page), "--json").data)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.started() as browser:
        yield browser


@pytest.fixture(scope="module", params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def seen(request: pytest.FixtureRequest, browser: Browser, written: Written) -> Iterator[Seen]:
    with browsers.opened(browser, written.page, request.param) as seen:
        seen.page.wait_for_selector(".heatmaplayer image", state="attached")
        yield seen


def test_every_point_has_the_figures_of_a_backtest_of_its_own(make_place: MakePlace, written: Written) -> None:
    points = written.data["points"]
    assert len(points) == written.data["tested"] == 12
    gains = [float(point["pnl"]) for point in points]
    assert gains == sorted(gains, reverse=True)
    assert len(set(gains)) > 4
    for point in (points[0], points[7]):
        pairs = [part for key, value in point["settings"].items() for part in ("--set", f"{key}={value}")]
        alone = make_place()("backtest", str(RECORDING), *pairs, "--json").data
        assert point["figures"] == alone["report"]["blocks"][0]["figures"]
        timed = {"wall_s", "events_per_s"}
        assert {key: value for key, value in point["summary"].items() if key not in timed} == {
            key: alone[key] for key in point["summary"] if key not in timed
        }


def test_the_page_says_what_json_says(seen: Seen, written: Written) -> None:
    names = ("pnl", "realised_pnl", "open_pnl", "cycles", "win_rate", "sharpe", "drawdown")
    expected = [{name: as_text(point[name]) for name in names} for point in written.data["points"]]
    assert seen.value_of(_TABLE) == expected
    assert seen.wanted == []
    assert seen.complaints == []
    assert seen.value_of("document.documentElement.scrollWidth <= window.innerWidth")
    assert seen.value_of(_OVERFLOW) == []


def as_text(value: Any) -> str:
    return "" if value is None else str(value)


def test_the_map_shows_any_two_settings_and_the_best_of_the_others(seen: Seen, written: Written) -> None:
    page = seen.page
    # One test after the other looks at the same page: as it is opened first.
    page.reload()
    page.wait_for_selector(".heatmaplayer image", state="attached")
    heat = seen.value_of(_HEAT)
    assert (heat["x"], heat["y"]) == (["1", "3"], ["0.0005", "0.001", "0.0015"])
    assert heat["z"] == best(written, "chunks", "profit_interval", "pnl", {})
    assert "best point over all values of dust" in page.inner_text("#said")
    page.select_option("[data-choice=fixed-dust]", "keep")
    assert seen.value_of(_HEAT)["z"] == best(written, "chunks", "profit_interval", "pnl", {"dust": "keep"})
    assert "Fixed: dust=keep" in page.inner_text("#said")
    page.select_option("[data-choice=x]", "dust")
    page.select_option("[data-choice=figure]", "drawdown")
    heat = seen.value_of(_HEAT)
    assert heat["x"] == ["keep", "sweep"]
    assert heat["z"] == best(written, "dust", "profit_interval", "drawdown", {})


def best(written: Written, x: str, y: str, figure: str, fixed: dict[str, str]) -> list[list[float]]:
    values = {axis["key"]: axis["values"] for axis in written.data["axes"]}

    def cell(across: str, up: str) -> float:
        wanted = {**fixed, x: across, y: up}
        found = [
            float(point[figure]) for point in written.data["points"] if wanted.items() <= point["settings"].items()
        ]
        return min(found) if figure == "drawdown" else max(found)

    return [[cell(across, up) for across in values[x]] for up in values[y]]


def test_the_example_of_the_readme_prints_what_it_says(make_place: MakePlace) -> None:
    text = (RECORDING.parents[1] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^naive-daemon (backtest [^\n]* --top 5)\n```\n\n```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    arguments = [str(RECORDING) if word.startswith("docs/") else word for word in found[1].split()]
    answer = make_place()(*arguments)
    assert (answer.code, answer.out) == (0, found[2])


@contextmanager
def running(place: Place, *arguments: str, recording: Path = RECORDING) -> Iterator[Program]:
    with subprocess.Popen(
        [PROGRAM.as_posix(), "--home", str(place.home), "--json", "backtest", str(recording), "--symbol", "BTCUSDT",
         "--grid", "chunks=1..40", "--workers", "2", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.kill()


def workers_of(program: Program, busy_s: float = 0) -> list[psutil.Process]:
    """Wait until both are there and have worked for so long."""
    for attempt in eventually():
        with attempt:
            children = psutil.Process(program.pid).children(recursive=True)
            assert len([child for child in children if child.cpu_times().user >= busy_s]) == 2
    return children


LONG = ("--grid", "budget=100..5000:50")
ENDS = pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])


def end(program: Program, sent: signal.Signals, code: int) -> None:
    """End it as a terminal or the system does; nothing may stay."""
    children = psutil.Process(program.pid).children(recursive=True)
    os.killpg(program.pid, sent) if sent is signal.SIGINT else program.kill()
    _, complaint = program.communicate(timeout=30)
    assert program.returncode == code
    assert "Traceback" not in complaint
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


@ENDS
def test_nothing_stays_of_a_grid_that_is_ended(make_place: MakePlace, sent: signal.Signals, code: int) -> None:
    with running(make_place(), *LONG) as program:
        workers_of(program, busy_s=1)
        end(program, sent, code)


@ENDS
def test_nothing_stays_of_a_grid_that_is_ended_while_it_reads(
    make_place: MakePlace, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    silent = tmp_path / "BTCUSDT-trades.csv"
    os.mkfifo(silent)
    with running(make_place(), recording=silent) as program:
        workers_of(program)
        end(program, sent, code)


def test_a_grid_runs_on_copies_of_its_command_and_on_nothing_else(make_place: MakePlace) -> None:
    with running(make_place(), *LONG) as program:
        assert [worker.cmdline() for worker in workers_of(program)] == [psutil.Process(program.pid).cmdline()] * 2


def test_a_process_that_is_killed_costs_one_point_and_another_goes_on(make_place: MakePlace) -> None:
    with running(make_place()) as program:
        workers_of(program)[0].kill()
        printed, complaint = program.communicate(timeout=60)
    data = json.loads(printed)
    errors = [point["error"] for point in data["points"] if point["error"] is not None]
    assert (program.returncode, data["tested"], data["failed"]) == (1, 40, 1)
    assert errors == ["the process that tested it was ended by SIGKILL"]
    assert "Traceback" not in complaint


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--grid", "chunk=3"), "chunk=3 is refused: chunk is not a setting; there are chunks, budget"),
        (("--grid", "chunks=3,x"), "chunks=x is refused: chunks is a whole number from 1 to 10000"),
        (("--grid", "chunks=3,,4"), "--grid chunks=3,,4 is refused: one of its values is empty"),
        (("--grid", "chunks=1..200", "--grid", "budget=1..200"), "the grid has 40,000 points, and at most 10,000"),
        (("--grid", "chunks=3,5", "--set", "chunks=4"), "chunks is in --set and in --grid"),
        (("--grid", "chunks=3,5", "--orders", "orders.csv"), "--orders does not go with --grid"),
        (("--rank-by", "cycles"), "--rank-by goes with --grid"),
        (("--workers", "2"), "--workers goes with --grid"),
        (("--grid", "chunks=3", "--rank-by", "luck"), "Invalid value for '--rank-by'"),
        (("--grid", "strategy=ema_cross", "--grid", "fast=9,30", "--grid", "slow=21"), "fast=30 is refused"),
    ],
)
def test_a_grid_that_is_none_is_told_in_a_line(
    arguments: tuple[str, ...],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # so that it is put back
    assert run(cli, ["backtest", str(RECORDING), *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    first, *others = shown.err.splitlines()
    assert first.startswith(f"error: {complaint}")
    assert all(line.startswith("hint: ") for line in others)
