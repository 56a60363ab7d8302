"""What an account has of each asset, as the exchange has told it last."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.events import BalanceUpdated
from naive_daemon.domain.money import EXACT, ZERO


class Balance(msgspec.Struct, frozen=True):
    """What there is of one asset; `locked` is reserved for resting orders. `time_ns` is when the exchange said so."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    time_ns: int = 0

    @property
    def total(self) -> Decimal:
        """Free and locked, exactly."""
        return EXACT.add(self.free, self.locked)


class Balances:
    """The newest balance of each asset, and one before it for whoever wants to compare."""

    def __init__(self) -> None:
        self._now: dict[str, Balance] = {}
        self._previous: dict[str, Balance] = {}

    def set(self, event: BalanceUpdated) -> bool:
        """Take a balance; False when a newer one is known."""
        known = self._now.get(event.asset)
        if known is not None and known.time_ns > event.time_ns:
            return False
        self._now[event.asset] = Balance(event.free, event.locked, event.time_ns)
        return True

    def get(self, asset: str) -> Balance:
        """Give the balance of an asset; nothing of what was never named."""
        return self._now.get(asset, Balance())

    def all(self) -> dict[str, Balance]:
        """Give all balances by asset."""
        return dict(self._now)

    def store_previous_balance(self, asset: str) -> None:
        """Keep the balance as it is now, for `get_previous_balance`."""
        self._previous[asset] = self.get(asset)

    def get_previous_balance(self, asset: str) -> Balance:
        """Give what was kept last; nothing where nothing ever was."""
        return self._previous.get(asset, Balance())
