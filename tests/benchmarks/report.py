"""The figures as a table for people and as JSON for programs."""

import os
import platform
from collections.abc import Sequence

import msgspec
from rich.table import Table

from tests.benchmarks.figure import Comparison, Figure

VERDICTS = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}


def table(figures: Sequence[Figure]) -> Table:
    """Give a row for each figure, and one more for each further peer."""
    shown = Table(title=f"naive-daemon on {os.cpu_count()} CPUs, Python {platform.python_version()}")
    shown.add_column("what")
    shown.add_column("ours", justify="right")
    shown.add_column("peer")
    for heading in ("peer's", "ratio", "goal"):
        shown.add_column(heading, justify="right")
    shown.add_column("")
    for figure in figures:
        for number, cells in enumerate(_held_against(figure) or [("", "", "", "", "")]):
            ours = (figure.name, f"{_number(figure.value)} {figure.unit}") if number == 0 else ("", "")
            shown.add_row(*ours, *cells)
    return shown


def encode(figures: Sequence[Figure]) -> bytes:
    """Give the same as JSON."""
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    content = {"machine": machine, "figures": [_fields(figure) for figure in figures]}
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def _fields(figure: Figure) -> dict[str, object]:
    peers = [
        msgspec.structs.asdict(peer) | {"ratio": figure.ratio(peer), "met": figure.meets_goal(peer)}
        for peer in figure.peers
    ]
    return msgspec.structs.asdict(figure) | {"met": figure.meets_limit, "peers": peers}


def _held_against(figure: Figure) -> list[tuple[str, ...]]:
    rows = [_row(figure, peer) for peer in figure.peers]
    if figure.limit is not None:
        rows.append(("its limit", "", "", f"{_sign(figure)} {_number(figure.limit)}", VERDICTS[figure.meets_limit]))
    return rows


def _row(figure: Figure, peer: Comparison) -> tuple[str, ...]:
    goal = "" if peer.goal is None else f"{_sign(figure)} {peer.goal:g}×"
    ratio = figure.ratio(peer)
    if ratio is None or peer.value is None:
        return (peer.peer, "", "", goal, f"[yellow]skipped: {peer.skipped}[/]")
    return (peer.peer, _number(peer.value), f"{ratio:.3g}×", goal, VERDICTS[figure.meets_goal(peer)])


def _sign(figure: Figure) -> str:
    return "≤" if figure.is_cost else "≥"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
