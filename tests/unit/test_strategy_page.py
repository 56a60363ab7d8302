"""The strategies that README.md and docs/strategies.md show are installed as shown and do what the pages say."""

import importlib
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from naive_daemon.backtest import BacktestPlan, run_backtest
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.market.recording import Recording
from naive_daemon.strategy.discovery import GROUP, load_strategy, strategy_names
from naive_daemon.strategy.ema_cross import EmaCrossStrategy
from naive_daemon.strategy.settings import change_trade

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "strategies.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def block(language: str, word: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE + README, re.MULTILINE | re.DOTALL)
    return next(text for text in blocks if word in text)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Give what puts an example where an installer would put it, found by its entry point; it gives its name."""

    def put(package: str, word: str) -> str:
        project = tomllib.loads(block("toml", f'name = "{package}"'))["project"]
        points = project["entry-points"][GROUP]
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(block("python", word), encoding="utf-8")
        info = tmp_path / f"{module}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}\nVersion: {project['version']}\n", encoding="utf-8")
        lines = [f"[{GROUP}]", *(f"{name} = {target}" for name, target in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        (name,) = points
        return str(name)

    return put


@pytest.fixture
def chasing(install: Callable[[str, str], str]) -> str:
    return install("naive-chasing", "class ChasingStrategy")


def test_the_example_is_found(chasing: str) -> None:
    assert chasing in strategy_names()
    assert type(load_strategy(chasing)).__name__ == "ChasingStrategy"


def test_the_example_gives_the_cycles_that_the_page_names(chasing: str) -> None:
    (line,) = re.findall(r"^\.venv/bin/naive-daemon backtest (.+) --set strategy=chasing$", PAGE, re.MULTILINE)
    changes = dict(re.findall(r"--set (\w+)=(\S+)", line))
    told = re.search(r"naive strategy finishes (\d+) cycles and chasing (\d+)", PAGE)
    assert told is not None
    for strategy, cycles in zip(("naive", chasing), map(int, told.groups()), strict=True):
        settings = change_trade(TradeSettings(), {**changes, "strategy": strategy})
        recording = Recording(DOCS.parent / line.split()[0])
        result = run_backtest(
            recording, BacktestPlan(instrument=GENERATED_INSTRUMENTS[recording.symbol], settings=settings)
        )
        assert result.summary.cycles == cycles
        cancelled = {order.status for order in result.orders} & {OrderStatus.CANCELLED}
        assert bool(cancelled) == (strategy == chasing)


def test_the_readme_shows_ema_cross_as_it_is() -> None:
    source = (DOCS.parent / "naive_daemon" / "strategy" / "ema_cross.py").read_text(encoding="utf-8")
    assert block("python", "class EmaCrossStrategy") == source


def test_ema_cross_as_a_plug_in_trades_as_the_built_in_one_and_twice_the_same(
    install: Callable[[str, str], str],
) -> None:
    words = re.findall(r"^naive-daemon backtest (.+) --set strategy=ema_cross (.+)$", README, re.MULTILINE)
    ((file, line),) = words
    changes = dict(re.findall(r"--set (\w+)=(\S+)", line))
    mine = install("naive-my-cross", "class EmaCrossStrategy")
    recording = Recording(DOCS.parent / file)
    results = [
        run_backtest(
            Recording(DOCS.parent / file),
            BacktestPlan(
                instrument=GENERATED_INSTRUMENTS[recording.symbol],
                settings=change_trade(TradeSettings(), {**changes, "strategy": strategy}),
            ),
        )
        for strategy in ("ema_cross", mine, "ema_cross")
    ]
    assert results[0].summary.cycles > 1
    assert results[0].orders == results[1].orders == results[2].orders


def test_the_table_of_ema_cross_parameters_is_what_it_declares() -> None:
    rows = README.partition("| parameter | default | range | what |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert rows == [
        f"| `{key}` | {parameter.default} | {parameter.rule.allowed} | {parameter.about} |"
        for key, parameter in EmaCrossStrategy.parameters.items()
    ]
