"""The strategy that docs/strategies.md shows is installed as shown and does what the page says."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from naive_daemon.backtest import BacktestPlan, run_backtest
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import TradeSettings, change_settings
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.market.recording import Recording
from naive_daemon.strategy.discovery import GROUP, load_strategy, strategy_names

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "strategies.md").read_text(encoding="utf-8")


def block(language: str, word: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return next(text for text in blocks if word in text)


@pytest.fixture
def chasing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the example where an installer would put it, found by its entry point; gives its name."""
    project = tomllib.loads(block("toml", "entry-points"))["project"]
    points = project["entry-points"][GROUP]
    (tmp_path / "naive_chasing.py").write_text(block("python", "class ChasingStrategy"), encoding="utf-8")
    info = tmp_path / f"naive_chasing-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8")
    lines = [f"[{GROUP}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    (name,) = points
    return str(name)


def test_the_example_is_found(chasing: str) -> None:
    assert chasing in strategy_names()
    assert type(load_strategy(chasing)).__name__ == "ChasingStrategy"


def test_the_example_gives_the_cycles_that_the_page_names(chasing: str) -> None:
    (line,) = re.findall(r"^\.venv/bin/naive-daemon backtest (.+) --set strategy=chasing$", PAGE, re.MULTILINE)
    changes = dict(re.findall(r"--set (\w+)=(\S+)", line))
    told = re.search(r"naive strategy finishes (\d+) cycles and chasing (\d+)", PAGE)
    assert told is not None
    for strategy, cycles in zip(("naive", chasing), map(int, told.groups()), strict=True):
        settings = change_settings(TradeSettings(), {**changes, "strategy": strategy})
        recording = Recording(DOCS.parent / line.split()[0])
        result = run_backtest(
            recording, BacktestPlan(instrument=GENERATED_INSTRUMENTS[recording.symbol], settings=settings)
        )
        assert result.summary.cycles == cycles
        cancelled = {order.status for order in result.orders} & {OrderStatus.CANCELLED}
        assert bool(cancelled) == (strategy == chasing)
