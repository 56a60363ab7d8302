"""What the switches know of accounts: which are up, and why others are not. Pure.

An account of which nothing was said yet is neither: what runs of it goes on, what does not run waits.
"""

from decimal import Decimal

from naive_daemon.trading.account_messages import AccountDown, AccountsTold, AccountUp

Standing = AccountUp | AccountDown


class AccountBook:
    """The last standing of each account, as the account desk told it."""

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}

    def take(self, told: Standing | AccountsTold) -> list[str]:
        """Take what was told; gives the accounts that it changes.

        One that is told of by itself has changed: it is down as before, say, and its tree has ended meanwhile.
        """
        if not isinstance(told, AccountsTold):
            self._standings[told.account] = told
            return [told.account]
        standings: dict[str, Standing] = {account: AccountDown(account, None) for account in self._standings}
        standings |= {up.account: up for up in told.up} | {down.account: down for down in told.down}
        changed = [account for account, standing in standings.items() if self._standings.get(account) != standing]
        self._standings |= standings
        return changed

    def fee(self, account: str) -> Decimal | None:
        """Give the maker fee, a ratio, of an account that is up; None for any other."""
        standing = self._standings.get(account)
        return standing.maker_fee if isinstance(standing, AccountUp) else None

    def is_down(self, account: str) -> bool:
        """Say whether it is known that the account can not be traded now."""
        return isinstance(self._standings.get(account), AccountDown)

    def reason(self, account: str) -> str | None:
        """Say why an account is not up; None when it is, is being opened, or nothing was said yet."""
        standing = self._standings.get(account)
        return standing.reason if isinstance(standing, AccountDown) else None

    def is_ours(self, account: str) -> bool:
        """Say whether nobody but we can place an order for the account."""
        standing = self._standings.get(account)
        return isinstance(standing, AccountUp) or (isinstance(standing, AccountDown) and standing.is_ours)
