"""Which faults were struck where, and how often: the table that may have no zero."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.simulation.odds import USUAL, Place
from tests.simulation.run import Outcome


class Coverage:
    """Counts over many seeds; `seeds`, `steps`, `passed_s`, orders, fills and cycles are sums."""

    def __init__(self) -> None:
        self.struck: Counter[Place] = Counter()
        self.could: Counter[Place] = Counter()
        self.totals: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count a seed."""
        self.struck.update((fault.kind, fault.place) for fault in outcome.faults)
        self.could.update(outcome.opportunities)
        self.totals.update(
            seeds=1,
            steps=outcome.steps,
            passed_s=int(outcome.passed_s),
            lives=outcome.lives,
            orders=outcome.orders,
            fills=outcome.fills,
            cycles=outcome.completed,
            faults=len(outcome.faults),
        )

    def missed(self) -> list[str]:
        """Name the faults that could have befallen somewhere and never did, and those that never could."""
        nowhere = USUAL.keys() - {kind for kind, _ in self.could}
        never = [f"{kind} @ {place}" for kind, place in self.could if not self.struck[kind, place]]
        return sorted([*never, *(f"{kind} anywhere" for kind in nowhere)])

    def print(self, console: Console) -> None:
        """Print how often each fault was struck, by its kind and place, and which never was."""
        table = Table("fault", "place: how often", box=None)
        for kind in sorted({kind for kind, _ in self.could}):
            places = sorted(place for known, place in self.could if known == kind)
            table.add_row(kind, ", ".join(f"{place} {self.struck[kind, place]}" for place in places))
        console.print(table)
        console.print(f"never struck: {', '.join(self.missed()) or 'none'}", soft_wrap=True, markup=False)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        rows = [
            {
                "fault": kind,
                "place": place,
                "struck": self.struck[kind, place],
                "opportunities": self.could[kind, place],
            }
            for kind, place in sorted(self.could)
        ]
        path.write_text(json.dumps({"totals": dict(self.totals), "faults": rows}, indent=1))


def merged(coverages: Iterable[Coverage]) -> Coverage:
    """Give the sums of several."""
    whole = Coverage()
    for one in coverages:
        whole.struck.update(one.struck)
        whole.could.update(one.could)
        whole.totals.update(one.totals)
    return whole
