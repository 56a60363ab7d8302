"""The streaming supervisor: one feed for each symbol that somebody wants, opened once and closed with the last.

`streams` (rest_for_one): feeds (dynamic), player, desk. The desk knows who wants which symbol.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.market.feed import Feed
from naive_daemon.market.last_prices import LastPrices
from naive_daemon.market.player import Play, Silence
from naive_daemon.otp import (
    Actor,
    ChildInfo,
    ChildSpec,
    ChildStarted,
    ChildType,
    Down,
    DynamicSupervisor,
    Intensity,
    Ref,
    RequestFailed,
    Restart,
    StartChild,
    Strategy,
    Supervisor,
    TerminateChild,
    WhichChildren,
    crash,
)

RESTARTS_MAX = 3
RESTARTS_S = 5.0
RETRY_S = 5.0
START_TIMEOUT_S = 60.0
"""A feed starts at once; only a machine that stands still takes longer."""
TIDY_S = 10.0
"""How long after a crash of the desk its former subscribers may take to come back."""


class OpenStream(msgspec.Struct, frozen=True):
    """Stream `symbol` as long as `subscriber` lives."""

    symbol: str
    subscriber: Ref


class StreamsStarted(msgspec.Struct, frozen=True):
    """Published under the name STREAMS: whoever needs a stream asks for it again."""


class _Again(msgspec.Struct, frozen=True):
    symbol: str


class _Tidy(msgspec.Struct, frozen=True):
    pass


class _Stream(msgspec.Struct):
    """Who wants a symbol, and what its feed does: closed, opening, open, closing or waiting (it keeps crashing)."""

    crashes: Intensity
    subscribers: set[Ref]
    state: str = "closed"
    ref: Ref | None = None


class StreamDesk(Actor):
    """Opens a feed for the first subscriber of a symbol, again when it crashes, and closes it after the last.

    Receives: OpenStream, Down of subscribers and feeds. Sends: StartChild and TerminateChild to the feeds, Play and
    Silence to the player. State: streams by symbol; subscribers are lost in a crash, so StreamsStarted asks for them.
    A feed that keeps crashing pauses; it costs the others nothing, as its supervisor does not count its restarts.
    """

    def __init__(self, prices: LastPrices | None = None) -> None:
        super().__init__()
        self._prices = prices
        self._streams: dict[str, _Stream] = {}
        self._early: list[OpenStream] | None = []

    def init(self) -> None:
        """Find the feeds that outlived a former desk, and ask who needs a stream."""
        self.request(self.system.whereis(names.FEEDS), WhichChildren(), self._take_feeds)
        self.system.pubsub.publish(names.STREAMS, StreamsStarted())
        self.send_after(TIDY_S, _Tidy())

    def on_receive(self, message: Any) -> None:
        """Note who comes and who goes."""
        match message:
            case OpenStream() if self._early is not None:
                self._early.append(message)
            case OpenStream(symbol, subscriber):
                self._subscribe(symbol, subscriber)
            case Down(ref=ref):
                self._take_end(ref)
            case _Again(symbol):
                self._streams[symbol].state = "closed"
                self._level(symbol)
            case _Tidy():
                for symbol in list(self._streams):
                    self._level(symbol)
            case _:
                super().on_receive(message)

    def _take_feeds(self, feeds: tuple[ChildInfo, ...] | RequestFailed) -> None:
        if isinstance(feeds, RequestFailed):
            self.exit(crash(f"what is streamed is not known: {feeds.reason}"))
        for feed in feeds:
            if feed.ref is not None:
                self._open(self._stream(str(feed.id)), feed.ref)
        early, self._early = self._early or [], None
        for message in early:
            self._subscribe(message.symbol, message.subscriber)

    def _stream(self, symbol: str) -> _Stream:
        return self._streams.setdefault(symbol, _Stream(Intensity(RESTARTS_MAX, RESTARTS_S), set()))

    def _subscribe(self, symbol: str, subscriber: Ref) -> None:
        stream = self._stream(symbol)
        if subscriber not in stream.subscribers:
            stream.subscribers.add(subscriber)
            self.monitor(subscriber)
            self._level(symbol)

    def _level(self, symbol: str) -> None:
        """Open what is wanted, close what is not; what is on its way between the two is levelled when it is there."""
        stream = self._streams[symbol]
        match stream.state:
            case "closed" if stream.subscribers:
                self._start(symbol, stream)
            case "closed":
                del self._streams[symbol]
            case "open" if stream.subscribers:
                self.system.tell(names.PLAYER, Play(symbol))
            case "open":
                self._close(symbol, stream)

    def _start(self, symbol: str, stream: _Stream) -> None:
        stream.state = "opening"
        spec = ChildSpec(
            id=symbol, start=lambda: Feed(symbol, self._prices), restart=Restart.TEMPORARY, name=names.feed(symbol)
        )
        self.request(
            self.system.whereis(names.FEEDS),
            StartChild(spec),
            lambda answer: self._started(symbol, stream, answer),
            START_TIMEOUT_S,
        )

    def _started(self, symbol: str, stream: _Stream, answer: Any) -> None:
        """Use the feed that there is now: one whose answer came too late stands under its name all the same."""
        ref = answer.ref if isinstance(answer, ChildStarted) else self.system.whereis(names.feed(symbol))
        if ref is not None:
            self._open(stream, ref)
            self._level(symbol)
        else:
            self._wait(symbol, stream, f"did not start: {answer}")

    def _open(self, stream: _Stream, ref: Ref) -> None:
        stream.state, stream.ref = "open", ref
        self.monitor(ref)

    def _close(self, symbol: str, stream: _Stream) -> None:
        stream.state = "closing"
        self.system.tell(names.PLAYER, Silence(symbol))
        self.request(
            self.system.whereis(names.FEEDS), TerminateChild(stream.ref), lambda _: self._closed(symbol, stream)
        )

    def _closed(self, symbol: str, stream: _Stream) -> None:
        stream.state, stream.ref = "closed", None
        self._level(symbol)

    def _take_end(self, ref: Ref) -> None:
        for symbol, stream in list(self._streams.items()):
            if ref in stream.subscribers:
                stream.subscribers.discard(ref)
                self._level(symbol)
            elif ref is stream.ref and stream.state == "open":
                self._take_feed_down(symbol, stream)

    def _take_feed_down(self, symbol: str, stream: _Stream) -> None:
        stream.state, stream.ref = "closed", None
        if stream.crashes.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            self._wait(symbol, stream, "keeps crashing")
        else:
            self._level(symbol)

    def _wait(self, symbol: str, stream: _Stream, reason: str) -> None:
        self.log.error("feed is down", symbol=symbol, reason=reason, retry_s=RETRY_S)
        stream.state = "waiting"
        self.send_after(RETRY_S, _Again(symbol))


def streams(make_player: Callable[[], Actor] | None, prices: LastPrices | None = None) -> Supervisor:
    """Give the streaming supervisor; `make_player` makes what understands Play and Silence, at each of its starts.

    Without it the feeds are fed from outside (backtest). `prices`: where the feeds write the newest.
    """
    children = [
        ChildSpec(
            id="feeds",
            start=DynamicSupervisor,
            type=ChildType.SUPERVISOR,
            name=names.FEEDS,
        )
    ]
    if make_player is not None:
        children.append(ChildSpec(id="player", start=make_player, name=names.PLAYER))
    children.append(ChildSpec(id="desk", start=lambda: StreamDesk(prices), name=names.STREAM_DESK))
    return Supervisor(children, strategy=Strategy.REST_FOR_ONE, max_restarts=10, period_s=60)
