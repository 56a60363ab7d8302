"""What an execution manager knows, for the promises: looked up in itself, as nobody is told."""

from typing import TYPE_CHECKING, Any

from naive_daemon import names
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.side import Side

if TYPE_CHECKING:
    from tests.simulation.world import World


def started(world: "World", account: str) -> Any:
    """Give an account's execution manager; None until it knows what lives, and trades."""
    manager = world.actor(names.execution_manager(account))
    return manager if manager is not None and manager._recovery.is_done else None


def entries_of(world: "World", account: str) -> tuple[list[str], list[str]]:
    """Give the entries that may live, and those of them that are on their way, by their ids."""
    manager = started(world, account)
    mine = [order for order in world.books.orders() if order.key.account == account and order.side is Side.BUY]
    entries = [order.client_order_id for order in mine if not order.status.is_terminal]
    if manager is None:  # it may not have read yet which live
        return entries, []
    live = [order_id for order_id in entries if order_id in manager._books.live]
    return live, [order_id for order_id in live if order_id in manager._sending._in_flight]


def known_limits(world: "World", account: str) -> RiskLimits | None:
    """Give the limits that an account is held to now; None while nobody holds it to any."""
    manager = world.actor(names.execution_manager(account))
    return None if manager is None else manager._gate._risk.limits
