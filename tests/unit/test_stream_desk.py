"""The stream desk: works come and go by the thousand; what they share is opened, kept and closed, whatever crashes."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.market.flow import ClusterShown
from naive_daemon.market.resource import RESTARTS_MAX, RETRY_S, SayTrouble
from naive_daemon.market.signaller import signals_of
from naive_daemon.market.streams import TIDY_S, AskFlow, AskFlowCounts, FlowCounts, StreamsStarted, streams
from naive_daemon.market.trouble import TELL_S
from naive_daemon.market.work import AddWork, RemoveWork, Work
from naive_daemon.otp import KILL, Actor, ActorSystem, Ref, SimulatedSystem, WhichChildren, send_exit
from naive_daemon.redflow import ClusterView, GraphView
from naive_daemon.strategy.protocol import MarketNeeds
from tests.trading.recorder import Recorder
from tests.unit.test_flow import needed_by, paths, work

SHORT, LONG = (MarketNeeds(interval="1m", history=9, settings=(("fast", "2"), ("slow", slow))) for slow in ("3", "4"))
PLAIN, FIRST, SECOND = (
    work("AAAQ", "main"),
    work("AAAQ", "second", 1, SHORT, "ema_cross"),
    work("AAAQ", "third", 2, LONG, "ema_cross"),
)
CANDLES = names.candles("AAAQ", "1m")


class Leader(Actor):
    """Has works, and adds them again when the desk starts."""

    def __init__(self, *works: Work) -> None:
        super().__init__()
        self.works = works

    def init(self) -> None:
        self.subscribe(names.STREAMS)
        self.on_receive(StreamsStarted())

    def on_receive(self, message: Any) -> None:
        assert message == StreamsStarted()
        for each in self.works:
            self.system.tell(names.STREAM_DESK, AddWork(each, self.ref))


@pytest.fixture(autouse=True)
def log() -> Iterator[LogCapture]:
    before = structlog.get_config()
    log = LogCapture()
    structlog.configure(processors=[log])
    yield log
    structlog.configure(**before)


@pytest.fixture
def system() -> Iterator[SimulatedSystem]:
    system = ActorSystem.simulated(VirtualClock(100 * NS_PER_S))
    system.start(streams(None))
    yield system
    system.stop()


def lead(system: SimulatedSystem, *works: Work) -> Ref:
    ref = system.start(Leader(*works))
    system.run_until_idle()
    return ref


def running(system: SimulatedSystem) -> dict[Any, Ref]:
    """Give what runs below the feeds, each under its own name."""
    feeds = system.whereis(names.FEEDS)
    assert feeds is not None
    children = {child.id: child.ref for child in system.ask(feeds, WhichChildren()) if child.ref is not None}
    assert children == {name: system.whereis(name) for name in children}
    return children


def kill(system: SimulatedSystem, name: names.Name) -> None:
    ref = system.whereis(name)
    assert ref is not None
    send_exit(ref, KILL)
    system.run_until_idle()


def wait(system: SimulatedSystem, seconds: float) -> None:
    system.advance_to(system.clock.now_ns() + round(seconds * NS_PER_S))
    system.run_until_idle()


def tell(system: SimulatedSystem, message: object) -> None:
    system.tell(names.STREAM_DESK, message)
    system.run_until_idle()


def ask(system: SimulatedSystem, request: object) -> Any:
    desk = system.whereis(names.STREAM_DESK)
    assert desk is not None
    return system.ask(desk, request)


def counts(system: SimulatedSystem) -> FlowCounts:
    counted: FlowCounts = ask(system, AskFlowCounts())
    return counted


def test_what_works_share_is_opened_once_and_closed_with_the_last(system: SimulatedSystem) -> None:
    plain, first, again, second = (lead(system, each) for each in (PLAIN, FIRST, FIRST, SECOND))
    everything = running(system)
    assert everything.keys() == needed_by([PLAIN, FIRST, SECOND])
    assert len(everything) == 4
    system.terminate(first, 1)
    assert running(system) == everything  # a leader that was started again has added it before
    system.terminate(again, 1)
    assert running(system).keys() == needed_by([PLAIN, SECOND])
    system.terminate(second, 1)
    assert running(system).keys() == needed_by([PLAIN])
    assert running(system)[names.feed("AAAQ")] is everything[names.feed("AAAQ")]
    system.terminate(plain, 1)
    assert running(system) == {}
    assert counts(system).works == 0


def test_a_work_is_removed_by_its_owner_only(system: SimulatedSystem) -> None:
    owner, other = lead(system, PLAIN), lead(system, FIRST)
    for work_id, who in [(PLAIN.id, other), (FIRST.id, owner), (SECOND.id, owner)]:
        tell(system, RemoveWork(work_id, who))
    assert counts(system).works == 2
    tell(system, AddWork(FIRST, owner))
    tell(system, RemoveWork(FIRST.id, other))
    assert running(system).keys() == needed_by([PLAIN, FIRST])
    tell(system, RemoveWork(FIRST.id, owner))
    assert running(system).keys() == needed_by([PLAIN])


@pytest.mark.parametrize("name", [names.feed("AAAQ"), CANDLES, names.signals("AAAQ", signals_of("ema_cross", SHORT))])
def test_what_crashes_is_opened_again_and_nothing_else_is_touched(system: SimulatedSystem, name: names.Name) -> None:
    lead(system, PLAIN, FIRST, SECOND)
    lead(system, work("BBBQ"))
    before = running(system)
    kill(system, name)
    after = running(system)
    assert after.keys() == before.keys()
    assert [each for each in after if after[each] is not before[each]] == [name]


def shown(system: SimulatedSystem, level: str) -> ClusterView:
    """Give the first cluster of a level."""
    view: GraphView = ask(system, AskFlow())
    pending = [*view.clusters]
    while pending[0].level != level:
        pending[:1] = pending[0].clusters
    return pending[0]


def test_signals_are_shown_with_what_they_are_made_of(system: SimulatedSystem) -> None:
    lead(system, FIRST)
    assert shown(system, "signal").data == ClusterShown("ema_cross fast=2 slow=3", "open")


def test_what_keeps_crashing_pauses_and_says_why(system: SimulatedSystem, log: LogCapture) -> None:
    owner = lead(system, FIRST)
    before = running(system)
    for _ in range(RESTARTS_MAX + 1):
        kill(system, CANDLES)
    assert before.keys() - running(system).keys() == {CANDLES}
    data = shown(system, "candles").data
    assert (data.state, data.reason) == ("waiting", "keeps crashing: killed")
    assert counts(system).states == {"closed": 0, "opening": 0, "open": 2, "closing": 0, "waiting": 1}
    (down,) = [entry for entry in log.entries if entry["event"] == "stream is down"]
    assert (down["stream"], down["reason"]) == ("candles:AAAQ:1m", "keeps crashing: killed")
    wait(system, RETRY_S)
    assert running(system).keys() == before.keys()
    assert (shown(system, "candles").data.state, shown(system, "candles").data.reason) == ("open", None)
    kill(system, CANDLES)  # once more is too often still
    system.terminate(owner, 1)
    assert running(system) == {}
    assert sum(counts(system).states.values()) == 0
    wait(system, RETRY_S)
    assert running(system) == {}


@pytest.mark.parametrize("ends", ["closed", "crashed"])
def test_what_a_child_has_said_ends_with_it(system: SimulatedSystem, ends: str) -> None:
    listener = Recorder()
    system.pubsub.subscribe(names.MARKET_TROUBLE, system.start(listener))
    owner = lead(system, FIRST)
    former = running(system)[CANDLES]
    tell(system, SayTrouble(CANDLES, "the exchange has no newer ones"))
    wait(system, TELL_S)
    (told,) = listener.take()
    assert set(told.reasons.values()) == {"no candles: the exchange has no newer ones"}
    if ends == "closed":
        system.tell(names.STREAM_DESK, RemoveWork(FIRST.id, owner))
        system.tell(names.STREAM_DESK, AddWork(FIRST, owner))  # wanted again before it has closed
    else:
        kill(system, CANDLES)
    wait(system, TELL_S)
    assert running(system)[CANDLES] is not former
    assert listener.take()[-1].reasons == {}


def test_a_desk_that_crashed_has_its_works_again_and_what_runs_stays(system: SimulatedSystem) -> None:
    lead(system, PLAIN, FIRST)
    ended = lead(system, SECOND)
    before = running(system)
    desk = system.whereis(names.STREAM_DESK)
    assert desk is not None
    send_exit(ended, KILL)
    send_exit(desk, KILL)
    system.run_until_idle()
    assert running(system) == before
    assert counts(system).works == 2
    wait(system, TIDY_S)
    assert running(system).keys() == needed_by([PLAIN, FIRST])
    kill(system, CANDLES)  # what a former desk has opened is made by this one's rules
    assert running(system).keys() == needed_by([PLAIN, FIRST])


def test_a_thousand_works_are_there_at_once_and_gone_at_once(system: SimulatedSystem) -> None:
    """Each is its own leader's, so as many are watched."""
    works = [work("AAAQ", f"a{number}", number % 3) for number in range(1_000)]
    leaders = [system.start(Leader(each)) for each in works]
    system.run_until_idle()
    assert counts(system) == FlowCounts(
        1_000,
        {"stream": 1, "decision": 3, "candles": 0, "signal": 0, "account": 1_000},
        {"closed": 0, "opening": 0, "open": 1, "closing": 0, "waiting": 0},
    )
    view: GraphView = ask(system, AskFlow("AAAQ", 2))
    assert sorted(paths(view.clusters).values()) == [333, 333, 334, 1_000]
    for leader in leaders:
        send_exit(leader, KILL)
    system.run_until_idle()
    assert counts(system).works == 0
    assert running(system) == {}


def test_a_work_that_nobody_can_serve_is_refused_in_the_log(system: SimulatedSystem, log: LogCapture) -> None:
    bad = work("BBBQ", "odd", 1, MarketNeeds(interval="7m"))
    owner = lead(system, bad, PLAIN)
    assert running(system).keys() == needed_by([PLAIN])
    (refused,) = [entry for entry in log.entries if entry["event"] == "work refused"]
    assert (refused["account"], refused["symbol"]) == ("odd", "BBBQ")
    assert "'7m' is no interval of candles" in refused["reason"]
    tell(system, RemoveWork(bad.id, owner))
    assert counts(system).works == 1
