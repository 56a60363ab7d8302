"""Accounts from a file: a line for each, with a name and, after a comma, where its credentials are."""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import click

from naive_daemon.cli.account_choice import AccountType
from naive_daemon.config.credentials import check_reference
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import ConfigError, UsageError

_HEADING = ["name", "credentials"]
_MISTAKES_MAX = 10
_EXAMPLE = "a line is written as second,env:SECOND"
ACCOUNTS_MAX = 10_000
"""So many are added at once; far more than anybody trades."""


def read_account_file(path: Path) -> list[AccountSettings]:
    """Read a CSV file, or standard input where `path` is a dash; raises UsageError when it names no account, too."""
    try:
        with click.open_file(os.fspath(path), encoding="utf-8-sig") as file:
            accounts = _read(file)
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}; nothing was added") from None
    if not accounts:
        raise UsageError(f"{path} names no account; nothing was added", hint=_EXAMPLE)
    return accounts


def _read(file: IO[str]) -> list[AccountSettings]:
    """Read an open file; raises UsageError with a line for each mistake, the first ten of them.

    Empty lines, those that begin with #, and a heading `name,credentials` say nothing.
    """
    accounts: list[AccountSettings] = []
    mistakes: list[str] = []
    for number, cells in _lines(file):
        if len(accounts) == ACCOUNTS_MAX:
            raise UsageError(f"{file.name} names more than {ACCOUNTS_MAX} accounts; nothing was added")
        try:
            accounts.append(read_account(cells))
        except (click.BadParameter, ConfigError) as error:
            mistakes.append(f"{file.name}, line {number}: {error.message}")
    if not mistakes:
        return accounts
    head = "1 line is wrong" if len(mistakes) == 1 else f"{len(mistakes)} lines are wrong"
    raise UsageError("\n  ".join([f"{head}, nothing was added:", *mistakes[:_MISTAKES_MAX]]), hint=_EXAMPLE)


def read_account(cells: Iterable[str]) -> AccountSettings:
    """Read a name and, perhaps, a reference; raises click.BadParameter or ConfigError."""
    name, *rest = (cell.strip() for cell in cells)
    if len(rest) > 1:
        # What stands there is not shown: it may be a key.
        raise click.BadParameter(f"it has {len(rest) + 1} parts, not a name and a reference")
    reference = rest[0] if rest else ""
    return AccountSettings(
        name=AccountType().convert(name, None, None), credentials=check_reference(reference) if reference else None
    )


def _lines(file: IO[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(file, strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped) and not stripped[0].startswith("#") and [one.lower() for one in stripped] != _HEADING:
                yield reader.line_num, stripped
    except csv.Error as error:
        raise UsageError(f"{file.name}, line {reader.line_num}: {error}; nothing was added") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} is not UTF-8 text (byte {error.start}); nothing was added") from None
