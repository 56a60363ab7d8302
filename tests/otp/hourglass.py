"""Timers of each kind in a test's hand: how time passes for them, and how to keep them from firing meanwhile."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp.clock import Clock
from naive_daemon.otp.timers import NS_PER_S, ThreadTimers, Timers, VirtualTimers
from tests.otp.laboratory import PATIENCE_S, BoomError

SOON_S = 0.001
LONG_S = 3600.0
LIMIT = 1_000


class Hourglass(Protocol):
    """Timers of one kind, with a limit of 1,000, and how time passes for them."""

    clock: Clock
    timers: Timers

    def wait_for(self, event: threading.Event) -> bool:
        """Let time pass until a timer has set `event`; False when that does not come."""

    def waiting(self) -> int:
        """Count what is in the heap."""


class LiveHourglass:
    def __init__(self) -> None:
        self.clock = WallClock()
        self.timers = ThreadTimers(self.clock, LIMIT)

    def wait_for(self, event: threading.Event) -> bool:
        return event.wait(PATIENCE_S)

    def waiting(self) -> int:
        return len(self.timers._heap)


class VirtualHourglass:
    def __init__(self) -> None:
        self.clock = VirtualClock(7)
        self.timers = VirtualTimers(self.clock, limit=LIMIT)

    def wait_for(self, event: threading.Event) -> bool:
        end_ns = self.clock.now_ns() + round(PATIENCE_S * NS_PER_S)
        has_more = True
        while has_more and not event.is_set():
            with contextlib.suppress(BoomError):  # what a timer raises comes to who moves the clock
                has_more = self.timers.advance_to(end_ns)
        return event.is_set()

    def waiting(self) -> int:
        return len(self.timers._heap)


@contextlib.contextmanager
def held(timers: Timers) -> Iterator[None]:
    """Let no timer fire meanwhile, however slow the machine is."""
    firing, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        firing.set()
        go_on.wait(PATIENCE_S)

    if isinstance(timers, ThreadTimers):
        timers.after(0, hold)
        assert firing.wait(PATIENCE_S)
    yield
    go_on.set()
