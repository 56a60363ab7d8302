"""One process of the daemon in the simulation: the real tree on a simulated dispatcher, from its start to its end."""

from collections.abc import Callable
from typing import Any

from naive_daemon import names
from naive_daemon.otp import SHUTDOWN, Ref, SimulatedSystem, send_exit
from naive_daemon.otp.call import Call
from naive_daemon.otp.clock import Clock
from naive_daemon.otp.messages import Started
from naive_daemon.trading.account_messages import DrainAccounts, FlushAccounts
from naive_daemon.tree import Ports, root
from tests.simulation.life import Life

DRAIN_WITHIN_S = 10.0
FLUSH_WITHIN_S = 5.0
STOP_WITHIN_S = 60.0
"""TimeoutStopSec of the service."""


class Notifier:
    """Implements ServiceNotifier as the service manager hears it. `alive_s` is when the watchdog was last fed."""

    def __init__(self, clock: Clock, life: Life) -> None:
        self._clock = clock
        self._life = life
        self.is_ready = False
        self.alive_s = clock.monotonic_s()

    def ready(self) -> None:
        """Hear that the tree is up."""
        if not self._life.is_over:
            self.is_ready = True
            self.alive()

    def alive(self) -> None:
        """Be fed."""
        if not self._life.is_over:
            self.alive_s = self._clock.monotonic_s()

    def status(self, text: str) -> None:
        """Hear in words what the daemon does."""


class Process:
    """See the module. It has begun to start when it is made; nothing runs but in `system.advance_to`."""

    def __init__(
        self, system: SimulatedSystem, ports: Ports, notifier: Notifier, life: Life, after: Callable[..., None]
    ) -> None:
        self._after = after
        self.system = system
        self.life = life
        self.notifier = notifier
        self.began_s = system.clock.monotonic_s()
        self.is_ending = False
        actor = root(ports)
        self.top: Ref = actor.attach(system, "root", None)
        system.on_down(self.top, lambda down: life.end(f"the tree has ended: {down.reason}"))
        actor.begin(self._take_start)

    def stop(self) -> None:
        """Begin an end in order, as at SIGTERM: drain, flush, then the tree from behind; none waits in vain."""
        if not self.is_ending:
            self.is_ending = True
            self._ask_desk(DrainAccounts(DRAIN_WITHIN_S), self._flush)
            self._after(STOP_WITHIN_S, lambda: self.life.end("it did not stop in time"))

    def _take_start(self, started: Started) -> None:
        if started.ref is None:
            self.life.end("the tree did not start")

    def _flush(self) -> None:
        self._ask_desk(FlushAccounts(FLUSH_WITHIN_S), lambda: send_exit(self.top, SHUTDOWN))

    def _ask_desk(self, question: DrainAccounts | FlushAccounts, then: Callable[[], None]) -> None:
        """Ask as somebody outside of the tree does, and go on with an answer, or without one when it takes too long."""
        waiting = [then]

        def go_on(_: Any = None) -> None:
            if waiting and not self.life.is_over:
                waiting.pop()()

        if self.system.tell(names.ACCOUNT_DESK, Call(question, go_on, go_on)):
            self._after(question.timeout_s + 1.0, go_on)
        else:
            go_on()
