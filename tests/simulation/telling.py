"""Tells of a seed that failed: where, the last events of each actor, and how to see it again."""

import re
import shlex
from collections import defaultdict, deque
from collections.abc import Sequence

from tests.simulation.odds import Fault
from tests.simulation.run import Outcome, run

EVENTS_EACH = 6
_LINE = re.compile(r"^(?P<step>\d+) \d+ (?P<actor>.*?#\d+) (?P<rest>.*)$")


class LastEvents:
    """Implements TraceSink: keeps the last lines of each actor; a line is as `otp.trace` writes it."""

    def __init__(self) -> None:
        self._lines: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=EVENTS_EACH))
        self._seen: dict[str, int] = {}
        self._count = 0

    def begin(self, seed: int | None) -> None:
        """Begin another process; its actors are others, though they may have the same names."""
        self._lines.clear()
        self._seen.clear()

    def write(self, line: str) -> None:
        """Keep a line."""
        match = _LINE.match(line)
        actor = match["actor"] if match else "?"
        self._count += 1
        self._seen[actor] = self._count
        self._lines[actor].append(line)

    def told(self, actors_max: int = 25) -> list[str]:
        """Give the last events of those who did something last, the latest actor at the end."""
        last = sorted(self._seen, key=self._seen.__getitem__)[-actors_max:]
        return [line for actor in last for line in (f"  {actor}", *(f"    {each}" for each in self._lines[actor]))]


def command(seed: int, *extra: str) -> str:
    """Give the command that runs a seed again."""
    return shlex.join(["python", "-m", "tests.simulation", "--seed", str(seed), *extra])


def tell(outcome: Outcome, given: Sequence[Fault] | None = None) -> list[str]:
    """Run a seed that failed once more, this time with an ear at every actor."""
    events = LastEvents()
    again = run(outcome.seed, given, events)
    lines = [f"seed {again.seed}: {again.broken}", "the last events of each actor:", *events.told()]
    if again.broken != outcome.broken:
        lines.append(f"but run at first it was: {outcome.broken}; a seed must do the same each time")
    lines.append(f"{len(again.faults)} faults befell; the last of them:")
    lines += [f"  {fault.at_s:9.3f} s  {fault.kind} @ {fault.place} #{fault.number}" for fault in again.faults[-12:]]
    extra = [] if given is None else ["--shrink"]  # it finds the same list again
    return [*lines, f"replay: {command(outcome.seed, *extra)}"]
