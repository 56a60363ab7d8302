"""One child of the feeds that is there as long as somebody needs it: a feed, its candles, its signals.

What is on its way from one state to the next is levelled with what is wanted when it is there. Part of the streams'
owner, the desk, in whose name it asks.
"""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from naive_daemon import names
from naive_daemon.otp import (
    Actor,
    ChildSpec,
    ChildStarted,
    Down,
    Intensity,
    Ref,
    Restart,
    StartChild,
    TerminateChild,
    describe,
    tell_reason,
)

if TYPE_CHECKING:
    from naive_daemon.market.streams import StreamDesk

RESTARTS_MAX = 3
RESTARTS_S = 5.0
RETRY_S = 5.0
WELL_S = 10.0
"""What kept crashing is well when it has run for so long."""
START_TIMEOUT_S = 60.0
"""A child starts at once; only a machine that stands still takes longer."""


class Again(msgspec.Struct, frozen=True):
    """To the desk itself: a resource has waited long enough."""

    name: names.Name


class SayTrouble(msgspec.Struct, frozen=True):
    """From a child to the desk, each time anew: why it has nothing to give; None when it has."""

    name: names.Name
    reason: str | None


class HasRun(msgspec.Struct, frozen=True):
    """To the desk itself: a resource that was in trouble has run for a while, unless it is another one by now."""

    name: names.Name
    ref: Ref


class State(enum.Enum):
    """What a child does; it waits when it did not start, or keeps crashing."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    WAITING = "waiting"


class Resource:
    """See the module. `reason`: why it waits."""

    def __init__(self, desk: "StreamDesk", name: names.Name) -> None:
        self._desk = desk
        self.name = name
        self.state = State.CLOSED
        self.reason: str | None = None
        self._fault: str | None = None
        self._said: str | None = None
        self._ref: Ref | None = None
        self._make: Callable[[], Actor] | None = None
        self._crashes = Intensity(RESTARTS_MAX, RESTARTS_S)

    @property
    def trouble(self) -> str | None:
        """Why those who need it get nothing, until it is well again."""
        return self._fault or self._said

    def say(self, reason: str | None) -> None:
        """Know what the child says of itself; whoever needs it is told where that is news."""
        if reason != self._said:
            self._said = reason
            self._desk.note_trouble()

    def note_run(self, ref: Ref) -> None:
        """Know that a child has run for a while."""
        if self._ref is ref:
            self._fault = None

    def want(self, make: Callable[[], Actor]) -> None:
        """Have the child run; `make` makes it, at each of its starts."""
        self._make = make
        self.level()

    def release(self) -> None:
        """Have the child end."""
        self._make = None
        self.level()

    def adopt(self, ref: Ref) -> None:
        """Take a child that runs; whether it is wanted shows when it is levelled."""
        self.state, self._ref = State.OPEN, ref
        if self._fault is not None:
            self._desk.send_after(WELL_S, HasRun(self.name, ref))
        self._desk.opened(self, ref)

    def level(self) -> None:
        """Open what is wanted, close what is not."""
        match self.state:
            case State.CLOSED if self._make is not None:
                self._start(self._make)
            case State.OPEN if self._make is not None:
                self._desk.needed(self)
            case State.OPEN:
                self._close()
            case State.CLOSED | State.WAITING if self._make is None:
                self._desk.closed(self)

    def retry(self) -> None:
        """Go on after a wait."""
        if self.state is State.WAITING:
            self.state, self.reason = State.CLOSED, None
            self.level()

    def take_end(self, down: Down) -> None:
        """Note that the child has ended by itself; that of one which was asked to end is waited for elsewhere."""
        if self.state is not State.OPEN or self._ref is not down.ref:
            return
        self._forget_child()
        if self._crashes.exceeded_by_restart_at(self._desk.system.clock.monotonic_s()):
            self._wait(f"keeps crashing: {tell_reason(down.ref.reason or down.reason)}")
        else:
            self.level()

    def _start(self, make: Callable[[], Actor]) -> None:
        self.state = State.OPENING
        spec = ChildSpec(id=self.name, start=make, restart=Restart.TEMPORARY, name=self.name)
        self._desk.request(self._feeds(), StartChild(spec), self._started, START_TIMEOUT_S)

    def _started(self, answer: Any) -> None:
        """Use the child that there is now: one whose answer came too late stands under its name all the same."""
        ref = answer.ref if isinstance(answer, ChildStarted) else self._desk.system.whereis(self.name)
        if ref is not None:
            self.adopt(ref)
            self.level()
        else:
            self._wait(f"did not start: {describe(answer)}")

    def _close(self) -> None:
        self.state = State.CLOSING
        self._desk.closing(self)
        self._desk.request(self._feeds(), TerminateChild(self._ref), self._closed)

    def _closed(self, _: Any) -> None:
        self._forget_child()
        self.level()

    def _forget_child(self) -> None:
        self.state, self._ref = State.CLOSED, None
        self.say(None)

    def _wait(self, reason: str) -> None:
        self.state = State.WAITING
        self.reason = self._fault = " ".join(reason.split())
        stream = ":".join(map(str, self.name))
        self._desk.log.error("stream is down", stream=stream, reason=self.reason, retry_s=RETRY_S)
        self._desk.send_after(RETRY_S, Again(self.name))
        self._desk.note_trouble()
        if self._make is None:
            self._desk.closed(self)

    def _feeds(self) -> Ref | None:
        return self._desk.system.whereis(names.FEEDS)
