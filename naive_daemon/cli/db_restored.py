"""`naive-daemon db restored`."""

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_database, refuse_while_traded
from naive_daemon.cli.output import emit
from naive_daemon.clock import WallClock
from naive_daemon.storage.postgres.identity import PostgresIdentity


@click.command(cls=Command)
@pass_options
def restored(options: Options) -> None:
    """Say that the database was restored from a back-up; no daemon may trade meanwhile.

    A daemon finds that out by itself where its home was not restored along with the database. On a new machine it can
    not. At its next start it asks the exchange for what the journal has lost, and numbers of cycles go on above all
    that were ever given.

    Example:
      naive-daemon db restored

    """
    config = options.load_config()
    with open_database(options, config, reads_only=True) as url:
        refuse_while_traded(config, url)
        identity = PostgresIdentity(url)
        try:
            floor = identity.raise_floor(WallClock().now_ns())
        finally:
            identity.close()
    line = f"noted: cycles go on from number {floor}" if floor else "no daemon has ever used this database"
    emit(options, {"cycles_go_on_from": floor}, lambda: click.echo(line))
