"""A simulated world in which nothing goes wrong but what a test does."""

from naive_daemon import names
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.otp import KILL, send_exit
from tests.simulation.plan import draw_plan
from tests.simulation.world import World

SYMBOL = "AAAQ"


def _seed(*, on_paper: bool) -> int:
    """Give the first seed whose world has one symbol, one account and one trader, with money enough."""
    return next(
        seed
        for seed in range(1, 5_000)
        if (plan := draw_plan(seed)).budget == 1_000 and plan.chunks == 1
        if plan.own_exchange is on_paper and len(plan.symbols) == len(plan.accounts) == 1
    )


class Scene(World):
    """A world in which nothing goes wrong but what a test does."""

    def __init__(self, *, on_paper: bool = False) -> None:
        super().__init__(_seed(on_paper=on_paper), given=())
        self.entries: list[bool] = []
        note = self.exchange.on_departure

        def leaves(order: Order) -> None:
            """Note of each entry whether it may leave: its symbol is not shown as closed, or only for a moment."""
            if order.side is Side.BUY:
                self.entries.append(self.promises.closings.lets_leave(("main", SYMBOL)))
            note(order)

        self.exchange.on_departure = leaves

    @property
    def state(self) -> str:
        """What an operator sees of the symbol."""
        return str(self.table.actual["main", SYMBOL].state)

    @property
    def held(self) -> str | None:
        """Why its entries wait."""
        return self.table.actual["main", SYMBOL].held

    def kill(self, name: names.Name) -> None:
        ref = None if self.system is None else self.system.whereis(name)
        assert ref is not None
        send_exit(ref, KILL)

    def trade(self, beats: int) -> None:
        for _ in range(beats):
            self.pass_time(1.0)
            self.print(self.market.prints())
            self.check()
