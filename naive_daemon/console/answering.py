"""What the console answers: each request by looks into the system, none of which waits longer than a few seconds.

Only a reconciliation takes as long as the exchange does, up to a bound.
"""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Literal

import psutil

from naive_daemon import names
from naive_daemon.condition import TIMEOUT_S, cache_health, journal_health
from naive_daemon.console import protocol
from naive_daemon.console.account_view import show_account
from naive_daemon.console.flow_view import show_flow
from naive_daemon.console.protocol import Answer, Refused, Request
from naive_daemon.console.reconciling import reconcile
from naive_daemon.otp import (
    LOOK_TIMEOUT_S,
    ActorDiedError,
    ActorSystem,
    ActorTrace,
    AlreadyTracedError,
    LoadMeter,
    NotFoundError,
    Place,
    SuspensionRefusedError,
    find,
    health,
    node_of,
    resume,
    suspend,
    tree,
    view,
)
from naive_daemon.trading.switch_messages import AskSymbols

TRACE_PAUSE_S = 0.2


class Answering:
    """Answers requests about one system. `rest` waits so many seconds, or less when the console ends: then True.

    An actor that is busy is waited for during `look_timeout_s`.
    """

    def __init__(
        self, system: ActorSystem, rest: Callable[[float], bool], look_timeout_s: float = LOOK_TIMEOUT_S
    ) -> None:
        self._system = system
        self._rest = rest
        self._look_timeout_s = look_timeout_s
        self._process = psutil.Process()

    def answers(self, request: Request) -> Generator[Answer | None, None, None]:
        """Give the answers as they come, the last one being the end; None where there is nothing to say yet."""
        try:
            yield from self._answers(request)
        except NotFoundError as error:
            yield Refused("unknown actor", str(error), error.nearest)

    def _answers(self, request: Request) -> Iterator[Answer | None]:
        match request:
            case protocol.AskTree(name, depth):
                top = None if name is None else find(self._system, name)
                yield protocol.TreeShown(tree(self._system, top, depth_max=depth))
            case protocol.AskLoad():
                yield self._load(request)
            case protocol.AskHealth():
                yield protocol.HealthShown(health(self._system), self._rss_bytes(), os.getpid())
            case protocol.AskCondition():
                yield self._condition()
            case protocol.AskReconcile(account):
                yield reconcile(self._system, account)
            case protocol.AskAccount(account):
                yield show_account(self._system, account)
            case protocol.AskFlow():
                yield show_flow(self._system, request)
            case protocol.AskTrace(name):
                yield from self._traced(find(self._system, name), request)
            case protocol.AskActor(name) | protocol.SuspendActor(name) | protocol.ResumeActor(name):
                place = find(self._system, name)
                try:
                    yield self._one_actor(place, request)
                except ActorDiedError:
                    yield _ended(place)
                except SuspensionRefusedError as error:
                    why: Literal["top actor", "must not rest"]
                    why = "top actor" if place.ref in self._system.roots() else "must not rest"
                    yield Refused(why, str(error))

    def _load(self, request: protocol.AskLoad) -> Answer:
        meter = LoadMeter(self._system)
        self._rest(request.interval_s)
        return protocol.LoadShown(meter.read(request.order, request.count), self._rss_bytes())

    def _condition(self) -> Answer:
        try:
            symbols = self._system.ask(names.SWITCHES, AskSymbols(), TIMEOUT_S)
        except (ActorDiedError, TimeoutError):
            symbols = ()
        return protocol.ConditionShown(
            pid=os.getpid(),
            journal=journal_health(self._system),
            cache=cache_health(self._system),
            symbols=symbols,
        )

    def _one_actor(
        self, place: Place, request: protocol.AskActor | protocol.SuspendActor | protocol.ResumeActor
    ) -> Answer:
        match request:
            case protocol.AskActor():
                return protocol.ActorShown(view(self._system, place, self._look_timeout_s))
            case protocol.SuspendActor(for_s=for_s):
                has_seen = suspend(self._system, place, for_s, self._look_timeout_s)
            case protocol.ResumeActor():
                has_seen = resume(self._system, place, self._look_timeout_s)
        return protocol.Told(place.label, node_of(place).number or 0, is_busy=not has_seen)

    def _traced(self, place: Place, request: protocol.AskTrace) -> Iterator[Answer | None]:
        if place.ref is None:
            yield _ended(place)
            return
        trace = ActorTrace(self._system, place.ref, request.count, request.time_s)
        try:
            trace.start(self._look_timeout_s)
        except AlreadyTracedError as error:
            yield Refused("traced already", str(error))
        except TimeoutError:
            message = f"{place.label} is busy: it has not come back from its handler for {self._look_timeout_s:g} s"
            yield Refused("actor busy", message)
        except ActorDiedError:
            yield _ended(place)
        else:
            with trace:
                yield from self._events(trace)

    def _events(self, trace: ActorTrace) -> Iterator[Answer | None]:
        ending = None
        while ending is None:
            ending = trace.ending  # asked first: what comes before the end is read after it
            while (event := trace.next(TRACE_PAUSE_S if ending is None else 0)) is not None:
                yield protocol.Traced(event)
            yield None
            if self._rest(0):
                trace.stop()
        yield protocol.TraceEnded(ending)

    def _rss_bytes(self) -> int:
        return int(self._process.memory_info().rss)


def _ended(place: Place) -> Refused:
    node = node_of(place)
    if node.number is None:
        return Refused("actor ended", f"{node.name} has no process: it is {node.state.value}")
    return Refused("actor ended", f"{node.name} (#{node.number}) has ended")
