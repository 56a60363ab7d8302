"""`naive-daemon orders`."""

from typing import Any

import click
import msgspec

from naive_daemon.cli.account_choice import (
    account_option,
    all_accounts_option,
    every_account,
    known_account,
    refuse_both,
)
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.moment import MomentType
from naive_daemon.cli.output import emit, print_table
from naive_daemon.cli.symbols import SymbolType, check_settled_or_listed, listed_symbols
from naive_daemon.clock import to_datetime
from naive_daemon.storage.postgres.report import OrderLine, Report
from naive_daemon.storage.postgres.settings import OperatorSettings

_LIMIT_MAX = 100_000
_COLUMNS = (
    "created", "account", "symbol", "trader>", "cycle>", "side", "price>", "quantity>", "filled>", "status",
    "id", "reason",
)  # fmt: skip


@click.command(cls=Command)
@click.argument("symbols", nargs=-1, type=SymbolType(), metavar="[SYMBOL]...")
@account_option()
@all_accounts_option()
@click.option("--open", "live_only", is_flag=True, help="Only orders that are not over.")
@click.option("--orphans", "orphans_only", is_flag=True, help="Only live orders whose cycle has ended, or has none.")
@click.option(
    "--limit", type=click.IntRange(1, _LIMIT_MAX), default=100, show_default=True, metavar="N", help="The most to list."
)
@click.option(
    "--since", "since_ns", type=MomentType(), metavar="TIME", help="Only newer ones: 2024-05-01T10:00Z, 15m, 24h, 7d."
)
@pass_options
def orders(
    options: Options,
    *,
    symbols: tuple[str, ...],
    account: str | None,
    all_accounts: bool,
    live_only: bool,
    orphans_only: bool,
    limit: int,
    since_ns: int | None,
) -> None:
    """List orders, newest first.

    Times are UTC; quantities are in the base asset. An orphan is an order that rests though no cycle needs it, such as
    one with our mark that the exchange had and the journal did not know.

    Example:
      naive-daemon orders BTCUSDT --open
      naive-daemon orders --orphans
      naive-daemon orders --since 24h --limit 1000

    """
    refuse_both(account, all_accounts=all_accounts)
    config = options.load_config()
    with open_engine(options, config, reads_only=True) as (_, engine):
        own = [known_account(engine, config.account, account)]
        chosen = every_account(engine, config.account) if all_accounts else own
        if symbols:
            rows = OperatorSettings(engine).rows(None if all_accounts else own[0])
            check_settled_or_listed(symbols, (row.symbol for row in rows), lambda: listed_symbols(config))
        found = Report(engine).orders(
            chosen, symbols, live_only=live_only, orphans_only=orphans_only, limit=limit, since_ns=since_ns
        )
    what = "orphans" if orphans_only else "orders"
    emit(options, [_shown(line) for line in found], lambda: _print(found, what, with_account=all_accounts))


def _shown(line: OrderLine) -> dict[str, Any]:
    shown = msgspec.structs.asdict(line)
    for key in ("created", "updated"):
        moment_ns = shown.pop(f"{key}_ns")
        shown[f"{key}_at"] = to_datetime(moment_ns) if moment_ns else None
    return shown


def _print(found: tuple[OrderLine, ...], what: str, *, with_account: bool) -> None:
    if not found:
        click.echo(f"no {what}")
        return
    rows = [
        (
            to_datetime(line.created_ns), line.account, line.symbol, line.trader, line.cycle, line.side, line.price,
            line.quantity, line.filled, line.status, line.client_order_id, line.reason,
        )
        for line in found
    ]  # fmt: skip
    if with_account:
        print_table(_COLUMNS, rows)
        return
    at = _COLUMNS.index("account")
    print_table(_COLUMNS[:at] + _COLUMNS[at + 1 :], [row[:at] + row[at + 1 :] for row in rows])
