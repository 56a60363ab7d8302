"""What has happened so far, as the promises read it: kept apart from the journal, so that it can be held against it.

Every record grows with what was committed, entry by entry; a commit that is written again because its answer was lost
changes nothing.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from naive_daemon.domain.cycle import Cycle, CycleResult
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.side import Side

NOTHING = Decimal(0)


@dataclass(slots=True)
class OrderAnnals:
    """An order: `first` is how it was first committed; all else is by what came since."""

    first: Order
    status: OrderStatus
    filled: Decimal = NOTHING
    has_rested: bool = False
    reason: str | None = None

    @property
    def was_refused(self) -> bool:
        """Say whether it never came onto a book."""
        return self.status is OrderStatus.REJECTED and not self.filled

    @property
    def was_short(self) -> bool:
        """Say whether it was refused because the account had less than it wanted."""
        return self.was_refused and "insufficient balance" in (self.reason or "")


@dataclass(slots=True)
class CycleAnnals:
    """A cycle: `terms` is how it stands in the journal, `bound` how it stood when its first order was committed.

    Orders by side, sums over its fills, fees by asset.
    """

    terms: Cycle
    orders: dict[Side, list[OrderAnnals]] = field(default_factory=lambda: {Side.BUY: [], Side.SELL: []})
    filled: dict[Side, Decimal] = field(default_factory=lambda: {Side.BUY: NOTHING, Side.SELL: NOTHING})
    quote: dict[Side, Decimal] = field(default_factory=lambda: {Side.BUY: NOTHING, Side.SELL: NOTHING})
    fees: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    rebuy_reported: bool = False
    bound: Cycle | None = None
    result: CycleResult | None = None

    @property
    def all_orders(self) -> list[OrderAnnals]:
        """Give its orders, buys first."""
        return self.orders[Side.BUY] + self.orders[Side.SELL]

    @property
    def buy(self) -> OrderAnnals | None:
        """Give the buy that it goes by: the latest, or, where that came to nothing, the latest that was filled."""
        buys = self.orders[Side.BUY]
        if not buys or buys[-1].filled or not buys[-1].status.is_terminal:
            return buys[-1] if buys else None
        return next((one for one in reversed(buys) if one.filled), buys[-1])

    def held(self, base: str) -> Decimal:
        """Give what is there to sell: dust and what was bought, less commission in base and what was sold."""
        return self.terms.dust_in + self.filled[Side.BUY] - self.filled[Side.SELL] - self.fees.get(base, NOTHING)

    def take_fill(self, side: Side, fill: OrderFilled) -> None:
        """Add a fill."""
        self.filled[side] += fill.quantity
        self.quote[side] += fill.price * fill.quantity
        if fill.commission:
            self.fees[fill.commission_asset] += fill.commission


@dataclass(slots=True)
class SymbolAnnals:
    """A symbol of an account: cycles that are open, the last number of each trader, dust on the books.

    `unreplaced`: cycles that ended with nobody in their place yet; `has_withheld`: dust was refused some time, or was
    lacking.
    """

    open: dict[CycleKey, CycleAnnals] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    dust: Decimal = NOTHING
    unreplaced: int = 0
    has_withheld: bool = False
    completed: int = 0


class Annals:
    """All of them. `fills` are those of the journal, by (account, symbol, trade id)."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderAnnals] = {}
        self.cycles: dict[CycleKey, CycleAnnals] = {}
        self.symbols: defaultdict[tuple[str, str], SymbolAnnals] = defaultdict(SymbolAnnals)
        self.fills: dict[tuple[str, str, str], OrderFilled] = {}

    def symbol(self, key: CycleKey) -> SymbolAnnals:
        """Give the annals of a cycle's symbol."""
        return self.symbols[key.account, key.symbol]
