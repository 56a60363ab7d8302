"""The streaming supervisor: what works share is opened once, for the first that needs it, and closed with the last.

`streams` (rest_for_one): feeds (dynamic: feeds, candles, signals), player, desk. The desk has the graph of all works.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec

from naive_daemon import names
from naive_daemon.market.candle_source import CandlesFromOutside, CandleSource
from naive_daemon.market.feed import Feed
from naive_daemon.market.flow import (
    DEPTH_MAX,
    SHOWN_MAX,
    ClusterShown,
    MarketFlow,
    Need,
    NeedsCandles,
    NeedsFeed,
    NeedsSignals,
)
from naive_daemon.market.last_prices import LastPrices
from naive_daemon.market.player import Play, Silence
from naive_daemon.market.resource import Again, HasRun, Resource, SayTrouble, State
from naive_daemon.market.signaller import Signaller
from naive_daemon.market.trouble import TELL_S, MarketTroubled, TellTrouble, troubled
from naive_daemon.market.work import AddWork, RemoveWork, Work, WorkId
from naive_daemon.otp import (
    Actor,
    ChildInfo,
    ChildSpec,
    ChildType,
    Down,
    DynamicSupervisor,
    Ref,
    RequestFailed,
    Strategy,
    Supervisor,
    WhichChildren,
    crash,
)
from naive_daemon.redflow import RedFlowError

if TYPE_CHECKING:
    from naive_daemon.market.alerts import PriceBand

TIDY_S = 10.0
"""How long after a crash of the desk those who need something may take to come back."""


class StreamsStarted(msgspec.Struct, frozen=True):
    """Published under the name STREAMS: whoever has works adds them again."""


class AskFlow(msgspec.Struct, frozen=True):
    """Request: show the graph, or the stream of one symbol, so many levels deep; a GraphView answers.

    Fewer levels are shown where there would be more than `shown_max` clusters.
    """

    symbol: str | None = None
    depth: int = DEPTH_MAX
    shown_max: int = SHOWN_MAX


class AskFlowCounts(msgspec.Struct, frozen=True):
    """Request: count works and clusters; FlowCounts answer."""


class FlowCounts(msgspec.Struct, frozen=True):
    """How many works there are, clusters of each level, and processes that they share by their states."""

    works: int
    clusters: dict[str, int]
    states: dict[str, int]


class _Tidy(msgspec.Struct, frozen=True):
    pass


class _TellNews(msgspec.Struct, frozen=True):
    pass


class StreamDesk(Actor):
    """Opens what is new in the graph of all works, again when it crashes, and closes what nobody needs any more.

    Receives: AddWork, RemoveWork, SayTrouble, TellTrouble, Down of those who added works and of what it has opened; the
    requests AskFlow and AskFlowCounts.
    Sends: StartChild and TerminateChild to the feeds, Play and Silence to the player; publishes MarketTroubled.
    State: the graph, who has which work, and the processes by name. Works are lost in a crash, so StreamsStarted asks
    for them. What keeps crashing pauses; it costs the others nothing, as its supervisor does not count its restarts.
    """

    def __init__(self, make: Callable[[Need], Actor]) -> None:
        super().__init__()
        self._make = make
        self._flow = MarketFlow(self._open, self._close)
        self._owners: dict[WorkId, set[Ref]] = {}
        self._works_of: dict[Ref, set[WorkId]] = {}
        self._resources: dict[names.Name, Resource] = {}
        self._running: dict[Ref, Resource] = {}
        self._early: list[AddWork | RemoveWork] | None = []
        self._told = MarketTroubled({})
        self._shall_tell = False

    def init(self) -> None:
        """Find what has outlived a former desk, and ask who needs something."""
        self.request(self.system.whereis(names.FEEDS), WhichChildren(), self._take_children)
        self.system.pubsub.publish(names.STREAMS, StreamsStarted())
        self.send_after(TIDY_S, _Tidy())

    def on_receive(self, message: Any) -> Any:
        """Note who comes and who goes, or answer."""
        match message:
            case AddWork() | RemoveWork() if self._early is not None:
                self._early.append(message)
            case AddWork(work, owner):
                self._add(work, owner)
            case RemoveWork(work_id, owner):
                self._remove(work_id, owner)
            case Down():
                self._take_end(message)
            case Again(name):
                if (resource := self._resources.get(name)) is not None:
                    resource.retry()
            case _Tidy():
                for resource in list(self._resources.values()):
                    resource.level()
                self._tell_trouble(again=True)  # a former desk may have told of what is well by now
            case AskFlow(symbol, depth, shown_max):
                return self._flow.show(self._state_of, symbol, depth, shown_max)
            case AskFlowCounts():
                return self._count()
            case _:
                self._take_trouble(message)
        return None

    def _take_children(self, children: tuple[ChildInfo, ...] | RequestFailed) -> None:
        if isinstance(children, RequestFailed):
            self.exit(crash(f"what is streamed is not known: {children.reason}"))
        for child in children:
            if child.ref is not None:
                self._resource(cast("names.Name", child.id)).adopt(child.ref)  # `resource.py` has given it
        early, self._early = self._early or [], None
        for message in early:
            self.on_receive(message)

    # Works ----------------------------------------------------------------------------------------------------------

    def _add(self, work: Work, owner: Ref) -> None:
        """Add a work that is new; one may have two owners, while a leader is started again."""
        if work.id not in self._flow:
            try:
                self._flow.add(work)
            except RedFlowError as error:
                self.log.warning("work refused", account=work.account, symbol=work.symbol, reason=str(error))
                return
            self._note_works()
        self._owners.setdefault(work.id, set()).add(owner)
        if owner not in self._works_of:
            self._works_of[owner] = set()
            self.monitor(owner)
        self._works_of[owner].add(work.id)

    def _remove(self, work_id: WorkId, owner: Ref) -> None:
        works = self._works_of.get(owner)
        if works is not None and work_id in works:
            works.discard(work_id)
            self._give_up(work_id, owner)

    def _give_up(self, work_id: WorkId, owner: Ref) -> None:
        owners = self._owners[work_id]
        owners.discard(owner)
        if not owners:
            del self._owners[work_id]
            self._flow.remove(work_id)
            self._note_works()

    def _take_end(self, down: Down) -> None:
        resource = self._running.pop(down.ref, None)
        if resource is not None:
            resource.take_end(down)
        for work_id in sorted(self._works_of.pop(down.ref, ())):
            self._give_up(work_id, down.ref)

    # What they share ------------------------------------------------------------------------------------------------

    def _open(self, need: Need) -> None:
        self._resource(need.name).want(lambda: self._make(need))

    def _close(self, need: Need) -> None:
        self._resource(need.name).release()

    def _resource(self, name: names.Name) -> Resource:
        resource = self._resources.get(name)
        if resource is None:
            resource = self._resources[name] = Resource(self, name)
        return resource

    def opened(self, resource: Resource, ref: Ref) -> None:
        """Watch what runs now."""
        self._running[ref] = resource
        self.monitor(ref)

    def needed(self, resource: Resource) -> None:
        """Have a feed that is open played; told twice, it changes nothing."""
        self._tell_player(resource, Play)

    def closing(self, resource: Resource) -> None:
        """Have a feed that closes played no more."""
        self._tell_player(resource, Silence)

    def closed(self, resource: Resource) -> None:
        """Forget what is closed and needed by nobody."""
        self._resources.pop(resource.name, None)

    def _tell_player(self, resource: Resource, what: type[Play | Silence]) -> None:
        symbol = names.symbol_of_feed(resource.name)
        if symbol is not None:
            self.system.tell(names.PLAYER, what(symbol))

    # Trouble --------------------------------------------------------------------------------------------------------

    def _take_trouble(self, message: Any) -> None:
        match message:
            case SayTrouble(name, reason):
                if (resource := self._resources.get(name)) is not None:
                    resource.say(reason)
            case HasRun(name, ref):
                if (resource := self._resources.get(name)) is not None:
                    resource.note_run(ref)
                    self.note_trouble()
            case TellTrouble():
                self._tell_trouble(again=True)
            case _TellNews():
                self._shall_tell = False
                self._tell_trouble()
            case _:
                super().on_receive(message)

    def note_trouble(self) -> None:
        """Tell soon who lacks what, if that is new."""
        if not self._shall_tell:
            self._shall_tell = True
            self.send_after(TELL_S, _TellNews())

    def _note_works(self) -> None:
        """Find out anew who lacks what, where anything is lacking: who comes may lack it, too."""
        if self._told.reasons:
            self.note_trouble()

    def _tell_trouble(self, *, again: bool = False) -> None:
        told = troubled(self._resources.values(), self._flow)
        if again or told != self._told:
            self._told = told
            self.system.pubsub.publish(names.MARKET_TROUBLE, told)

    # Shown ----------------------------------------------------------------------------------------------------------

    def _state_of(self, need: Need) -> ClusterShown:
        resource = self._resources[need.name]
        words = [need.strategy, *map("=".join, need.needs.settings)] if isinstance(need, NeedsSignals) else []
        return ClusterShown(" ".join(words), resource.state.value, resource.reason)

    def _count(self) -> FlowCounts:
        states = dict.fromkeys((state.value for state in State), 0)
        for resource in self._resources.values():
            states[resource.state.value] += 1
        return FlowCounts(self._flow.works, self._flow.counts(), states)


def streams(
    make_player: Callable[[], Actor] | None,
    prices: LastPrices | None = None,
    candles: CandleSource | None = None,
    signaller: type[Signaller] = Signaller,
) -> Supervisor:
    """Give the streaming supervisor; `make_player` makes what understands Play and Silence, at each of its starts.

    Without it the feeds are fed from outside (backtest). `prices`: where the feeds write the newest. `candles`: where
    candles come from; without it they are told from outside, too. `signaller`: what has the signals.
    """
    source = candles or CandlesFromOutside()
    bands: defaultdict[str, dict[Ref, PriceBand]] = defaultdict(dict)

    def make(need: Need) -> Actor:
        match need:
            case NeedsFeed(symbol):
                return Feed(symbol, prices, bands[symbol])
            case NeedsCandles(symbol, interval):
                return source.candle_feed(symbol, interval)
            case NeedsSignals(symbol, strategy, _, needs):
                return signaller(symbol, strategy, needs)

    children = [ChildSpec(id="feeds", start=DynamicSupervisor, type=ChildType.SUPERVISOR, name=names.FEEDS)]
    if make_player is not None:
        children.append(ChildSpec(id="player", start=make_player, name=names.PLAYER))
    children.append(ChildSpec(id="desk", start=lambda: StreamDesk(make), name=names.STREAM_DESK))
    return Supervisor(children, strategy=Strategy.REST_FOR_ONE, max_restarts=10, period_s=60)
