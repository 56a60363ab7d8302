"""Orders that the exchange names with our mark and that do not live here. Part of the execution manager.

The journal is asked first: an order that is over there is known again, and what the exchange says of it counts. One
that no journal knows is an *orphan*: it is adopted, journaled and followed like any other, and shown to the operator.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.execution.client import AskOrder, ExchangeOrder, OrderReport
from naive_daemon.execution.journal_messages import LoadOrder
from naive_daemon.execution.order_id import parse_client_order_id
from naive_daemon.execution.rebuilding import order_as_sent
from naive_daemon.otp import Actor, RequestFailed

STRANGERS_MAX = 1_000
TIMEOUT_S = 60.0


class Recognition(msgspec.Struct, frozen=True, kw_only=True):
    """Who a stranger is: its order, what rests of it, the events that came meanwhile, and whether it is an orphan."""

    order: Order
    resting: ExchangeOrder | None
    events: tuple[OrderEvent, ...] = ()
    is_orphan: bool = False


class Strangers:
    """Belongs to one execution manager, `actor`; who is recognised goes to `recognised`, and `on_end` after each."""

    def __init__(
        self,
        actor: Actor,
        account: str,
        owner: str,
        recognised: Callable[[Recognition], None],
        on_end: Callable[[], None],
    ) -> None:
        self._actor = actor
        self._account = account
        self._owner = owner
        self._recognised = recognised
        self._on_end = on_end
        self._waiting: dict[str, deque[OrderEvent]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def meet(
        self,
        symbol: str,
        client_order_id: str,
        *,
        resting: ExchangeOrder | None = None,
        event: OrderEvent | None = None,
    ) -> bool:
        """Find out who it is; False for one that is not ours, or when too many are asked about already."""
        events = self._waiting.get(client_order_id)
        if events is None:
            derived = parse_client_order_id(client_order_id, self._owner, self._account, symbol)
            if (
                derived is None
                or len(self._waiting) >= STRANGERS_MAX
                or (resting is not None and not _has_price(resting))
            ):
                return False
            events = self._waiting[client_order_id] = deque(maxlen=STRANGERS_MAX)
            self._ask_journal(derived, client_order_id, resting)
        if event is not None:
            events.append(event)
        return True

    def _ask_journal(self, derived: tuple[CycleKey, Leg], client_order_id: str, resting: ExchangeOrder | None) -> None:
        def take(known: Order | RequestFailed | None) -> None:
            if isinstance(known, RequestFailed):
                self._give_up(client_order_id, str(known.reason))
            elif known is not None:
                self._end(client_order_id, known, resting, is_orphan=False)
            elif resting is not None:
                self._end(client_order_id, order_as_sent(*derived, resting), resting, is_orphan=True)
            else:
                self._ask_exchange(derived, client_order_id)

        self._actor.request(self._actor.system.whereis(names.JOURNAL), LoadOrder(client_order_id), take, TIMEOUT_S)

    def _ask_exchange(self, derived: tuple[CycleKey, Leg], client_order_id: str) -> None:
        def take(report: OrderReport | RequestFailed) -> None:
            if isinstance(report, RequestFailed) or report.order is None:
                why = str(report.reason) if isinstance(report, RequestFailed) else "the exchange does not find it"
                self._give_up(client_order_id, why)
                return
            if not _has_price(report.order):
                self._give_up(client_order_id, "it has no price, so it was not placed here")
                return
            self._waiting[client_order_id].extend(report.fills)
            self._end(client_order_id, order_as_sent(*derived, report.order), report.order, is_orphan=True)

        client = self._actor.system.whereis(names.client(self._account))
        self._actor.request(client, AskOrder(derived[0].symbol, client_order_id), take, TIMEOUT_S)

    def _end(self, client_order_id: str, order: Order, resting: ExchangeOrder | None, *, is_orphan: bool) -> None:
        events = tuple(self._waiting.pop(client_order_id))
        self._recognised(Recognition(order=order, resting=resting, events=events, is_orphan=is_orphan))
        self._on_end()

    def _give_up(self, client_order_id: str, reason: str) -> None:
        """Leave it for now: the next reconciliation meets it again."""
        events = self._waiting.pop(client_order_id)
        self._actor.log.error("order not recognised", order=client_order_id, events=len(events), reason=reason)
        self._on_end()


def _has_price(there: ExchangeOrder) -> bool:
    """Say whether it may be ours: market and stop orders have no price, and no journal holds such an order."""
    return there.price > ZERO
