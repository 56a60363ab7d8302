"""What an account owned at one moment, as an event: the newest one is the account."""

import msgspec

from naive_daemon.domain.events import BalanceUpdated


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """All balances of an account, one for each asset; `time_ns` (UTC) orders the states of one account."""

    account: str
    balances: tuple[BalanceUpdated, ...]
    time_ns: int
