"""`naive-daemon seed`."""

import itertools
from collections.abc import Iterator, Sequence

import click

from naive_daemon.cli.account_choice import account_option, all_accounts_option, chosen_accounts, tell_left_out
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.output import emit, progress
from naive_daemon.cli.symbols import SymbolType, check_known, listed_symbols
from naive_daemon.storage.postgres.settings import OperatorSettings

# Symbols that share a transaction: enough for speed, few enough for a progress bar that moves.
_BATCH = 250


@click.command(cls=Command)
@click.option(
    "--symbols", "some", multiple=True, metavar="SYMBOLS", help="Only these (commas between them; may be repeated)."
)
@account_option()
@all_accounts_option()
@pass_options
def seed(options: Options, *, some: tuple[str, ...], account: str | None, all_accounts: bool) -> None:
    """Add settings for every symbol that the exchange lists.

    They get the default settings, switched off, and a row in the streaming settings, switched off too. Rows that exist
    are left alone, so it can be run again at any time.

    Example:
      naive-daemon seed
      naive-daemon seed --symbols BTCUSDT,ETHUSDT

    """
    config = options.load_config()
    listed = listed_symbols(config)
    given = [SymbolType().convert(word, None, None) for text in some for word in text.split(",")]
    names = check_known(given, listed) if given else list(dict.fromkeys(listed))
    added = 0
    with open_engine(options, config) as (_, engine), progress(options) as bar:
        accounts = chosen_accounts(engine, config.account, account, all_accounts=all_accounts)
        store = OperatorSettings(engine)
        total = len(names) * len(accounts)
        task = bar.add_task("adding symbols", total=total)
        for name in accounts:
            for batch in _batches(names):
                added += store.seed(name, batch)
                bar.advance(task, len(batch))
        tell_left_out(options, engine, config.account, all_accounts=all_accounts)
    report = {"account": accounts[0], "listed": len(names), "added": added, "untouched": total - added}
    report |= {"accounts": len(accounts)} if all_accounts else {}
    emit(options, report, lambda: click.echo(f"{added} symbols added, {total - added} had settings already"))


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch
