"""`make bench`: measure everything, show it, and write it to bench.json.

`python -m tests.benchmarks actors.tell` measures one group, `python -m tests.benchmarks actors` all of that name.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import click
from rich.console import Console

from naive_daemon.otp.garbage import rare_collections
from tests.benchmarks import account, backtest, cache, candles, flow, frames, journal, redflow, replay, report, start
from tests.benchmarks.actors import population, restart, spawn, tell
from tests.benchmarks.execution import latency, placing, serving, through_manager
from tests.benchmarks.figure import Figure
from tests.benchmarks.program import log_nothing

GROUPS: dict[str, Callable[[], Iterator[Figure]]] = {
    "actors.spawn": spawn.figures,
    "actors.tell": tell.figures,
    "actors.restart": restart.figures,
    "actors.population": population.figures,
    "replay": replay.figures,
    "backtest": backtest.figures,
    "flow": flow.figures,
    "journal": journal.figures,
    "start": start.figures,
    "account": account.figures,
    "cache": cache.figures,
    "frames": frames.figures,
    "candles": candles.figures,
    "redflow": redflow.figures,
    "execution.latency": latency.figures,
    "execution.manager": through_manager.figures,
    "execution.placing": placing.figures,
    "execution.exchange": serving.figures,
}
WIDTH_MIN = 130


@click.command
@click.argument("groups", nargs=-1)
@click.option("--output", type=click.Path(path_type=Path), default=Path("bench.json"), show_default=True)
def main(groups: tuple[str, ...], output: Path) -> None:
    """Measure GROUPS ("actors", "actors.tell" …), or everything, with a line of progress for each figure."""
    log_nothing()
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    found: list[Figure] = []
    # As the daemon lives; each peer that is measured in this process does, too.
    with console.status("measuring …") as status, rare_collections():
        for figure in chain.from_iterable(GROUPS[name]() for name in _chosen(groups)):
            found.append(figure)
            status.update(f"measured: {figure.name}")
    console.print(report.table(found))
    output.write_bytes(report.encode(found))
    console.print(f"written to {output}")


def _chosen(groups: tuple[str, ...]) -> list[str]:
    """Find the groups that were asked for, by their names or what stands before the point."""
    known = set(GROUPS) | {name.partition(".")[0] for name in GROUPS}
    for group in groups:
        if group not in known:
            raise click.UsageError(f"there is no group {group!r}; there are {', '.join(sorted(known))}")
    return [name for name in GROUPS if not groups or name in groups or name.partition(".")[0] in groups]


if __name__ == "__main__":
    main()
