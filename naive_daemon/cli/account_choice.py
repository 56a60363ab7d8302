"""Which accounts a command is about: one that is named, the configured one, or all that are traded."""

import difflib
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import click

from naive_daemon.cli.output import say
from naive_daemon.domain.account import ACCOUNT_NAME, ACCOUNT_NAME_WORDS
from naive_daemon.domain.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from naive_daemon.cli.command import Options

_NEAREST_MAX = 3
_SHOWN_MAX = 40
_NAMED_MAX = 6


class AccountType(click.ParamType[str]):
    """The name of an account; case counts."""

    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the name; one that no account may have is refused."""
        name = str(value)
        # Not `match`: its `$` lets a line break through.
        if not re.fullmatch(ACCOUNT_NAME.strip("^$"), name):
            shown = repr(name) if len(name) <= _SHOWN_MAX else f"{name[:_SHOWN_MAX]!r}…"
            self.fail(
                f"{shown} is no name of an account: {ACCOUNT_NAME_WORDS}, the first a letter or digit", param, ctx
            )
        return name


def account_option(text: str = "The account; the configured one unless given.") -> Callable[..., Any]:
    """Make the option --account."""
    return click.option("--account", type=AccountType(), metavar="NAME", help=text)


def all_accounts_option(
    text: str = "All accounts that are traded: the configured one and those that were added beside it.",
) -> Callable[..., Any]:
    """Make the option --all-accounts."""
    return click.option("--all-accounts", is_flag=True, help=text)


def known_account(engine: "Engine", configured: str, account: str | None) -> str:
    """Give the account that is meant; raises UsageError, with the nearest names, for one that nobody ever heard of."""
    if account is None or account == configured:
        return configured
    from naive_daemon.storage.postgres.accounts import OperatorAccounts

    known = {configured, *OperatorAccounts(engine).known()}
    if account not in known:
        raise unknown_account(account, known)
    return account


def unknown_account(account: str, known: Collection[str]) -> UsageError:
    """Give the refusal of an account, with the names that are nearest to it."""
    lowered = {name.lower(): name for name in known}
    near = [lowered[name] for name in difflib.get_close_matches(account.lower(), lowered, _NEAREST_MAX)]
    hint = (
        f"did you mean {', '.join(near)}?"
        if near
        else f"naive-daemon account add {account} adds it, NAIVE_ACCOUNT={account} configures it"
    )
    return UsageError(f"unknown account {account}", hint=hint)


def chosen_accounts(
    engine: "Engine", configured: str, account: str | None, *, all_accounts: bool, disabled_too: bool = False
) -> list[str]:
    """Give the accounts that are meant: one, or all that are traded, the configured one first."""
    refuse_both(account, all_accounts=all_accounts)
    if all_accounts:
        return _accounts(engine, configured, disabled_too=disabled_too)
    return [known_account(engine, configured, account)]


def refuse_both(account: str | None, *, all_accounts: bool) -> None:
    """Refuse --account beside --all-accounts."""
    if all_accounts and account is not None:
        raise UsageError("--account and --all-accounts are both given", hint="give one of them")


def tell_left_out(options: "Options", engine: "Engine", configured: str, *, all_accounts: bool) -> None:
    """Say which accounts --all-accounts has left out, as they are disabled."""
    if not all_accounts:
        return
    traded = frozenset(traded_accounts(engine, configured))
    disabled = [name for name in every_account(engine, configured) if name not in traded]
    if disabled:
        named = ", ".join(disabled[:_NAMED_MAX]) + (" …" if len(disabled) > _NAMED_MAX else "")
        noun = "1 disabled account was" if len(disabled) == 1 else f"{len(disabled)} disabled accounts were"
        say(options, f"{noun} left out: {named}")


def daemon_of(engine: "Engine", configured: str, account: str | None) -> str:
    """Name the daemon, by its configured account, that trades the account that is meant."""
    if account is None or account == configured:
        return configured
    from naive_daemon.storage.postgres.accounts import OperatorAccounts

    return OperatorAccounts(engine).daemon_of(account)


def traded_accounts(engine: "Engine", configured: str) -> list[str]:
    """Name the accounts that a daemon of this configuration trades: the configured one, then those that are enabled."""
    return _accounts(engine, configured, disabled_too=False)


def every_account(engine: "Engine", configured: str) -> list[str]:
    """Name the configured account, then those that were added, also the disabled ones: their orders may rest."""
    return _accounts(engine, configured, disabled_too=True)


def _accounts(engine: "Engine", configured: str, *, disabled_too: bool) -> list[str]:
    from naive_daemon.storage.postgres.accounts import OperatorAccounts

    added = OperatorAccounts(engine).rows(configured)
    return [configured, *(one.name for one in added if one.is_enabled or disabled_too)]
