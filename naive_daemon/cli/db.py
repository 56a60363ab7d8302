"""`naive-daemon db upgrade|current|downgrade|purge|restored`."""

from collections.abc import Callable

import click
from alembic.util import CommandError

from naive_daemon.cli.command import Group, Options, pass_options
from naive_daemon.cli.database import open_database, refuse_while_traded
from naive_daemon.cli.db_purge import purge
from naive_daemon.cli.db_restored import restored
from naive_daemon.cli.output import emit
from naive_daemon.domain.errors import UsageError
from naive_daemon.storage.postgres import migrate

_NOTHING = "base"
_NEWEST = "head"


@click.group(cls=Group)
def db() -> None:
    """Bring the database's schema up, down, or say where it stands; delete what is old.

    Example:
      naive-daemon db current
      naive-daemon db upgrade
      naive-daemon db purge --older-than 90d

    """


db.add_command(purge)
db.add_command(restored)


@db.command()
@pass_options
def current(options: Options) -> None:
    """Say at which revision the schema is.

    Example:
      naive-daemon db current

    """
    with open_database(options, options.load_config(), schema=False, reads_only=True) as url:
        found = migrate.current(url)
    newest = migrate.head()
    state = "up to date" if found == newest else f"this program needs {newest}: run naive-daemon db upgrade"
    report = {"current": found, "head": newest, "up_to_date": found == newest}
    emit(options, report, lambda: click.echo(f"{found or 'no schema yet'} ({state})"))


@db.command()
@click.argument("revision", default=_NEWEST)
@pass_options
def upgrade(options: Options, *, revision: str) -> None:
    """Bring the schema up to REVISION, or to the newest one; no daemon may trade meanwhile.

    Example:
      naive-daemon db upgrade

    """
    _move(options, lambda url: migrate.upgrade(url, revision), revision)


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask: what the newer schema holds is deleted.")
@pass_options
def downgrade(options: Options, *, revision: str, yes: bool) -> None:
    """Take the schema back to REVISION; "base" is an empty database. DATA IS LOST. No daemon may trade meanwhile.

    Example:
      naive-daemon db downgrade 0005 --yes

    """
    if not yes:
        click.confirm("This deletes data for ever. Go on?", abort=True, err=True)
    _move(options, lambda url: migrate.downgrade(url, revision), revision)


def _move(options: Options, move: Callable[[str], tuple[str | None, str | None]], revision: str) -> None:
    config = options.load_config()
    with open_database(options, config, schema=False) as url:
        if not (revision == _NEWEST and migrate.current(url) == migrate.head()):
            refuse_while_traded(config, url)
        try:
            before, after = move(url)
        except CommandError as error:
            raise UsageError(
                f"there is no way to revision {revision}: {error}", hint=f"the newest is {migrate.head()}"
            ) from None
    line = f"was {before or _NOTHING}, is {after or _NOTHING}" if before != after else f"nothing to do: {after}"
    emit(options, {"before": before, "after": after}, lambda: click.echo(line))
