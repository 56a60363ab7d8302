"""Many accounts through the installed daemon, held against a model: `python -m tests.flow.soak --accounts 200`."""

import tempfile
import time
from pathlib import Path

import click

from tests.flow.proof import prove
from tests.flow.trial import TERMS, Trial

WITHIN_S = 300.0


@click.command()
@click.option("--accounts", default=200, show_default=True, type=click.IntRange(2))
@click.option("--symbols", default=5, show_default=True, type=click.IntRange(2, 100))
@click.option("--settings", default=3, show_default=True, type=click.IntRange(2, len(TERMS)), help="Distinct settings.")
def main(accounts: int, symbols: int, settings: int) -> None:
    """Start so many accounts, change half of them, stop a third, kill the daemon, and compare after each step."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="naive-flow-") as folder:
        trial = Trial(Path(folder), accounts, symbols, settings, WITHIN_S)
        try:
            prove(trial, click.echo)
        finally:
            trial.end()
    click.echo(f"{accounts} accounts × {symbols} symbols × {settings} settings in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
