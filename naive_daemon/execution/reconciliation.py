"""Journal and exchange, side by side: what a snapshot of the account says of the orders that we think live. Pure.

One snapshot answers for all traders; only what it leaves open is asked one by one, with the fills of that order: by
order they weigh 5 on Binance, by symbol since the last known trade 20, and in a gap few orders of a symbol change.
Nothing is repaired here, and an order that somebody else placed is counted and left alone.
"""

from collections.abc import Callable, Mapping

import msgspec

from naive_daemon.domain.money import plain
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.execution.client import AccountSnapshot, ExchangeOrder


class Reconcile(msgspec.Struct, frozen=True):
    """Request to an execution manager: compare now; answered by ReconciliationReport once all questions are asked."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One order of which journal and exchange did not say the same, and what each said.

    `kind` is one of: accepted, filled, not on the book, orphan, over here.
    """

    kind: str
    symbol: str
    client_order_id: str
    journal: str
    exchange: str


class ReconciliationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison found: differences, live orders on both sides, other people's orders, orphans adopted."""

    account: str
    differences: tuple[Difference, ...]
    live_here: int
    live_there: int
    foreign: int
    orphans: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done after a snapshot.

    `accepted` rest there and were not known to; `asked` are orders of ours whose fills or end are to be asked for;
    `strangers` rest there with our mark, and are not among the live ones.
    """

    accepted: tuple[ExchangeOrder, ...]
    asked: tuple[Order, ...]
    strangers: tuple[ExchangeOrder, ...]
    foreign: int
    differences: tuple[Difference, ...]


def compare(
    live: Mapping[str, Order],
    snapshot: AccountSnapshot,
    is_ours: Callable[[str], bool],
    is_known: Callable[[str], bool],
    newer: frozenset[str] = frozenset(),
) -> Comparison:
    """Compare live orders by client order id with what rests on the exchange.

    `is_known`: a symbol is one of those that were configured; orders of others are not ours to judge. `newer`: orders
    of which we know more than the snapshot may, so it says nothing of them.
    """
    there = {order.client_order_id: order for order in snapshot.orders}
    accepted: list[ExchangeOrder] = []
    asked: list[Order] = []
    differences: list[Difference] = []
    for order in live.values():
        if order.client_order_id in newer:
            continue
        resting = there.get(order.client_order_id)
        if resting is None:
            asked.append(order)
            if order.status is not OrderStatus.IN_FLIGHT:
                differences.append(_difference("not on the book", order.client_order_id, order, None))
            continue
        if not order.status.is_resting:
            accepted.append(resting)
            differences.append(_difference("accepted", order.client_order_id, order, resting))
        if resting.filled > order.filled:
            asked.append(order)
            differences.append(_difference("filled", order.client_order_id, order, resting))
    others = [order for order in snapshot.orders if order.client_order_id not in live]
    ours = [order for order in others if is_ours(order.client_order_id) and is_known(order.symbol)]
    strangers = tuple(order for order in ours if order.client_order_id not in newer)
    return Comparison(
        accepted=tuple(accepted),
        asked=tuple(asked),
        strangers=strangers,
        foreign=len(others) - len(ours),
        differences=tuple(differences),
    )


def stranger_difference(resting: ExchangeOrder, known: Order | None) -> Difference:
    """Tell of an order that rests there and does not live here: an orphan, or one that is over in our books."""
    return _difference("orphan" if known is None else "over here", resting.client_order_id, known, resting)


def _difference(kind: str, client_order_id: str, order: Order | None, resting: ExchangeOrder | None) -> Difference:
    either = order if order is not None else resting
    assert either is not None  # noqa: S101 - a difference is between two of which there is at least one
    return Difference(
        kind=kind,
        symbol=either.symbol,
        client_order_id=client_order_id,
        journal=_shown(order),
        exchange=_shown(resting),
    )


def _shown(order: Order | ExchangeOrder | None) -> str:
    return "nothing" if order is None else f"{order.status.value}, {plain(order.filled)} of {plain(order.quantity)}"
