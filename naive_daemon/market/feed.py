"""One symbol's feed: tells a trade to the paper exchanges whose orders it reaches, then to the traders that it wakes.

Receives: TradeArrived, then DeliverTrade; Await from traders and others, Watch from exchanges on paper.
Sends: the trade to those whose band it leaves, as it arrives; to the woken when it is delivered.
State: the waiting prices and bands, sorted, so that a trade which crosses none costs the same however many wait. Lost
in a crash: FeedStarted, published under its name, has all of them wait again. The bands stand in a table that outlives
the crash, so that the next trade fills what it reaches, also when it comes before the exchanges have heard of it.
Mailbox: of trades that gather only the newest is kept. So it is for whoever waits for good (a band, every trade) and
has no room for more: it gets the newest of those it missed when it has caught up; how many it never sees, the log says.

Between arrival and delivery the fills of the trade are acted on. Who begins to wait for the next trade meanwhile gets
the next one, not this one.
"""

from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import LastPrice, Trade
from naive_daemon.market.alerts import HIGHEST, LOWEST, PriceAlerts, PriceBand
from naive_daemon.market.last_prices import LastPrices
from naive_daemon.otp import Actor, Down, ExitReason, KeepNewest, Ref
from naive_daemon.strategy.protocol import Wake

WAITING_MAX = 1_000
"""Messages that may wait in a feed, two for each trade, before it forgets all but the newest trade.

Where more than that of those who wait stands there, looked at again when it has doubled."""

OWNERS_MAX = 100_000
"""Messages at which senders are told to slow down. Each owner has one or two there: a crossed price brings them all."""


class TradeArrived(msgspec.Struct, frozen=True):
    """The market printed a trade; exchanges on paper match it now."""

    trade: Trade


class DeliverTrade(msgspec.Struct, frozen=True):
    """Everything that followed from the trade's fills is done; wake who waits for its price."""


class Await(msgspec.Struct, frozen=True):
    """Wake `owner` as `wake` says; replaces what it waited for before."""

    owner: Ref
    wake: Wake


class Watch(msgspec.Struct, frozen=True):
    """Tell `owner` of every trade outside of `band` as it arrives; stands until another Watch of the owner."""

    owner: Ref
    band: PriceBand


class FeedStarted(msgspec.Struct, frozen=True):
    """The feed has started, and nobody waits in it yet."""

    symbol: str


class MarketMissing(msgspec.Struct, frozen=True):
    """There is no market data for the symbol: nothing will move it. Published on `names.MARKET_MISSING`."""

    symbol: str


class AskQuiet(msgspec.Struct, frozen=True):
    """Request to a feed at rest: at which prices does a trade fill no order and wake nobody? A PriceBand answers.

    Whoever plays a market as fast as possible passes over such trades: nobody would see them.
    """

    symbol: str


def _newest_of(message: Any) -> type | None:
    """Give the kind of which only the newest is worth anything; None for what must never be dropped."""
    return type(message) if isinstance(message, TradeArrived | DeliverTrade) else None


class Feed(Actor):
    """See the module."""

    mailbox = KeepNewest(_newest_of, OWNERS_MAX, what="market data", drop_over=WAITING_MAX)

    def __init__(
        self, symbol: str, prices: LastPrices | None = None, bands: dict[Ref, PriceBand] | None = None
    ) -> None:
        super().__init__()
        self._symbol = symbol
        self._prices: LastPrices = {} if prices is None else prices
        self._bands: dict[Ref, PriceBand] = {} if bands is None else bands
        self._alerts: PriceAlerts[Ref] = PriceAlerts()
        self._watches: PriceAlerts[Ref] = PriceAlerts()
        self._late: dict[Ref, Wake] = {}
        self._monitors: dict[Ref, int] = {}
        self._arrived: Trade | None = None
        self._last: Trade | None = None
        self._behind: dict[Ref, _Backlog] = {}

    def log_context(self) -> dict[str, object]:
        """Say which symbol this is."""
        return {"symbol": self._symbol}

    def init(self) -> None:
        """Go on with the bands of before, and ask traders and exchanges to wait here again."""
        for owner, band in list(self._bands.items()):
            self._watch(owner, band)
        self.system.pubsub.publish(names.feed(self._symbol), FeedStarted(self._symbol))

    def on_receive(self, message: Any) -> Any:
        """Take a trade, deliver it, or note who waits."""
        match message:
            case TradeArrived(trade):
                self._take(trade)
            case DeliverTrade():
                self._deliver()
            case Await(owner, wake):
                self._await(owner, wake)
            case Watch(owner, band):
                self._watch(owner, band)
            case LastPrice():
                return self._last
            case AskQuiet():
                return self._alerts.quiet().meet(self._watches.quiet())
            case Down(ref=ref):
                self._forget(ref)
            case _:
                super().on_receive(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Leave no bands behind, unless this one is about to start again."""
        if reason.is_orderly:
            self._bands.clear()

    def on_congested(self, ref: Ref) -> None:
        """Tell it no more of what it always hears until it has read what waits there."""
        if ref in self._monitors:
            self._behind[ref] = _Backlog()

    def on_relieved(self, ref: Ref) -> None:
        """Tell it the newest trade that it missed, and go on."""
        backlog = self._behind.pop(ref, None)
        if backlog is None or backlog.newest is None:
            return
        if backlog.dropped:
            self.log.warning("market data dropped", count=backlog.dropped, behind=ref.label)
        ref.tell(backlog.newest)

    def _take(self, trade: Trade) -> None:
        self._arrived = self._last = trade
        self._prices[self._symbol] = trade.price
        for owner in self._watches.reached_by(trade.price):
            self._tell(owner, trade)

    def _deliver(self) -> None:
        trade, self._arrived = self._arrived, None
        if trade is None:
            return
        for owner in self._alerts.crossed_by(trade.price):
            if self._alerts.hears_every_trade(owner):
                self._tell(owner, trade)
            else:
                owner.tell(trade)
        late, self._late = self._late, {}
        for owner, wake in late.items():
            self._alerts.set(owner, wake)

    def _tell(self, owner: Ref, trade: Trade) -> None:
        """Tell of a trade whoever did not ask for just this one."""
        backlog = self._behind.get(owner)
        if backlog is None:
            owner.tell(trade)
        else:
            backlog.take(trade)

    def _await(self, owner: Ref, wake: Wake) -> None:
        self._look_after(owner)
        begins = wake.next_trade or (wake.every_trade and not self._alerts.hears_every_trade(owner))
        if self._arrived is not None and begins:
            self._alerts.remove(owner)
            self._late[owner] = wake
        else:
            self._late.pop(owner, None)
            self._alerts.set(owner, wake)

    def _watch(self, owner: Ref, band: PriceBand) -> None:
        self._look_after(owner)
        self._bands[owner] = band
        low, high = band.low, band.high
        self._watches.set(owner, Wake(below=None if low == LOWEST else low, above=None if high == HIGHEST else high))

    def _look_after(self, owner: Ref) -> None:
        if owner not in self._monitors:
            self._monitors[owner] = self.monitor(owner)

    def _forget(self, owner: Ref) -> None:
        self._monitors.pop(owner, None)
        self._late.pop(owner, None)
        self._behind.pop(owner, None)
        self._bands.pop(owner, None)
        self._alerts.remove(owner)
        self._watches.remove(owner)


class _Backlog:
    """What somebody has missed who was behind: the newest trade, and how many others."""

    def __init__(self) -> None:
        self.newest: Trade | None = None
        self.dropped = 0

    def take(self, trade: Trade) -> None:
        """Keep the newest."""
        self.dropped += self.newest is not None
        self.newest = trade
