"""One trader's place in its leader's books."""

import msgspec

from naive_daemon.account.account import OrderNotice
from naive_daemon.domain.cycle import Cycle
from naive_daemon.otp import Ref
from naive_daemon.strategy.protocol import Position


class Slot(msgspec.Struct):
    """One trader's place. `missed`: what came for it while it was being started; `successor`: who follows it."""

    position: Position
    ref: Ref | None = None
    missed: list[OrderNotice] = []
    is_finished: bool = False
    successor: Cycle | None = None

    @property
    def has_nothing(self) -> bool:
        """Say whether the cycle has bought nothing and has nothing on its way."""
        return not self.is_finished and not any(
            order.filled or not order.status.is_terminal for order in self.position.orders
        )

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
