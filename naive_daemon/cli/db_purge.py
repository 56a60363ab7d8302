"""`naive-daemon db purge`."""

from contextlib import closing

import click
import msgspec

from naive_daemon.cli.account_choice import account_option, known_account
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.moment import MomentType
from naive_daemon.cli.output import emit, progress
from naive_daemon.clock import WallClock, to_datetime
from naive_daemon.domain.errors import UsageError
from naive_daemon.storage.postgres.purge import AGE_MIN_NS, JournalPurge, Purged


@click.command(cls=Command)
@click.option(
    "--older-than",
    "before_ns",
    type=MomentType(),
    required=True,
    metavar="AGE",
    help="What ended before: 90d, 36h, or a date, 2024-05-01. At least a day ago.",
)
@account_option()
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@pass_options
def purge(options: Options, *, before_ns: int, account: str | None, dry_run: bool) -> None:
    """Delete old cycles from the journal, with their orders and fills. They are GONE FOR EVER.

    Never deleted: an open cycle, a live order, and what belongs to them. What was counted stays counted: profit and
    completed cycles of `status`, paper balances, dust, and the numbers of cycles. `orders` and `report` no longer show
    what has gone. A daemon may trade meanwhile.

    Example:
      naive-daemon db purge --older-than 90d --dry-run
      naive-daemon db purge --older-than 90d

    """
    if WallClock().now_ns() - before_ns < AGE_MIN_NS:
        raise UsageError(
            "the last day can not be purged: what an exchange tells again is known by its rows",
            hint="give an age of at least 1d, for example --older-than 90d",
        )
    config = options.load_config()
    with (
        open_engine(options, config, reads_only=True) as (url, engine),
        closing(JournalPurge(url, chosen := known_account(engine, config.account, account), before_ns)) as old,
    ):
        gone = old.count() if dry_run else _delete(options, old)
    report = {
        "account": chosen,
        "older_than": to_datetime(before_ns),
        "dry_run": dry_run,
        **msgspec.structs.asdict(gone),
    }
    emit(options, report, lambda: click.echo(_line(gone, before_ns, dry_run=dry_run)))


def _delete(options: Options, old: JournalPurge) -> Purged:
    gone = Purged(0, 0, 0)
    with progress(options) as bar:
        task = bar.add_task("deleting", total=None)
        for batch in old.batches():
            gone = Purged(gone.cycles + batch.cycles, gone.orders + batch.orders, gone.fills + batch.fills)
            bar.update(task, completed=gone.orders)
    return gone


def _line(gone: Purged, before_ns: int, *, dry_run: bool) -> str:
    what = f"{gone.cycles} cycles, {gone.orders} orders and {gone.fills} fills"
    since = f"over since before {to_datetime(before_ns):%Y-%m-%d %H:%M}Z"
    if dry_run:
        return f"would delete {what}, {since}"
    return f"deleted {what}, {since}; PostgreSQL fills their room with what comes"
