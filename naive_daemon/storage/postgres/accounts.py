"""What operators ask of accounts: which there shall be, add many at once, disable and enable; a trigger tells of each.

An account is never removed: its orders and cycles name it. One that is disabled keeps all its settings.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Boolean, ColumnElement, Engine, Text, func, literal, select, union, update
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from naive_daemon.clock import from_datetime
from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import (
    AccountConditionRow,
    AccountRow,
    AccountVenueRow,
    ActualStateRow,
    KillSwitchSeenRow,
    RiskLimitRow,
    SettingRow,
    TraderNumberRow,
)

_OF_ACCOUNTS = (
    AccountRow, AccountVenueRow, ActualStateRow, KillSwitchSeenRow, RiskLimitRow, SettingRow, TraderNumberRow,
)  # fmt: skip
_NAMED_MAX = 10


class AccountSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon last said of an account, and when, UTC; `updated_ns` is 0 where none ever spoke of it."""

    condition: AccountCondition
    updated_ns: int = 0


class AccountTakenError(UsageError):
    """An account is there already with other credentials, or others use the same; nothing was changed."""


class OperatorAccounts:
    """The accounts as commands see them. Every method raises DatabaseAwayError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self) -> tuple[AccountSettings, ...]:
        """Read all accounts that were added, by name."""
        query = select(AccountRow.account, AccountRow.credentials, AccountRow.is_enabled).order_by(AccountRow.account)
        with begin(self._engine) as connection:
            return tuple(
                AccountSettings(name=row.account, credentials=row.credentials, is_enabled=row.is_enabled)
                for row in connection.execute(query)
            )

    def add(self, accounts: Sequence[AccountSettings]) -> frozenset[str]:
        """Add all accounts in one statement, and give the names of those that are new.

        One that is there with the same credentials is left as it is. Raises AccountTakenError, and then adds nothing.
        """
        rows = [(one.name, one.credentials, one.is_enabled) for one in accounts]
        names, credentials, enabled = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
        given = select(_unnest(names), _unnest(credentials), func.unnest(literal(enabled, ARRAY(Boolean))))
        adding = (
            insert(AccountRow)
            .from_select(["account", "credentials", "is_enabled"], given)
            .on_conflict_do_nothing()
            .returning(AccountRow.account)
        )
        with begin(self._engine) as connection:
            made = frozenset(connection.execute(adding).scalars())
            rest = [one for one in accounts if one.name not in made]
            if rest:
                found = connection.execute(select(AccountRow.account, AccountRow.credentials)).all()
                _refuse_taken(rest, {row.account: row.credentials for row in found})
        return made

    def set_enabled(self, names: Iterable[str], *, is_enabled: bool) -> dict[str, bool]:
        """Enable or disable accounts, all in one statement, and say which were enabled before.

        A row is written even where nothing changes, so that the daemon tries an account again when asked to. Raises
        UsageError when one was never added, and then changes nothing.
        """
        wanted = list(dict.fromkeys(names))
        # Locked in one order, so that two commands over the same accounts can not wait for each other.
        before = (
            select(AccountRow.account, AccountRow.is_enabled)
            .where(AccountRow.account == func.any(literal(wanted, ARRAY(Text))))
            .order_by(AccountRow.account)
            .with_for_update()
            .cte("before")
        )
        change = update(AccountRow).values(is_enabled=is_enabled).where(AccountRow.account == before.c.account)
        with begin(self._engine) as connection:
            found = connection.execute(change.returning(before.c.account, before.c.is_enabled))
            enabled = {row.account: row.is_enabled for row in found}
            if missing := [name for name in wanted if name not in enabled]:
                raise UsageError(
                    f"never added: {_listed(missing)}; nothing was changed", hint="naive-daemon account list shows all"
                )
        return {name: enabled[name] for name in wanted}

    def speakers(self) -> tuple[str, ...]:
        """Name the daemons, by their configured accounts, that ever spoke of accounts, and did not take it back."""
        with begin(self._engine) as connection:
            return tuple(sorted(connection.execute(select(AccountConditionRow.daemon).distinct()).scalars()))

    def said(
        self, names: Collection[str] | None = None, daemons: Collection[str] | None = None
    ) -> dict[str, AccountSaid]:
        """Give what daemons say of accounts: of two that speak of one, who trades it, else who spoke last.

        All accounts, and the word of all daemons, where none are given; a daemon that was killed took nothing back.
        """
        row = AccountConditionRow
        query = select(row.account, row.state, row.reason, row.retry_at, row.updated_at)
        if names is not None:
            query = query.where(row.account == func.any(literal(list(names), ARRAY(Text))))
        if daemons is not None:
            query = query.where(row.daemon == func.any(literal(list(daemons), ARRAY(Text))))
        query = query.ext(distinct_on(row.account)).order_by(row.account, row.state != "up", row.updated_at.desc())
        with begin(self._engine) as connection:
            return {
                account: AccountSaid(
                    condition=AccountCondition(
                        account=account,
                        state=state,
                        reason=reason,
                        retry_at_ns=None if retry_at is None else from_datetime(retry_at),
                    ),
                    updated_ns=from_datetime(updated_at),
                )
                for account, state, reason, retry_at, updated_at in connection.execute(query)
            }

    def symbols_on(self) -> dict[str, int]:
        """Count the symbols of each account that are not off, as operators want them."""
        query = (
            select(SettingRow.account, func.count())
            .where(SettingRow.status != TradingStatus.OFF)
            .group_by(SettingRow.account)
        )
        with begin(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def known(self) -> tuple[str, ...]:
        """Name every account that this database knows of, whoever brought it in."""
        query = union(*(select(table.account) for table in _OF_ACCOUNTS))
        with begin(self._engine) as connection:
            return tuple(sorted(connection.execute(query).scalars()))


def _refuse_taken(rest: Sequence[AccountSettings], known: Mapping[str, str | None]) -> None:
    owners = {credentials: name for name, credentials in known.items() if credentials is not None}
    for one in rest:
        if one.name not in known:
            raise AccountTakenError(
                f"account {one.name} was given the credentials of account {owners.get(one.credentials or '')}: "
                f"{one.credentials}; nothing was added",
                hint="each account has a key of its own",
            )
        if known[one.name] != one.credentials:
            raise AccountTakenError(
                f"account {one.name} is there already, with {_words(known[one.name])}; nothing was added",
                hint="naive-daemon account list shows all; name another account",
            )


def _words(credentials: str | None) -> str:
    return "no credentials" if credentials is None else f"the credentials {credentials}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED_MAX]) + (" …" if len(names) > _NAMED_MAX else "")


def _unnest(texts: Sequence[str | None]) -> ColumnElement[Any]:
    return func.unnest(literal(list(texts), ARRAY(Text)))
