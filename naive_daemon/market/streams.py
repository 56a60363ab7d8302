"""The streaming supervisor: one feed for each symbol that somebody wants, opened once and closed with the last.

`streams` (rest_for_one): feeds (dynamic), player, desk. The desk knows who wants which symbol.
"""

from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.market.feed import Feed
from naive_daemon.market.player import Play, Player, Silence
from naive_daemon.market.source import MarketSource
from naive_daemon.otp import (
    Actor,
    ChildSpec,
    ChildStarted,
    ChildType,
    Down,
    DynamicSupervisor,
    Ref,
    StartChild,
    Strategy,
    Supervisor,
    TerminateChild,
)


class OpenStream(msgspec.Struct, frozen=True):
    """Stream `symbol` as long as `subscriber` lives."""

    symbol: str
    subscriber: Ref


class StreamsStarted(msgspec.Struct, frozen=True):
    """Published under the name STREAMS: whoever needs a stream asks for it again."""


class StreamDesk(Actor):
    """Opens a feed for the first subscriber of a symbol and closes it after the last.

    Receives: OpenStream, Down of subscribers. Sends: StartChild and TerminateChild to the feeds, Play and Silence to
    the player. State: subscribers by symbol; lost in a crash, so StreamsStarted asks for them again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._subscribers: dict[str, set[Ref]] = {}

    def init(self) -> None:
        """Ask who needs a stream."""
        self.system.pubsub.publish(names.STREAMS, StreamsStarted())

    def on_receive(self, message: Any) -> None:
        """Note who comes and who goes."""
        match message:
            case OpenStream(symbol, subscriber):
                self._open(symbol, subscriber)
            case Down(ref=ref):
                for symbol in [symbol for symbol, refs in self._subscribers.items() if ref in refs]:
                    self._leave(symbol, ref)
            case _:
                super().on_receive(message)

    def _open(self, symbol: str, subscriber: Ref) -> None:
        subscribers = self._subscribers.setdefault(symbol, set())
        if subscriber in subscribers:
            return
        subscribers.add(subscriber)
        self.monitor(subscriber)
        if self.system.whereis(names.feed(symbol)) is None:
            spec = ChildSpec(id=symbol, start=lambda: Feed(symbol), name=names.feed(symbol))
            self.request(
                self.system.whereis(names.FEEDS), StartChild(spec), lambda answer: self._opened(symbol, answer)
            )
        else:
            self.system.tell(names.PLAYER, Play(symbol))

    def _opened(self, symbol: str, answer: Any) -> None:
        if isinstance(answer, ChildStarted):
            self.system.tell(names.PLAYER, Play(symbol))
        elif self.system.whereis(names.feed(symbol)) is None:
            self.log.error("feed did not start", symbol=symbol, reason=str(answer))
            self._subscribers.pop(symbol, None)

    def _leave(self, symbol: str, ref: Ref) -> None:
        self._subscribers[symbol].discard(ref)
        if self._subscribers[symbol]:
            return
        del self._subscribers[symbol]
        self.system.tell(names.PLAYER, Silence(symbol))
        feed = self.system.whereis(names.feed(symbol))
        if feed is not None:
            self.request(self.system.whereis(names.FEEDS), TerminateChild(feed), lambda _: None)


def streams(source: MarketSource | None) -> Supervisor:
    """Give the streaming supervisor; without a source the feeds are fed from outside (backtest)."""
    children = [
        ChildSpec(
            id="feeds",
            start=lambda: DynamicSupervisor(max_restarts=100, period_s=60),
            type=ChildType.SUPERVISOR,
            name=names.FEEDS,
        )
    ]
    if source is not None:
        children.append(ChildSpec(id="player", start=lambda: Player(source), name=names.PLAYER))
    children.append(ChildSpec(id="desk", start=StreamDesk, name=names.STREAM_DESK))
    return Supervisor(children, strategy=Strategy.REST_FOR_ONE, max_restarts=10, period_s=60)
