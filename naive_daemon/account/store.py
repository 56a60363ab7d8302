"""The state of one account, a plain class in the account actor's state. The exchange holds the truth of most of it."""

from decimal import Decimal
from typing import Generic

from naive_daemon.account.balances import Balance, Balances
from naive_daemon.account.leverages import Leverages
from naive_daemon.account.live_orders import LiveOrders
from naive_daemon.account.metadata_table import Metadata, MetadataTable
from naive_daemon.account.positions import Positions
from naive_daemon.account.session import (
    Depth,
    OpenPosition,
    PositionTotals,
    SessionSummary,
    depth_of,
    open_position,
    summary_of,
    totals_of,
)
from naive_daemon.domain.money import EXACT

__all__ = ["AccountStateStore", "Balance"]


class AccountStateStore(Generic[Metadata]):
    """Balances by asset, positions and leverage by symbol, live orders, metadata; and what follows from all of them.

    Everywhere an update that is older than what is known is refused, and nothing that is handed out can be changed.
    `is_spot`: a position was paid for with the balance.
    """

    def __init__(self, *, is_spot: bool = True) -> None:
        self.balances = Balances()
        self.positions = Positions()
        self.leverages = Leverages()
        self.orders = LiveOrders()
        self.metadata: MetadataTable[Metadata] = MetadataTable()
        self._is_spot = is_spot

    @property
    def is_pending_persist(self) -> bool:
        """Say whether metadata has changed since it was persisted."""
        return self.metadata.is_pending_persist

    def open_positions(self, asset: str | None = None) -> tuple[OpenPosition, ...]:
        """Look at all positions, or at those that are reckoned in one quote asset."""
        return tuple(
            open_position(held, self.positions, self.leverages)
            for held in self.positions.all()
            if asset is None or held.quote_asset == asset
        )

    def totals(self, asset: str) -> PositionTotals:
        """Add up the positions of one quote asset."""
        return totals_of(self.open_positions(asset))

    def settled_balance(self, asset: str) -> Decimal:
        """Give the balance as if every position had been closed at what it has cost.

        On Spot what is held of the asset in positions of other quote assets is theirs, and no money of this one.
        """
        settled = self.balances.get(asset).total
        if not self._is_spot:
            return settled
        for held in self.positions.all():
            if held.quote_asset == asset:
                settled = EXACT.add(settled, held.value)
            if held.base_asset == asset:
                settled = EXACT.subtract(settled, held.quantity)
        return settled

    def session_summary(self, asset: str, starting_balance: Decimal) -> SessionSummary:
        """Sum up what a session has brought that began with a settled balance."""
        return summary_of(asset, starting_balance, self.settled_balance(asset), self.open_positions(asset))

    def depth(self, asset: str) -> Depth:
        """Give the share of the balance that is in positions."""
        return depth_of(self.totals(asset), self.settled_balance(asset))
