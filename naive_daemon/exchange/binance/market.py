"""Binance's live market as the player: brings the trades of the symbols that are traded to their feeds.

Receives: Play, Silence, PlayCandles, SilenceCandles, AskMarketHealth; requests AskKlines, AskStreams, AskOddFrames.
Sends: TradeArrived and DeliverTrade to feeds, as trades arrive, and CandleClosed to the candles' actors; publishes
PlayerStarted, MarketHealth, and MarketMissing for a symbol that the exchange does not list.
State: the market streams, whose sockets live on a thread of their own and tell the feeds from there. Who restarts it
asks for each symbol again (the desk does, which stands after it), and each candles' actor for its candles.
Crashes when: the streams have a defect.

A trade is matched by exchanges on paper as it arrives and wakes traders at once; nobody waits for the daemon to come to
rest in between, as the player of a recording does. A real market waits for nobody: what is not read in time is old, and
a feed that is behind keeps only the newest trade. So two runs on a live market need not give the same orders.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import AskMarketHealth, MarketHealth, Trade
from naive_daemon.exchange.binance.klines import Klines
from naive_daemon.exchange.binance.market_streams import MarketStreams
from naive_daemon.market.candles import CandleClosed
from naive_daemon.market.feed import DeliverTrade, MarketMissing, TradeArrived
from naive_daemon.market.live import AskOddFrames, AskStreams
from naive_daemon.market.player import AskKlines, Play, PlayCandles, PlayerStarted, Silence, SilenceCandles
from naive_daemon.otp import DEFERRED, Actor, ExitReason, crash

_DELIVER = DeliverTrade()


class _Defect(msgspec.Struct, frozen=True):
    error: BaseException


class BinanceMarket(Actor):
    """See the module. `streams` are such as nobody has started yet; `listed` are the symbols that the exchange has."""

    def __init__(self, streams: MarketStreams, klines: Klines, listed: Collection[str]) -> None:
        super().__init__()
        self._streams = streams
        self._klines = klines
        self._listed = listed

    def init(self) -> None:
        """Start the streams, without any symbol."""
        self.subscribe(names.MARKET_HEALTH_ASKED)
        self._streams.start(self)
        self.system.pubsub.publish(names.PLAYER, PlayerStarted())

    def on_receive(self, message: Any) -> Any:
        """Change what is played, or say how it stands."""
        match message:
            case Play(symbol) if symbol in self._listed:
                self._streams.play(symbol)
            case Play(symbol):
                self.log.warning("no market data", symbol=symbol)
                self.system.pubsub.publish(names.MARKET_MISSING, MarketMissing(symbol))
            case Silence(symbol):
                self._streams.silence(symbol)
            case PlayCandles(symbol, interval):
                if symbol in self._listed:
                    self._streams.play_candles(symbol, interval)
            case SilenceCandles(symbol, interval):
                self._streams.silence_candles(symbol, interval)
            case AskKlines():
                self._ask(message)
                return DEFERRED
            case AskMarketHealth():
                self._streams.say_health()
            case AskStreams():
                return self._streams.states()
            case AskOddFrames():
                return self._streams.odd_frames()
            case _Defect(error):
                self.exit(crash(error))
            case _:
                super().on_receive(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Close the connections, without waiting for it."""
        self._streams.end_soon()

    def _ask(self, question: AskKlines) -> None:
        call = self.caller()
        if question.symbol not in self._listed:
            call.fail(crash(f"the exchange does not list {question.symbol}"))
        elif not self._streams.run(lambda session: self._klines.answer(session, question, call)):
            call.fail(crash("the market ends"))

    # What the streams say, on their own thread ----------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> None:
        """Bring a trade to its feed, if that is open."""
        feed = self.system.whereis(names.feed(trade.symbol))
        if feed is not None:
            feed.tell(TradeArrived(trade))
            feed.tell(_DELIVER)

    def on_candle(self, candle: Candle) -> None:
        """Bring a closed candle to its actor; where there is none any more, bring no more of them."""
        if not self.system.tell(names.candles(candle.symbol, candle.interval), CandleClosed(candle)):
            self._streams.silence_candles(candle.symbol, candle.interval)

    def on_health(self, *, connected: bool, reason: str) -> None:
        """Publish it at once: who holds entries back must know before a trade wakes whoever wants to buy."""
        self.system.pubsub.publish(names.MARKET_HEALTH, MarketHealth(connected, reason))

    def on_defect(self, error: BaseException) -> None:
        """Crash in turn."""
        self.ref.tell(_Defect(error))
