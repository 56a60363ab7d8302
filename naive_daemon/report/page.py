"""A report as one page: a file that needs no network, with charts that plotly draws. Loaded only when it is asked for.

Whatever comes from elsewhere is escaped by the template, and the page's own policy lets nothing run but its scripts.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from naive_daemon.domain.money import plain
from naive_daemon.report import rounding
from naive_daemon.report.chart import drawdown_chart, equity_chart, price_chart
from naive_daemon.report.curve import SymbolCurve
from naive_daemon.report.figures import DEFINITIONS, Block, SymbolFigures
from naive_daemon.report.line import Line
from naive_daemon.report.maker import Made
from naive_daemon.report.wording import Row, figure_rows, price_lines, span_line

SYMBOL_CHARTS_MAX = 6
"""So many symbols of a block have a price chart: those with the largest turnover."""
BLOCK_CHARTS_MAX = 4
"""So many blocks have charts: those with the most cycles."""
ROWS_MAX = 400
"""So many symbols, and days, a table has at the most."""
_TILES = ("realised_pnl", "unrealised_pnl", "win_rate", "profit_factor", "max_drawdown", "sharpe")
_FOLDER = Path(__file__).parent


class _Chart(msgspec.Struct, frozen=True):
    """A chart on the page: its heading, the note below it, and what plotly draws."""

    kind: str
    heading: str
    note: str
    figure: dict[str, Any]


class _Section(msgspec.Struct, frozen=True):
    """What the page shows of one block."""

    quote: str
    places: int
    tiles: list[Row]
    charts: list[_Chart]
    rows: list[Row]
    symbols: Sequence[SymbolFigures]
    symbols_left_out: int
    days: Sequence[Any]
    days_left_out: int


def render(made: Made) -> str:
    """Give the page."""
    report = made.report
    charted = sorted(report.blocks, key=_cycles, reverse=True)[:BLOCK_CHARTS_MAX]
    sections = [_section(block, made, draws=block in charted) for block in report.blocks]
    figures = [chart.figure for section in sections for chart in section.charts]
    scripts = [get_plotlyjs(), (_FOLDER / "page.js").read_text(encoding="utf-8")] if figures else []
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        report=report,
        span=span_line(report),
        made=rounding.moment(report.made_at_ns),
        sections=sections,
        prices=price_lines(report),
        definitions=DEFINITIONS,
        charts=Markup(embedded(figures)),  # noqa: S704 - escaped for where it stands
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own, and plotly's
        hashes=" ".join(map(script_hash, scripts)) or "'none'",
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        rounding=rounding,
        plain=plain,
    )


def _section(block: Block, made: Made, *, draws: bool) -> _Section:
    places = rounding.places_of(block)
    rows = figure_rows(block.figures, block.dust, block.quote_asset, places)
    by_name = {row.name: row for row in rows}
    symbols = sorted(block.symbols, key=lambda one: (-one.figures.turnover, one.symbol))
    return _Section(
        quote=block.quote_asset,
        places=places,
        tiles=[by_name[name] for name in _TILES],
        charts=_charts(block, made, [one.symbol for one in symbols]) if draws else [],
        rows=rows,
        symbols=symbols[:ROWS_MAX],
        symbols_left_out=len(symbols[ROWS_MAX:]),
        days=block.days[: -ROWS_MAX - 1 : -1],
        days_left_out=len(block.days[:-ROWS_MAX]),
    )


def _cycles(block: Block) -> int:
    return block.figures.cycles + (block.figures.open_cycles or 0)


def _charts(block: Block, made: Made, symbols: Sequence[str]) -> list[_Chart]:
    quote, curve = block.quote_asset, made.curves[block.quote_asset]
    span = made.report.from_ns or 0, made.report.to_ns or 0
    drawn = symbols[:SYMBOL_CHARTS_MAX]
    left_out = len(symbols) - len(drawn)
    note = _thinned(curve.realised_pnl)
    equity = _Chart("equity", f"Realised PnL, {quote}", note, equity_chart(curve, quote, span))
    drawdown = _Chart(
        "drawdown",
        f"Drawdown of the realised PnL, {quote}",
        f"What open cycles would lose at the last price is not in it. {note}".rstrip(),
        drawdown_chart(curve, quote, span),
    )
    prices = [
        _Chart("price", f"{name}: cycles on the price, {quote}", _price_note(shown), price_chart(shown, quote, span))
        for name in drawn
        for shown in [made.symbol_curves[name]]
    ]
    if left_out:
        told = f" {left_out} more symbols, of less turnover, have no chart."
        prices[-1] = msgspec.structs.replace(prices[-1], note=prices[-1].note + told)
    return [equity, *prices, drawdown]


def _price_note(curve: SymbolCurve) -> str:
    cycles, price = curve.cycles, curve.price
    kept = len(cycles.things())
    told = f"{kept} of {cycles.count:,} cycles are marked." if cycles.is_thinned else f"{kept} cycles are marked."
    if price is None:
        return f"The line joins the prices of the buys and sells that are shown. {told}"
    return f"The line is the market's price. {_thinned(price)} {told}"


def _thinned(line: Line) -> str:
    """Say what was left out of a line."""
    if not line.is_thinned:
        return ""
    return f"{len(line.points()):,} of {line.count:,} points are drawn, with every stretch's lowest and highest."


def embedded(figures: Any) -> str:
    """Give JSON that nothing in it can end, or turn into anything else, inside of a page."""
    text = json.dumps(figures, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def script_hash(script: str) -> str:
    """Give what a page's policy knows a script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
