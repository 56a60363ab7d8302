"""What befalls actors at the messages they handle: they crash, are killed, stall or hang, and the process dies.

An actor of the pool that hangs is killed after a while by the pool, and so here. One that has its own thread only
stalls: its calls outside have time-outs of their own.
"""

from collections.abc import Callable, Collection, Hashable

from naive_daemon.otp import KILL, Ref, send_exit
from naive_daemon.otp.faults import Busy, Crash, Delay, Fault, InjectedError, Kill, Step
from tests.simulation.agenda import Agenda
from tests.simulation.life import Life, ProcessEnded
from tests.simulation.odds import Odds, Together

KINDS = ("death", "crash", "kill", "stall", "stuck")
STALL_MAX_S = 3.0
STALL_OF_THREAD_MAX_S = 20.0
HANGS_S = 86_400.0
KILLED_AFTER_S = 30.0
"""A stuck actor of the pool is killed after so long: the default of `supervision.kill_stuck_after_s`."""


class ActorFaults:
    """Implements Faults, for one process after the other.

    `steps` counts messages; `struck` and, of those, `struck_by_mishap` are of this process.
    """

    def __init__(self, odds: Odds, agenda: Agenda) -> None:
        self._odds = odds
        self._agenda = agenda
        self._groups: dict[str, Together] = {}
        self._life = Life()
        self._held_up: dict[Hashable, float] = {}
        self._busy: dict[Hashable, tuple[float, Callable[[Ref], None]]] = {}
        self.steps = 0
        self.struck: list[tuple[str, str]] = []
        self.struck_by_mishap: list[str] = []

    def begin(self, life: Life) -> None:
        """Go with a new process."""
        self._life = life
        self._held_up.clear()
        self._busy.clear()
        self.struck.clear()
        self.struck_by_mishap.clear()

    def has_struck(self, places: Collection[str]) -> bool:
        """Say whether any of these was struck in this process."""
        return any(place in places for _, place in self.struck)

    def hold_up(self, name: Hashable, seconds: float) -> None:
        """Let an actor take so long for the next message that it handles in this process."""
        self._held_up[name] = seconds

    def busy(self, name: Hashable, seconds: float, then: Callable[[Ref], None]) -> None:
        """Let an actor take so long to handle the next message; `then` is called as it begins to."""
        self._busy[name] = seconds, then

    def kill(self, ref: Ref) -> None:
        """Kill an actor of this process, at whatever it is."""
        self._note("kill", role(ref.name, ref))
        send_exit(ref, KILL)

    def fault(self, step: Step) -> Fault | None:
        """Draw what befalls; raises ProcessEnded once the process is over."""
        if self._life.is_over:
            raise ProcessEnded
        self.steps += 1
        place = role(step.ref.name, step.ref)
        if self._held_up and step.ref.name in self._held_up:
            self._note("stall", place)
            return Delay(self._held_up.pop(step.ref.name))
        if self._busy and not step.is_signal and step.ref.name in self._busy:
            self._note("stall", place)
            busy_s, then = self._busy.pop(step.ref.name)
            then(step.ref)
            return Busy(busy_s)
        group = self._groups.get(place)
        if group is None:
            group = self._groups[place] = self._odds.together(KINDS, place)
        struck = group.strikes()
        return None if struck is None else self._make(*struck, place, step)

    def _note(self, kind: str, place: str) -> None:
        self.struck.append((kind, place))
        self.struck_by_mishap.append(place)

    def _make(self, kind: str, size: float, place: str, step: Step) -> Fault:
        self.struck.append((kind, place))
        match kind:
            case "death":
                self._life.end(f"killed before a message of {place}")
                raise ProcessEnded
            case "crash":
                return Crash(InjectedError(f"at a message of {place}"))
            case "kill":
                return Kill()
            case "stuck" if step.ref._actor.runs_on == "pool":
                ref = step.ref
                self._agenda.after(KILLED_AFTER_S, lambda: _kill(ref))
                return Delay(HANGS_S)
            case "stuck":
                return Delay(STALL_OF_THREAD_MAX_S)
            case _:
                is_thread = step.ref._actor.runs_on == "thread"
                return Delay(size * (STALL_OF_THREAD_MAX_S if is_thread else STALL_MAX_S))


def role(name: Hashable | None, ref: Ref) -> str:
    """Say what an actor is, whatever symbol or account it is of."""
    if name is None:
        return type(ref._actor).__name__.lower()
    return str(name[0]) if isinstance(name, tuple) else str(name)


def _kill(ref: Ref) -> None:
    if ref.is_alive():
        send_exit(ref, KILL)
