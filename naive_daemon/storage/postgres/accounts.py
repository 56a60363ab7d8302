"""What operators ask of accounts: which there shall be, add many at once, disable and enable; a trigger tells of each.

An account is never removed: its orders and cycles name it. One that is disabled keeps all its settings.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Boolean, ColumnElement, Engine, Text, func, literal, or_, select, union, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import IntegrityError

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
    AccountConditionRow, AccountRow, AccountVenueRow, ActualStateRow, KillSwitchSeenRow, RiskLimitRow, SettingRow,
    TraderNumberRow,
)  # fmt: skip
_NAMED_MAX = 10


class AccountSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon last said of an account. `is_answer`: it spoke of what is wanted now, and not of a former wish."""

    condition: AccountCondition
    is_answer: bool


class AccountTakenError(UsageError):
    """An account is there already with other credentials, or others use the same; nothing was changed."""


class OperatorAccounts:
    """The accounts as commands see them. Every method raises DatabaseAwayError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, beside: str | None = None) -> tuple[AccountSettings, ...]:
        """Read the accounts that were added beside a configured one, or to any daemon, by name."""
        row = AccountRow
        query = select(row.account, row.beside, row.credentials, row.is_enabled).order_by(row.account)
        if beside is not None:
            query = query.where(row.beside == beside)
        with begin(self._engine) as connection:
            return tuple(
                AccountSettings(
                    name=found.account, beside=found.beside, credentials=found.credentials, is_enabled=found.is_enabled
                )
                for found in connection.execute(query)
            )

    def daemon_of(self, account: str) -> str:
        """Name the daemon, by its configured account, that trades an account: that of its own where none was added."""
        with begin(self._engine) as connection:
            found = connection.execute(select(AccountRow.beside).where(AccountRow.account == account)).scalar()
        return account if found is None else found

    def venues(self, names: Collection[str]) -> dict[str, str]:
        """Give where accounts are traded, those that a daemon has opened before."""
        row = AccountVenueRow
        query = select(row.account, row.venue).where(row.account == func.any(literal(list(names), ARRAY(Text))))
        with begin(self._engine) as connection:
            return {found.account: found.venue for found in connection.execute(query)}

    def add(self, accounts: Sequence[AccountSettings]) -> frozenset[str]:
        """Add all accounts in one statement, and give the names of those that are new.

        One that is there with the same credentials is left as it is. Raises AccountTakenError, and then adds nothing.
        """
        if not accounts:
            return frozenset()
        # In one order, so that two commands that add the same accounts can not wait for each other.
        in_order = sorted(accounts, key=lambda one: one.name)
        rows = [(one.name, one.beside, one.credentials, one.is_enabled) for one in in_order]
        names, beside, credentials, enabled = (list(column) for column in zip(*rows, strict=True))
        flags = func.unnest(literal(enabled, ARRAY(Boolean)))
        given = select(_unnest(names), _unnest(beside), _unnest(credentials), flags)
        adding = (
            insert(AccountRow)
            .from_select(["account", "beside", "credentials", "is_enabled"], given)
            .on_conflict_do_nothing()
            .returning(AccountRow.account)
        )
        with begin(self._engine) as connection:
            made = frozenset(connection.execute(adding).scalars())
            rest = [one for one in accounts if one.name not in made]
            if rest:
                row = AccountRow
                found = connection.execute(select(row.account, row.beside, row.credentials)).all()
                _refuse_taken(
                    rest,
                    {
                        one.account: AccountSettings(name=one.account, beside=one.beside, credentials=one.credentials)
                        for one in found
                    },
                )
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
                raise _never_added(missing)
        return {name: enabled[name] for name in wanted}

    def daemons(self) -> tuple[str, ...]:
        """Name the daemons, by their configured accounts, that spoke of accounts or have some added to them."""
        query = union(select(AccountConditionRow.daemon), select(AccountRow.beside))
        with begin(self._engine) as connection:
            return tuple(sorted(connection.execute(query).scalars()))

    def said_to_be_up(self) -> frozenset[str]:
        """Name the accounts that a daemon last said it trades; one that ended in order has taken its word back."""
        row = AccountConditionRow
        with begin(self._engine) as connection:
            return frozenset(connection.execute(select(row.account).where(row.state == "up")).scalars())

    def said(self, daemon: str, names: Collection[str] | None = None) -> dict[str, AccountSaid]:
        """Give what a daemon says of its accounts, all unless some are named; one that was killed took nothing back."""
        row = AccountConditionRow
        # The configured account has no row of its own: nothing is wanted of it but that it trades.
        is_answer = or_(AccountRow.revision.is_(None), AccountRow.revision == row.revision)
        query = (
            select(row.account, row.state, row.reason, row.retry_at, is_answer)
            .outerjoin(AccountRow, AccountRow.account == row.account)
            .where(row.daemon == daemon)
        )
        if names is not None:
            query = query.where(row.account == func.any(literal(list(names), ARRAY(Text))))
        with begin(self._engine) as connection:
            return {
                account: AccountSaid(
                    condition=AccountCondition(
                        account=account,
                        state=state,
                        reason=reason,
                        retry_at_ns=None if retry_at is None else from_datetime(retry_at),
                    ),
                    is_answer=answers,
                )
                for account, state, reason, retry_at, answers in connection.execute(query)
            }

    def enable_with(self, account: str, credentials: str) -> AccountSettings:
        """Enable an account and give it other credentials, and give what stood before.

        Raises UsageError when it was never added, AccountTakenError when another has them; nothing changes then.
        """
        row = AccountRow
        present = select(row.is_enabled, row.credentials).where(row.account == account).with_for_update()
        change = update(row).values(credentials=credentials, is_enabled=True).where(row.account == account)
        try:
            with begin(self._engine) as connection:
                before = connection.execute(present).one_or_none()
                if before is None:
                    raise _never_added([account])
                connection.execute(change)
        except IntegrityError:
            raise AccountTakenError(
                f"another account has the credentials {credentials}; nothing was changed",
                hint="each account has a key of its own; naive-daemon account list shows all",
            ) from None
        return AccountSettings(name=account, credentials=before.credentials, is_enabled=before.is_enabled)

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
        query = union(*(select(table.account) for table in _OF_ACCOUNTS), select(AccountRow.beside))
        with begin(self._engine) as connection:
            return tuple(sorted(connection.execute(query).scalars()))


def _refuse_taken(rest: Sequence[AccountSettings], known: Mapping[str, AccountSettings]) -> None:
    owners = {one.credentials: name for name, one in known.items() if one.credentials is not None}
    for one in rest:
        present = known.get(one.name)
        if present is None:
            raise AccountTakenError(
                f"account {one.name} was given the credentials of account {owners.get(one.credentials or '')}: "
                f"{one.credentials}; nothing was added",
                hint="each account has a key of its own",
            )
        if present.beside != one.beside:
            raise belongs_elsewhere(one.name, present.beside)
        if present.credentials != one.credentials:
            raise AccountTakenError(
                f"account {one.name} is there already, with {_words(present.credentials)}; nothing was added",
                hint=f"naive-daemon account enable {one.name} --credentials REFERENCE gives it others",
            )


def _never_added(names: Sequence[str]) -> UsageError:
    return UsageError(f"never added: {_listed(names)}; nothing was changed", hint="naive-daemon account list shows all")


def belongs_elsewhere(account: str, daemon: str | None) -> AccountTakenError:
    """Give the refusal of an account that another daemon has."""
    return AccountTakenError(
        f"account {account} belongs to the daemon of account {daemon}; nothing was changed",
        hint=f"NAIVE_ACCOUNT={daemon} speaks to that one, if you mean it; an account has one daemon",
    )


def _words(credentials: str | None) -> str:
    return "no credentials" if credentials is None else f"the credentials {credentials}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED_MAX]) + (" …" if len(names) > _NAMED_MAX else "")


def _unnest(texts: Sequence[str | None]) -> ColumnElement[Any]:
    return func.unnest(literal(list(texts), ARRAY(Text)))
