"""`make state-soak`: rounds of kills of daemon, Redis and Postgres under load; its seed is printed.

A line a round says what was struck and after how many seconds the daemon traded again; every few rounds journal,
exchange and cache are compared to the last order and fill.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.books import Books
from tests.state.blow import BLOWS, Blow
from tests.state.kill_trial import KillTrial
from tests.state.layout import LAYOUTS


def main() -> None:
    """Run the rounds and say how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--audit-every", type=int, default=10)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--speed", type=int, default=5)
    parser.add_argument("--layout", choices=LAYOUTS, help="drawn by the seed unless given")
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**31)
    layout = asked.layout or random.Random(seed).choice(LAYOUTS)
    words = f"--rounds {asked.rounds} --audit-every {asked.audit_every} --symbols {asked.symbols} --speed {asked.speed}"
    say(f"seed {seed}: python -m tests.state.soak --seed {seed} --layout {layout} {words}")
    with tempfile.TemporaryDirectory() as folder:
        trial = KillTrial(Path(folder), seed, layout=layout, symbols=asked.symbols, speed=asked.speed)
        try:
            trial.start()
            took_s = play(trial, drawn(trial.draw, asked.rounds), asked.audit_every)
        except BaseException:
            keep_log(trial)
            raise
        finally:
            trial.end()
    median_s, most_s = statistics.median(took_s), max(took_s)
    say(f"{len(took_s)} rounds; traded again after {median_s:.1f} s (median), {most_s:.1f} s (most)")


def drawn(draw: random.Random, rounds: int) -> Iterator[Blow]:
    """Give so many blows: every kind once in a drawn order, and again."""
    left: list[Blow] = []
    for _ in range(rounds):
        left = left or draw.sample(BLOWS, len(BLOWS))
        yield left.pop()


def play(trial: KillTrial, blows: Iterator[Blow], audit_every: int) -> list[float]:
    """Play the rounds, with an audit every few and at the end; gives what each took until it traded again."""
    took_s: list[float] = []
    books: Books | None = None
    for number, blow in enumerate(blows, start=1):
        say(f"{number:4}  {blow.name} …")
        took_s.append(trial.play(blow))
        say(f"{number:4}  {blow.name}: traded again after {took_s[-1]:.1f} s")
        books = audited(trial) if number % audit_every == 0 else None
    say(trial.told(books or audited(trial)))
    return took_s


def audited(trial: KillTrial) -> Books:
    """Audit everything, and say that all is well."""
    books = trial.audit()
    say(f"      journal, exchange and cache agree on {len(books.orders)} orders and {len(books.fills)} fills")
    return books


def keep_log(trial: KillTrial) -> None:
    """Leave the daemon's log where it can be read afterwards."""
    log = Path(os.environ.get("NAIVE_TEST_LOG", "state-soak.log"))
    traceback.print_exc()
    trial.daemon.end_hard()
    log.write_text(trial.daemon.log.text())
    sys.stderr.write(f"the daemon's log is in {log}\n")


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
