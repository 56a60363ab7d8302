"""Compare a graph with a plain model over long random walks: `python -m tests.redflow.soak --steps 100000 --seed 1`.

A walk is of one graph, and a new one begins every so many steps. What fails says its seed and step, and what was done.
"""

import random
import time
from collections import Counter

import click

from tests.redflow.walk import Walk

WALK_STEPS = 1000


@click.command()
@click.option("--steps", default=100_000, show_default=True, help="Steps of all walks together.")
@click.option("--seed", type=int, help="Seed of the first walk; the others follow it. [default: drawn, and printed]")
def main(steps: int, seed: int | None) -> None:
    """Walk until all steps are done, and stop at the first difference."""
    first = random.randrange(2**32) if seed is None else seed
    click.echo(f"seed {first}")
    done: Counter[str] = Counter()
    began = time.monotonic()
    for number, start in enumerate(range(0, steps, WALK_STEPS)):
        walk = Walk(first + number)
        for step in range(min(WALK_STEPS, steps - start)):
            try:
                walk.run(1)
            except BaseException:
                click.echo(f"walk of seed {first + number}, step {step}: {', '.join(walk.log)}")
                raise
        done += walk.counts
    acts = ", ".join(f"{name} {count}" for name, count in sorted(done.items()))
    click.echo(f"{steps} steps compared in {time.monotonic() - began:.0f} s: {acts}")


if __name__ == "__main__":
    main()
