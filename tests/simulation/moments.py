"""Moments that a mishap waits for, to befall right then: each calls whoever waits, who is nobody at first."""

from collections.abc import Callable

from naive_daemon.domain.events import OrderFilled

CycleEnds = Callable[[], object]
IsFilled = Callable[[OrderFilled], object]


class Moments:
    """`cycle_ends`: the end of a cycle has been committed, and told to nobody.

    `order_is_filled`: an order was, perhaps in part, at the exchange, and the daemon has not been told.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Have nobody wait any more."""
        self.cycle_ends: CycleEnds = lambda: None
        self.order_is_filled: IsFilled = lambda _: None
