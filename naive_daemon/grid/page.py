"""The page of a tested grid: a heat map of any two settings and the best points. Needs no network, as every report."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from naive_daemon.domain.money import plain
from naive_daemon.grid.data import Tested
from naive_daemon.grid.outcome import Outcome, RankBy
from naive_daemon.report import page as report_page
from naive_daemon.report import rounding

ROWS_MAX = 100
"""So many points the page's table has; the map has all."""

FIGURES = {
    RankBy.PNL: "PnL, open included",
    RankBy.REALISED_PNL: "Realised PnL",
    RankBy.OPEN_PNL: "Open PnL",
    RankBy.CYCLES: "Cycles",
    RankBy.WIN_RATE: "Win rate",
    RankBy.SHARPE: "Sharpe ratio",
    RankBy.DRAWDOWN: "Maximum drawdown",
}
_FOLDER = Path(__file__).parent
_REPORT = Path(report_page.__file__).parent


def render(tested: Tested) -> str:
    """Give the page."""
    scripts = [get_plotlyjs(), (_FOLDER / "page.js").read_text(encoding="utf-8")]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        tested=tested,
        ranked=(tested.rank_by.value, FIGURES[tested.rank_by]),
        others=[(each.value, words) for each, words in FIGURES.items() if each is not tested.rank_by],
        rows=[(rank, outcome, _cells(outcome)) for rank, outcome in enumerate(tested.outcomes[:ROWS_MAX], 1)],
        more=max(0, len(tested.outcomes) - ROWS_MAX),
        map=Markup(report_page.embedded(_map(tested))),  # noqa: S704 - escaped for where it stands
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own, and plotly's
        hashes=" ".join(map(report_page.script_hash, scripts)),
        style=Markup((_REPORT / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
    )


def _map(tested: Tested) -> dict[str, Any]:
    """Give what the map is drawn from: the page's script makes floats of the texts, only to colour them."""
    return {
        "axes": [{"key": axis.key, "values": list(axis.values)} for axis in tested.grid.axes],
        "figures": {each.value: words for each, words in FIGURES.items()},
        "quote": tested.quote_asset,
        "rank_by": tested.rank_by.value,
        "points": [
            {"settings": outcome.changes, **{each.value: _text(outcome.value(each)) for each in RankBy}}
            for outcome in tested.outcomes
            if outcome.error is None
        ],
    }


def _cells(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Give each figure exactly, and as people read it."""
    return {each.value: (_text(outcome.value(each)) or "", _shown(each, outcome.value(each))) for each in RankBy}


def _shown(which: RankBy, value: Decimal | None) -> str:
    if value is None:
        return rounding.NOT_KNOWN
    match which:
        case RankBy.WIN_RATE:
            return rounding.percentage(value)
        case RankBy.SHARPE:
            return rounding.figure(value)
        case _:
            return plain(value).replace("-", "−")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
