"""A small program to be repeated, struck by faults, and followed along its trace.

Players in a small tree ask and tell each other and crash now and then; timers fall due at the same time; messages hold
what tends to differ between runs: sets, functions, errors of Python itself, paths, objects without a text.
"""

from pathlib import Path
from typing import Any

import msgspec

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import (
    Actor,
    ActorSystem,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    Ref,
    Restart,
    SimulatedSystem,
    StartChild,
    Strategy,
    Supervisor,
)
from naive_daemon.otp.faults import RandomFaults
from naive_daemon.otp.trace import TraceSink

PLAYERS = 4
NS_PER_S = 1_000_000_000
END_NS = 20 * NS_PER_S


class Throw(msgspec.Struct, frozen=True):
    left: int
    luggage: Any


class Score(msgspec.Struct, frozen=True):
    words: frozenset[str]


class Tick(msgspec.Struct, frozen=True):
    pass


class Player(Actor):
    """Throws on what it gets, asks its neighbour, and stumbles over every seventh throw."""

    traps_exit = True

    def __init__(self, number: int) -> None:
        super().__init__()
        self.seat = number

    def init(self) -> None:
        self.send_after(1.0, Tick())
        self.system.pubsub.subscribe("game", self.ref)

    def on_receive(self, message: Any) -> Any:
        match message:
            case Tick():
                self.send_after(1.0, Tick())
                self.request(self.neighbour(), Score(frozenset({"love", "deuce", str(self.seat)})), self.tell_all)
                self.throw(3)
            case Throw(left, _) if left > 0:
                self.throw(left - 1)
            case Throw():
                raise ZeroDivisionError if self.handled % 7 == 0 else KeyError(object())
            case Score(words):
                return sorted(words)
        return None

    def neighbour(self) -> Ref | None:
        return self.system.whereis(("player", (self.seat + 1) % PLAYERS))

    def throw(self, left: int) -> None:
        luggage = [[lambda: left for _ in range(1)], {"b", "a"}, 0.1 + 0.2, Path.cwd() / "ball", KeyError("gone"), self]
        neighbour = self.neighbour()
        if neighbour is not None:
            neighbour.tell(Throw(left, luggage[self.handled % len(luggage)]))

    def tell_all(self, answer: Any) -> None:
        self.system.pubsub.publish("game", ("answer", answer))


class BlockingPlayer(Player):
    """The same, with a thread of its own where there are threads."""

    runs_on = "thread"


def player_spec(number: int) -> ChildSpec:
    kind = BlockingPlayer if number % 2 else Player
    return ChildSpec(id=number, start=lambda: kind(number), name=("player", number))


def court() -> Supervisor:
    """Two players under the top, one under a dynamic supervisor, one started later."""
    inner = ChildSpec(
        id="inner",
        start=lambda: Supervisor([player_spec(2)], strategy=Strategy.REST_FOR_ONE, max_restarts=1_000),
        type=ChildType.SUPERVISOR,
        name="inner",
    )
    guests = ChildSpec(
        id="guests",
        start=lambda: DynamicSupervisor(max_restarts=1_000),
        type=ChildType.SUPERVISOR,
        restart=Restart.TRANSIENT,
        name="guests",
    )
    return Supervisor([player_spec(0), player_spec(1), inner, guests], max_restarts=1_000)


def play(system: SimulatedSystem) -> Ref:
    """Play for twenty virtual seconds; gives the top."""
    top = system.start(court(), "top")
    system.ask("guests", StartChild(player_spec(3)))
    system.run(END_NS)
    return top


def faulty_system(seed: int, trace: TraceSink, *, healthy_s: float = 1.5) -> SimulatedSystem:
    """Make a system on which players suffer from all kinds of faults after their start."""
    faults = RandomFaults(
        seed,
        crash=0.01,
        kill=0.01,
        delay=0.01,
        drop=0.02,
        reorder=0.05,
        longest_delay_s=0.5,
        only=lambda step: step.label.startswith("player") and step.time_ns > healthy_s * NS_PER_S,
    )
    return ActorSystem.simulated(VirtualClock(), seed, faults=faults, trace=trace)
