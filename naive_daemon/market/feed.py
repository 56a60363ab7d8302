"""One symbol's feed: hands each trade to the paper exchanges first, and then wakes the traders whose price it crosses.

Receives: TradeArrived, then DeliverTrade; Await from traders.
Sends: the trade on the topic `TRADES` as it arrives; the trade to woken traders when it is delivered.
State: the waiting prices. Lost in a crash: FeedStarted, published under its name, makes traders wait again.

Between arrival and delivery the fills of the trade are acted on. Who begins to wait for the next trade meanwhile gets
the next one, not this one.
"""

from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import Trade
from naive_daemon.market.alerts import PriceAlerts
from naive_daemon.otp import Actor, Down, Ref
from naive_daemon.strategy.protocol import Wake

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


class LastPrice(msgspec.Struct, frozen=True):
    """Request: the last trade, or None."""


class AskQuiet(msgspec.Struct, frozen=True):
    """Request to a feed or a paper exchange at rest: at which prices does a trade change nothing? A PriceBand answers.

    Whoever plays a market as fast as possible passes over such trades: nobody would see them.
    """

    symbol: str


class Feed(Actor):
    """See the module."""

    def __init__(self, symbol: str) -> None:
        super().__init__()
        self._symbol = symbol
        self._alerts: PriceAlerts[Ref] = PriceAlerts()
        self._late: dict[Ref, Wake] = {}
        self._monitors: dict[Ref, int] = {}
        self._arrived: Trade | None = None
        self._last: Trade | None = None

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
                self.system.pubsub.publish(TRADES, trade)
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
