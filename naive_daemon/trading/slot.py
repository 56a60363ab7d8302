"""One trader's place in its leader's books."""

import msgspec

from naive_daemon.account.account import OrderNotice
from naive_daemon.domain.cycle import Cycle
from naive_daemon.otp import Ref
from naive_daemon.strategy.protocol import EntriesClosed, Position


class Slot(msgspec.Struct):
    """One trader's place. `missed`: what came for it while it was being started; `successor`: who follows it.

    `closed`: what the trader was told of a drain, or to end with nothing; `has_heard`: it has said that it knows.
    """

    position: Position
    ref: Ref | None = None
    missed: list[OrderNotice] = []
    is_finished: bool = False
    successor: Cycle | None = None
    closed: EntriesClosed | None = None
    has_heard: bool = False

    @property
    def has_nothing(self) -> bool:
        """Say whether the cycle has bought nothing and has nothing on its way."""
        return not self.is_finished and not any(
            order.filled or not order.status.is_terminal for order in self.position.orders
        )

    def close(self, closed: EntriesClosed | None) -> None:
        """Note what its trader is told of entries; that they are closed it goes on knowing until they are open."""
        self.has_heard = self.has_heard and closed is not None
        self.closed = closed

    def take_heard(self, closed: EntriesClosed) -> None:
        """Note that its trader knows that entries are closed, unless it was told of it once more since."""
        self.has_heard = self.has_heard or closed is self.closed

    def take_notice(self, notice: OrderNotice) -> None:
        """Hand an order event to the trader, or apply it for it while it does not run."""
        if self.ref is not None and self.ref.is_alive():
            self.ref.tell(notice)
            return
        self.missed.append(notice)  # it may have been made already, from the position before this
        orders = tuple(
            order.apply(notice.event) if order.client_order_id == notice.event.client_order_id else order
            for order in self.position.orders
        )
        self.position = msgspec.structs.replace(self.position, orders=orders)
