"""What each account owns on the paper exchange, free and locked. Owned by the engine; exact, and never negative.

Every result is exact: decimals are reckoned with enough digits that nothing is ever rounded, and a result that would
not fit is an error instead of a lost fraction.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.events import BalanceUpdated
from naive_daemon.domain.money import EXACT, ZERO, plain


class Balance(msgspec.Struct, frozen=True):
    """One asset of one account: what may be spent, and what resting orders hold back."""

    free: Decimal
    locked: Decimal


_NOTHING = Balance(ZERO, ZERO)


class Ledger:
    """The balances of all accounts, by asset.

    Raises ConfigError for an opening balance that is negative or not a number.
    """

    def __init__(self, balances: Mapping[str, Mapping[str, Decimal]]) -> None:
        self._accounts: dict[str, dict[str, Balance]] = {}
        for account, assets in balances.items():
            self._accounts[account] = {
                asset: Balance(_opening(account, asset, amount), ZERO) for asset, amount in assets.items()
            }

    def balance(self, account: str, asset: str) -> Balance:
        """Give one asset's balance, zero when the account never held it."""
        return self._accounts.get(account, {}).get(asset, _NOTHING)

    def balances(self, account: str) -> dict[str, Balance]:
        """Give every asset that the account has held."""
        return dict(self._accounts.get(account, {}))

    def lock(self, account: str, asset: str, amount: Decimal) -> None:
        """Move `amount` from free to locked; the caller has seen that it is there (ArithmeticError otherwise)."""
        self._change(account, asset, EXACT.minus(amount), amount)

    def unlock(self, account: str, asset: str, amount: Decimal) -> None:
        """Move `amount` from locked back to free."""
        self._change(account, asset, amount, EXACT.minus(amount))

    def spend(self, account: str, asset: str, amount: Decimal) -> None:
        """Take `amount` out of what is locked: it was traded away."""
        self._change(account, asset, ZERO, EXACT.minus(amount))

    def receive(self, account: str, asset: str, amount: Decimal) -> None:
        """Add `amount` to what is free."""
        self._change(account, asset, amount, ZERO)

    def pay(self, account: str, asset: str, amount: Decimal) -> None:
        """Take `amount` out of what is free; the caller has seen that it is there (ArithmeticError otherwise)."""
        self._change(account, asset, EXACT.minus(amount), ZERO)

    def updated(self, account: str, asset: str, time_ns: int) -> BalanceUpdated:
        """Give the asset's absolute balance as an event of `time_ns`."""
        balance = self.balance(account, asset)
        return BalanceUpdated(account=account, asset=asset, free=balance.free, locked=balance.locked, time_ns=time_ns)

    def _change(self, account: str, asset: str, free: Decimal, locked: Decimal) -> None:
        before = self.balance(account, asset)
        after = Balance(EXACT.add(before.free, free), EXACT.add(before.locked, locked))
        if after.free < 0 or after.locked < 0:
            raise ArithmeticError(
                f"{account} would hold {plain(after.free)} {asset} free and {plain(after.locked)} locked"
            )
        self._accounts.setdefault(account, {})[asset] = after


def _opening(account: str, asset: str, amount: Decimal) -> Decimal:
    if not amount.is_finite() or amount < 0:
        raise ConfigError(
            f"the paper balance of {account} in {asset} is {amount}", hint="a balance is a number, at least 0"
        )
    return amount
