"""What operators ask of limits and kill switch: read and set; a trigger tells the daemon of each change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from naive_daemon.domain.limits import KillCancel, KillSwitch, RiskLimits, read_limit
from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import KillSwitchRow, KillSwitchSeenRow, RiskLimitRow
from naive_daemon.storage.postgres.text import storable

_LIMIT_COLUMNS = [getattr(RiskLimitRow, key) for key in RiskLimits.__struct_fields__]
_SWITCH_COLUMNS = [getattr(KillSwitchRow, key) for key in KillSwitch.__struct_fields__]


class OperatorSafeguards:
    """Limits and kill switch as commands see them. Every method raises DatabaseAwayError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def limits(self, account: str | None = None) -> dict[str, RiskLimits]:
        """Read the limits of every account that has some, or of one."""
        query = select(RiskLimitRow.account, *_LIMIT_COLUMNS).order_by(RiskLimitRow.account)
        if account is not None:
            query = query.where(RiskLimitRow.account == account)
        with begin(self._engine) as connection:
            return {owner: RiskLimits(**_named(values)) for owner, *values in connection.execute(query)}

    def set_limits(self, account: str, changes: Mapping[str, str]) -> RiskLimits:
        """Set limits of one account, as `set_limits_of` does."""
        return self.set_limits_of([account], changes)[account]

    def set_limits_of(self, accounts: Sequence[str], changes: Mapping[str, str]) -> dict[str, RiskLimits]:
        """Set limits (key to text, as in `LIMIT_RULES`; `none` takes one away); the others stay. Gives all of them.

        All accounts in one statement. Raises InvalidSettingError, and then changes nothing.
        """
        values = {key: read_limit(key, text) for key, text in changes.items()}
        # In one order, so that two commands over the same accounts can not wait for each other.
        rows = [{"account": account, **values} for account in sorted(accounts)]
        writing = insert(RiskLimitRow).values(rows)
        writing = writing.on_conflict_do_update(index_elements=["account"], set_=values)
        with begin(self._engine) as connection:
            found = connection.execute(writing.returning(RiskLimitRow.account, *_LIMIT_COLUMNS))
            made = {account: RiskLimits(**_named(limits)) for account, *limits in found}
        return {account: made[account] for account in accounts}

    def kill_switch(self) -> KillSwitch:
        """Read the kill switch."""
        with begin(self._engine) as connection:
            return _switch(connection.execute(select(*_SWITCH_COLUMNS)).one())

    def set_kill_switch(
        self, *, is_on: bool, cancel: KillCancel | None = None, reason: str = ""
    ) -> tuple[KillSwitch, KillSwitch]:
        """Set the kill switch for all accounts, and give what stood before and what stands now.

        Without `cancel`, one that is on already goes on to cancel what another operator has asked for.
        Its revision rises even where nothing else changes, so that orders are cancelled again when asked for again.
        """
        locked = select(*_SWITCH_COLUMNS).with_for_update()
        with begin(self._engine) as connection:
            before = _switch(connection.execute(locked).one())
            kept = before.cancel if before.is_on and is_on else KillCancel.NOTHING
            change = update(KillSwitchRow).values(is_on=is_on, cancel=cancel or kept, reason=storable(reason))
            after = _switch(connection.execute(change.returning(*_SWITCH_COLUMNS)).one())
        return before, after

    def seen(self) -> dict[str, int]:
        """Give which revision of the kill switch each account's daemon obeys."""
        with begin(self._engine) as connection:
            found = connection.execute(select(KillSwitchSeenRow.account, KillSwitchSeenRow.revision))
            return {row.account: row.revision for row in found}


def _named(values: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(RiskLimits.__struct_fields__, values, strict=True))


def _switch(row: Row[Any]) -> KillSwitch:
    return KillSwitch(is_on=row.is_on, cancel=KillCancel(row.cancel), reason=row.reason, revision=row.revision)
