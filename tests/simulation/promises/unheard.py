"""Which execution managers have been told that the market is not heard: none of them lets an entry out after that.

Noted right after it was told: whatever reaches a manager later comes after it, however long either waits to be read.
"""

from collections.abc import Callable, Sequence
from typing import Any

from naive_daemon import names
from naive_daemon.domain.events import MarketHealth


class Unheard:
    """Hears what the market says of itself. `actor` gives who has a name now."""

    def __init__(self, accounts: Sequence[str], actor: Callable[[Any], Any]) -> None:
        self._accounts = accounts
        self._actor = actor
        self._blind: dict[str, Any] = {}

    def take(self, health: MarketHealth) -> None:
        """Note which managers were told; one that does not listen yet will ask."""
        for account in self._accounts:
            manager = self._manager(account)
            hears = manager is not None and names.MARKET_HEALTH in manager.system.pubsub.topics(manager.ref)
            self._blind[account] = manager if hears and not health.connected else None

    def is_blind(self, account: str) -> bool:
        """Say whether the manager of now has been told last that the market is not heard."""
        manager = self._manager(account)
        return manager is not None and self._blind.get(account) is manager

    def _manager(self, account: str) -> Any:
        return self._actor(names.execution_manager(account))
