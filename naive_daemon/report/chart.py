"""The charts of a report, as plotly describes them. Loaded only for a page.

Whatever a chart shows is bounded, whatever it was made of: `Line` and `Sample` see to that. Colours that change between
a light and a dark page are set by the page.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Any

from plotly import graph_objects

from naive_daemon.clock import NS_PER_MS
from naive_daemon.domain.money import ZERO
from naive_daemon.report.curve import BlockCurve, SymbolCurve
from naive_daemon.report.line import Line
from naive_daemon.report.traded import TradedCycle

_BLUE, _RED, _GREEN, _ORANGE, _GREY = "#3d7bd9", "#cf4c4c", "#239a84", "#dd8a2b", "#8b95a3"
_LARGE_MARKS_MAX = 100
_TIME = "%{x|%Y-%m-%d %H:%M:%S} UTC"


def equity_chart(curve: BlockCurve, quote: str, span: tuple[int, int]) -> dict[str, Any]:
    """Draw the realised PnL, added up, from 0 at the start of the span to its end."""
    return _chart([_steps(curve.realised_pnl, _BLUE, quote, span)], f"Realised PnL ({quote})", span)


def drawdown_chart(curve: BlockCurve, quote: str, span: tuple[int, int]) -> dict[str, Any]:
    """Draw how far the realised PnL is below its former peak."""
    line = _steps(curve.drawdown, _RED, quote, span)
    line.update(fill="tozeroy", fillcolor=f"{_RED}33")
    # Around a line of nothing but 0 plotly would show gains as well.
    lowest = None if any(line.y) else [-1, 0.05]
    return _chart([line], f"Drawdown ({quote})", span, range_y=lowest)


def price_chart(curve: SymbolCurve, quote: str, span: tuple[int, int]) -> dict[str, Any]:
    """Draw the price, where cycles went in and out, and what joins the two of a cycle."""
    cycles = curve.cycles.things()
    entries = [(cycle.entered_ns, cycle.buy_price) for cycle in cycles]
    exits = [(cycle.exited_ns, cycle.sell_price) for cycle in cycles]
    price = curve.price.points() if curve.price is not None else sorted(_known([*entries, *exits]))
    return _chart(
        [
            _line(price, _GREY, "price", width=1.2),
            _joined(cycles),
            _marks(_known(entries), "triangle-up", _GREEN, "buys"),
            _marks(_known(exits), "triangle-down", _ORANGE, "sells"),
        ],
        f"Price ({quote})",
        span,
        showlegend=True,
    )


def coordinate(value: Decimal) -> float:
    """Give the place of an amount on an axis: the one float in a report, and nothing is reckoned with it."""
    return float(value)


def _known(points: Iterable[tuple[int | None, Decimal | None]]) -> list[tuple[int, Decimal]]:
    return [(time_ns, value) for time_ns, value in points if time_ns is not None and value is not None]


def _axes(points: Sequence[tuple[int, Decimal]]) -> dict[str, Any]:
    """Give the coordinates of points; a time is whole milliseconds, rounded down, as a browser counts it."""
    return {
        "x": [time_ns // NS_PER_MS for time_ns, _ in points],
        "y": [coordinate(value) for _, value in points],
    }


def _steps(line: Line, colour: str, quote: str, span: tuple[int, int]) -> graph_objects.Scatter:
    """Draw what changes at once and then stays."""
    points = [(span[0], ZERO), *line.points()]
    points.append((span[1], points[-1][1]))
    return graph_objects.Scatter(
        **_axes(points),
        mode="lines",
        line={"color": colour, "width": 2, "shape": "hv"},
        hovertemplate=f"{_TIME}<br>%{{y:,}} {escape(quote)}<extra></extra>",
    )


def _line(points: Sequence[tuple[int, Decimal]], colour: str, name: str, width: float) -> graph_objects.Scatter:
    line = {"color": colour, "width": width}
    hover = f"{_TIME}<br>%{{y:,}}<extra>{name}</extra>"
    return graph_objects.Scatter(**_axes(points), mode="lines", line=line, name=name, hovertemplate=hover)


def _marks(points: Sequence[tuple[int, Decimal]], symbol: str, colour: str, name: str) -> graph_objects.Scatter:
    marker = {"symbol": symbol, "size": 8 if len(points) <= _LARGE_MARKS_MAX else 5, "color": colour}
    hover = f"{_TIME}<br>%{{y:,}}<extra>{name}</extra>"
    return graph_objects.Scatter(**_axes(points), mode="markers", marker=marker, name=name, hovertemplate=hover)


def _joined(cycles: Iterable[TradedCycle]) -> graph_objects.Scatter:
    """Join the way in and the way out of each cycle, with a gap before the next."""
    x: list[int | None] = []
    y: list[float | None] = []
    for cycle in cycles:
        ends = _known([(cycle.entered_ns, cycle.buy_price), (cycle.exited_ns, cycle.sell_price)])
        if len(ends) == len(("in", "out")):
            axes = _axes(ends)
            x += [*axes["x"], None]
            y += [*axes["y"], None]
    line = {"color": _BLUE, "width": 1, "dash": "dot"}
    return graph_objects.Scatter(x=x, y=y, mode="lines", line=line, showlegend=False, hoverinfo="skip")


def _chart(
    traces: Sequence[graph_objects.Scatter],
    title: str,
    span: tuple[int, int],
    *,
    showlegend: bool = False,
    range_y: Sequence[float] | None = None,
) -> dict[str, Any]:
    layout = graph_objects.Layout(
        template="none",
        margin={"l": 8, "r": 12, "t": 34 if showlegend else 8, "b": 54},
        xaxis={
            "type": "date",
            "title": {"text": "Time (UTC)"},
            "tickangle": 0,
            "range": [time_ns // NS_PER_MS for time_ns in span],
        },
        yaxis={
            "title": {"text": escape(title)},
            "automargin": True,
            "tickformat": ",~r",
            "zeroline": False,
            "range": range_y,
        },
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "itemwidth": 30},
        showlegend=showlegend,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
    )
    drawn: dict[str, Any] = graph_objects.Figure(traces, layout).to_plotly_json()
    return drawn
