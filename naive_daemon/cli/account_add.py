"""`naive-daemon account add`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click
import msgspec

from naive_daemon.cli.account_choice import AccountType
from naive_daemon.cli.account_confirmation import AccountsWait, wait_options
from naive_daemon.cli.account_file import read_account_file
from naive_daemon.cli.account_standing import UP
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.config import Config
from naive_daemon.config.credentials import (
    Credentials,
    check_reference,
    configured_credentials,
    key_digest,
    read_credentials,
)
from naive_daemon.config.exchange import BINANCE
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import ConfigError, UsageError
from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.accounts import OperatorAccounts, belongs_elsewhere
from naive_daemon.storage.postgres.venue import PAPER_VENUE

_OTHER_NAME = "name another account: each has one daemon, and one place for ever"
_EXAMPLE = "naive-daemon account add second --credentials env:SECOND"


@click.command(cls=Command)
@click.argument("names", nargs=-1, type=AccountType(), metavar="[NAME]...")
@click.option(
    "--credentials",
    metavar="REFERENCE",
    help="Where the account's key is: env:PREFIX, credential:NAME or file:/path. Never the key itself.",
)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Add all that this CSV file names: name,credentials on each line; - is standard input.",
)
@wait_options
@pass_options
def add(
    options: Options,
    *,
    names: tuple[str, ...],
    credentials: str | None,
    file: Path | None,
    timeout_s: float,
    no_wait: bool,
) -> None:
    """Let the daemon trade more accounts.

    A daemon that runs takes them up at once; they trade nothing until their symbols are started. The database holds
    where a key is, never the key: env:SECOND means the variables SECOND_API_KEY and SECOND_API_SECRET (or
    SECOND_PRIVATE_KEY_FILE) of the daemon, credential:second its systemd credentials second_api_key and
    second_api_secret (or second_private_key), file:/path a TOML file of mode 0600 with api_key and api_secret (or
    private_key_file). The paper exchange needs no key. Accounts that are there already are left as they are.

    Example:
      naive-daemon account add second --credentials env:SECOND
      naive-daemon account add third fourth
      naive-daemon account add --from accounts.csv

    """
    config = options.load_config()
    accounts = [msgspec.structs.replace(one, beside=config.account) for one in _wanted(names, credentials, file)]
    _check(config, accounts)
    with open_engine(options, config) as (url, engine):
        store = OperatorAccounts(engine)
        _refuse_others(url, store, config, accounts)
        unread = refuse_shared_keys(config, store.rows(), accounts)
        wait = AccountsWait(url, engine, config.account, [one.name for one in accounts], UP)
        added = store.add(accounts)
        tell_unread(options, unread)
        messages = {one.name: "added" if one.name in added else "already there" for one in accounts}
        wait.report(options, messages, 0 if no_wait else timeout_s)


def _wanted(names: Sequence[str], credentials: str | None, file: Path | None) -> list[AccountSettings]:
    if bool(names) == (file is not None):
        raise UsageError("name accounts, or a file with --from", hint=_EXAMPLE)
    if credentials is not None and len(names) != 1:
        raise UsageError("--credentials goes with one account", hint="--from FILE takes name,credentials on each line")
    if file is not None:
        accounts = read_account_file(file)
    else:
        reference = None if credentials is None else read_reference(credentials)
        accounts = [AccountSettings(name=name, credentials=reference) for name in names]
    _refuse_repeated(accounts)
    return list({one.name: one for one in accounts}.values())


def read_reference(text: str) -> str:
    """Check a reference that was given as an option; raises UsageError."""
    try:
        return check_reference(text)
    except ConfigError as error:  # what was given is a command's option, and no configuration
        raise UsageError(error.message, hint=error.hint) from None


def _refuse_repeated(accounts: Iterable[AccountSettings]) -> None:
    """Refuse two meanings of one name, and one key for two names; the same line twice is one."""
    by_name: dict[str, AccountSettings] = {}
    by_credentials: dict[str, str] = {}
    for one in accounts:
        if by_name.setdefault(one.name, one) != one:
            raise UsageError(f"account {one.name} is given twice, with different credentials; nothing was added")
        if one.credentials is not None and by_credentials.setdefault(one.credentials, one.name) != one.name:
            raise _shared(by_credentials[one.credentials], one.name, f"the same credentials, {one.credentials}")


def _check(config: Config, accounts: Iterable[AccountSettings]) -> None:
    for one in accounts:
        if one.name == config.account:
            raise UsageError(
                f"account {one.name} is the configured one: it is always traded, with the configured credentials",
                hint="name another account",
            )
        if one.credentials is None and config.exchange.name == BINANCE:
            raise UsageError(
                f"account {one.name} has no credentials, and on Binance it needs a key; nothing was added",
                hint=_EXAMPLE,
            )


def _refuse_others(url: str, store: OperatorAccounts, config: Config, accounts: Iterable[AccountSettings]) -> None:
    """Refuse what another daemon trades, or shall trade: it would be taken from that one, or never come up here."""
    added = {one.name: one.beside for one in store.rows()}
    if config.account in added:
        raise belongs_elsewhere(config.account, added[config.account])
    others = frozenset(store.daemons()) - {config.account}
    new = [one.name for one in accounts if one.name not in added]
    venues, holders, here = store.venues(new), locks.holders(url, new), _venue(config)
    for name in new:
        if name in others:
            raise UsageError(
                f"account {name} is the configured account of another daemon; nothing was added", hint=_OTHER_NAME
            )
        if name in holders:
            raise UsageError(f"account {name} is traded by {holders[name]}; nothing was added", hint=_OTHER_NAME)
        if venues.get(name, here) != here:
            raise UsageError(
                f"account {name} trades on {venues[name]}, not on {here}; nothing was added", hint=_OTHER_NAME
            )


def _venue(config: Config) -> str:
    if config.exchange.name != BINANCE:
        return PAPER_VENUE
    from naive_daemon.exchange.binance.endpoints import venue_name

    return venue_name(config.exchange.binance)


def tell_unread(options: Options, unread: str) -> None:
    """Say which credentials can not be read here; only the daemon knows whether it can."""
    if unread and not options.json:
        click.echo(f"the daemon has to find them by itself, here they are not: {unread}", err=True)


def refuse_shared_keys(config: Config, present: Iterable[AccountSettings], wanted: Iterable[AccountSettings]) -> str:
    """Refuse a key that two accounts would share, as far as keys can be read here; says which can not.

    The daemon compares them again when it opens an account.
    """
    owners: dict[bytes, str] = {}
    if (own := _configured(config)) is not None:
        owners[key_digest(own)] = config.account
    unread: dict[str, str] = {}
    new = {one.name: one for one in wanted}
    for name, one in {**{row.name: row for row in present}, **new}.items():
        if one.credentials is None:
            continue
        try:
            digest = key_digest(read_credentials(one.credentials))
        except ConfigError as error:
            if name in new:
                unread[name] = error.message
            continue
        owner = owners.setdefault(digest, name)
        if owner != name and (name in new or owner in new):
            raise _shared(owner, name, "the same API key")
    return _words(unread)


def _configured(config: Config) -> Credentials | None:
    try:
        return configured_credentials(config.exchange.binance)
    except ConfigError:  # its private key can not be read here; the daemon says so where it matters
        return None


def _words(unread: Mapping[str, str]) -> str:
    first = next(iter(unread.values()), "")
    return f"{first} (and {len(unread) - 1} more)" if len(unread) > 1 else first


def _shared(one: str, other: str, what: str) -> UsageError:
    return UsageError(
        f"accounts {one} and {other} have {what}; nothing was added", hint="each account has a key of its own"
    )
