"""A simulated exchange at work with one client, and nobody else: what it tells is kept, time goes on as asked."""

import queue
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.otp import Actor, Ref, SimulatedSystem
from naive_daemon.otp.outside import Awaited
from tests.simulation.agenda import Agenda
from tests.simulation.exchange.exchange import SimulatedExchange
from tests.simulation.life import Life
from tests.simulation.odds import Fault, Odds

START_NS = 1_700_000_000 * NS_PER_S


class DrivenSystem(SimulatedSystem):
    """Lets time go by, and the world around it go on, while somebody waits from outside."""

    def __init__(self, clock: VirtualClock, agenda: Agenda, seed: int | None = None) -> None:
        super().__init__(clock, seed)
        self._agenda = agenda

    def pass_until(self, is_done: Callable[[], bool], timeout_s: float) -> bool:
        """Go on, each thing at its own moment, until it is done; False when the time is over first."""
        until_ns = self._time.now_ns() + round(timeout_s * NS_PER_S)
        while True:
            self._agenda.run_due()
            self.run_until_idle()
            if is_done():
                return True
            if self._time.now_ns() >= until_ns:
                return False
            dues = (due_ns for due_ns in (self._agenda.due_ns, self.due_ns) if due_ns is not None)
            self.advance_to(min((until_ns, *dues)))

    def _wait(self, awaited: Awaited, timeout_s: float) -> Any:
        self.pass_until(lambda: awaited.is_answered, timeout_s)
        return super()._wait(awaited, timeout_s)


class Told(Actor):
    """Stands for the execution manager: keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: deque[Any] = deque()

    def on_receive(self, message: Any) -> None:
        self.messages.append(message)

    def get(self, timeout: float) -> Any:
        """Give the next message, after some time perhaps; raises queue.Empty, as a queue does."""
        system = self.system
        assert isinstance(system, DrivenSystem)
        if not system.pass_until(lambda: bool(self.messages), timeout):
            raise queue.Empty
        return self.messages.popleft()


class ExchangeBench:
    """See the module. `begin` starts a process, again after `die`."""

    def __init__(self, account: str, engine: PaperEngine, faults: Iterable[Fault] = ()) -> None:
        self.account = account
        self.clock = VirtualClock(START_NS)
        self.agenda = Agenda(self.clock)
        self.exchange = SimulatedExchange(self.clock, self.agenda, Odds(0, given=faults), engine)
        self.system: DrivenSystem
        self.ref: Ref
        self.told: Told
        self.life: Life
        self.begin()

    def begin(self) -> None:
        self.life, self.told = Life(), Told()
        self.system = DrivenSystem(self.clock, self.agenda)
        self.system.start(self.told, names.execution_manager(self.account))
        self.ref = self.system.start(
            self.exchange.make_client(self.account, self.life), names.client(self.account), timeout_s=0.0
        )

    def die(self) -> None:
        """End as by kill -9."""
        self.life.end("killed")
        self.system.stop()

    def end(self) -> None:
        self.system.stop()

    def wait(self, seconds: float) -> list[Any]:
        """Let time go by; gives what was told since the last look."""
        self.system.pass_until(lambda: False, seconds)
        told = list(self.told.messages)
        self.told.messages.clear()
        return told
