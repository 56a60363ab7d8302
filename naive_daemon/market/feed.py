"""One symbol's feed: hands each trade to the paper exchanges first, and then wakes the traders whose price it crosses.

Receives: TradeArrived, then DeliverTrade; Await from traders.
Sends: the trade on the topic `TRADES` as it arrives; the trade to woken traders when it is delivered.
State: the waiting prices. Lost in a crash: FeedStarted, published under its name, makes traders wait again.
Mailbox: of trades that gather only the newest is kept, and so of those that an exchange on paper has no room for.

Between arrival and delivery the fills of the trade are acted on. Who begins to wait for the next trade meanwhile gets
the next one, not this one.
"""

from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import LastPrice, Trade
from naive_daemon.market.alerts import PriceAlerts
from naive_daemon.otp import Actor, Down, KeepNewest, Ref
from naive_daemon.strategy.protocol import Wake

WAITING_MAX = 1_000
"""Messages that may wait in a feed, two for each trade, before it forgets all but the newest trade."""

TRADES = "trades"
"""The topic on which every trade of every symbol is published as it arrives."""


class TradeArrived(msgspec.Struct, frozen=True):
    """The market printed a trade; exchanges on paper match it now."""

    trade: Trade


class DeliverTrade(msgspec.Struct, frozen=True):
    """Everything that followed from the trade's fills is done; wake who waits for its price."""


class Await(msgspec.Struct, frozen=True):
    """Wake `owner` as `wake` says; replaces what it waited for before."""

    owner: Ref
    wake: Wake


class FeedStarted(msgspec.Struct, frozen=True):
    """The feed has started, and nobody waits in it yet."""

    symbol: str


class MarketMissing(msgspec.Struct, frozen=True):
    """There is no market data for the symbol: nothing will move it. Published on `names.MARKET_MISSING`."""

    symbol: str


class AskQuiet(msgspec.Struct, frozen=True):
    """Request to a feed or a paper exchange at rest: at which prices does a trade change nothing? A PriceBand answers.

    Whoever plays a market as fast as possible passes over such trades: nobody would see them.
    """

    symbol: str


def _newest_of(message: Any) -> type | None:
    """Give the kind of which only the newest is worth anything; None for what must never be dropped."""
    return type(message) if isinstance(message, TradeArrived | DeliverTrade) else None


class Feed(Actor):
    """See the module."""

    mailbox = KeepNewest(_newest_of, WAITING_MAX, what="market data")

    def __init__(self, symbol: str) -> None:
        super().__init__()
        self._symbol = symbol
        self._alerts: PriceAlerts[Ref] = PriceAlerts()
        self._late: dict[Ref, Wake] = {}
        self._monitors: dict[Ref, int] = {}
        self._arrived: Trade | None = None
        self._last: Trade | None = None
        self._behind: set[Ref] = set()
        self._unshown: Trade | None = None
        self._skipped = 0

    def log_context(self) -> dict[str, object]:
        """Say which symbol this is."""
        return {"symbol": self._symbol}

    def init(self) -> None:
        """Ask the traders to wait here again."""
        self.system.pubsub.publish(names.feed(self._symbol), FeedStarted(self._symbol))

    def on_receive(self, message: Any) -> Any:
        """Take a trade, deliver it, or note who waits."""
        match message:
            case TradeArrived(trade):
                self._arrived = self._last = trade
                self._show(trade)
            case DeliverTrade():
                self._deliver()
            case Await(owner, wake):
                self._await(owner, wake)
            case LastPrice():
                return self._last
            case AskQuiet():
                return self._alerts.quiet()
            case Down(ref=ref):
                self._monitors.pop(ref, None)
                self._late.pop(ref, None)
                self._alerts.remove(ref)
            case _:
                super().on_receive(message)
        return None

    def on_congested(self, ref: Ref) -> None:
        """Show no more trades until whoever took too many has read them."""
        self._behind.add(ref)

    def on_relieved(self, ref: Ref) -> None:
        """Show the newest trade, and go on."""
        self._behind.discard(ref)
        if self._behind or self._unshown is None:
            return
        trade, self._unshown = self._unshown, None
        self.system.pubsub.publish(TRADES, trade)
        if self._skipped:
            self.log.warning("market data dropped", count=self._skipped, behind=ref.label)
            self._skipped = 0

    def _show(self, trade: Trade) -> None:
        if not self._behind:
            self.system.pubsub.publish(TRADES, trade)
            return
        self._skipped += self._unshown is not None
        self._unshown = trade

    def _deliver(self) -> None:
        trade, self._arrived = self._arrived, None
        if trade is None:
            return
        for owner in self._alerts.crossed_by(trade.price):
            owner.tell(trade)
        late, self._late = self._late, {}
        for owner, wake in late.items():
            self._alerts.set(owner, wake)

    def _await(self, owner: Ref, wake: Wake) -> None:
        if owner not in self._monitors:
            self._monitors[owner] = self.monitor(owner)
        if self._arrived is not None and wake.next_trade:
            self._alerts.remove(owner)
            self._late[owner] = wake
        else:
            self._late.pop(owner, None)
            self._alerts.set(owner, wake)
