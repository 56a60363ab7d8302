"""`make bench`: measure everything, show it, and write it to bench.json."""

import logging
import os
import platform
from itertools import chain
from pathlib import Path

import msgspec
import structlog
from rich.console import Console
from rich.table import Table

from tests.benchmarks import actors, journal, replay
from tests.benchmarks.figure import Figure

OUTPUT = Path("bench.json")
WIDTH_MIN = 150


def main() -> None:
    """Measure, with a line of progress for each figure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    found: list[Figure] = []
    with console.status("measuring …") as status:
        for figure in chain(replay.figures(), actors.figures(), journal.figures()):
            found.append(figure)
            status.update(f"measured: {figure.name}")
    console.print(_table(found))
    written = [msgspec.structs.asdict(figure) | {"ratio": figure.ratio} for figure in found]
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": machine, "figures": written}), indent=2))
    console.print(f"written to {OUTPUT}")


def _table(figures: list[Figure]) -> Table:
    table = Table(title=f"naive-daemon on {os.cpu_count()} CPUs, Python {platform.python_version()}")
    table.add_column("what")
    for heading in ("rate", "peer's rate", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("peer")
    for figure in figures:
        peer_rate = "" if figure.peer_rate is None else f"{figure.peer_rate:,.0f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(figure.name, f"{figure.rate:,.0f} {figure.unit}", peer_rate, ratio, figure.peer)
    return table


if __name__ == "__main__":
    main()
