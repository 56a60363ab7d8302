"""A program that uses all that the runtime has, to see whether it ever does anything else than it did once.

Groups under every strategy do to each other whatever actors can do; faults come on top, and parcels with one of each
kind of value. Nothing here is drawn: all choice is the system's.
"""

import itertools
from collections.abc import Callable

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import (
    BRUTAL_KILL,
    IGNORE,
    SHUTDOWN,
    Actor,
    ActorSystem,
    AutoShutdown,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    ExitReason,
    Ignore,
    Restart,
    SimulatedSystem,
    Strategy,
    Supervisor,
    send_exit,
)
from naive_daemon.otp.faults import RandomFaults, Step
from naive_daemon.otp.timers import NS_PER_S
from naive_daemon.otp.trace import TraceSink
from tests.otp.golden_members import Batching, Member, Narrow, Newest, Slow, Stubborn, Trapping, member_spec
from tests.otp.simulation_program import court

END_S = 6


def group_spec(name: str, make: Callable[[], Actor]) -> ChildSpec:
    return ChildSpec(id=name, start=make, type=ChildType.SUPERVISOR, name=name)


def failing_spec() -> ChildSpec:
    """Give a child whose starts fail now and then, and are ignored at others."""
    starts = itertools.count()

    def start() -> Actor | Ignore | ExitReason:
        match next(starts) % 5:
            case 1:
                raise OSError(28, "No space left on device")
            case 2:
                return SHUTDOWN
            case 3:
                return IGNORE
        return Member(8)

    return ChildSpec(id=8, start=start, name=("member", 8))


def groups() -> list[ChildSpec]:
    one_for_all = [
        member_spec(0, Trapping),
        member_spec(1, restart=Restart.TRANSIENT),
        member_spec(2, restart=Restart.TEMPORARY, shutdown_s=BRUTAL_KILL),
    ]
    rest_for_one = [
        member_spec(3, shutdown_s=0),
        member_spec(4, Stubborn, shutdown_s=0.05),
        member_spec(5, Batching, restart=Restart.TRANSIENT),
        failing_spec(),
    ]
    one_for_one = [
        member_spec(6, restart=Restart.TRANSIENT, significant=True),
        member_spec(7, restart=Restart.TRANSIENT),
        ChildSpec(id="slow", start=Slow, name="slow"),
        ChildSpec(id="narrow", start=Narrow, name="narrow"),
        ChildSpec(id="newest", start=Newest, name="newest"),
    ]
    return [
        group_spec("court", court),
        group_spec("visitors", lambda: DynamicSupervisor(max_children=5, extra_arguments=("first",))),
        group_spec("all", lambda: Supervisor(one_for_all, strategy=Strategy.ONE_FOR_ALL, max_restarts=20)),
        group_spec("rest", lambda: Supervisor(rest_for_one, strategy=Strategy.REST_FOR_ONE, max_restarts=20)),
        group_spec("one", lambda: Supervisor(one_for_one, max_restarts=20, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)),
    ]


def may_fail(step: Step) -> bool:
    """Choose whom faults strike: those that are restarted, once all have started."""
    return step.time_ns > NS_PER_S and step.label.startswith(
        ("member", "Batching", "player", "slow", "rest", "visitors")
    )


def golden_system(seed: int, trace: TraceSink) -> SimulatedSystem:
    """Make a system on which faults of each kind strike."""
    faults = RandomFaults(
        seed, crash=0.005, kill=0.005, delay=0.01, drop=0.02, reorder=0.04, longest_delay_s=0.3, only=may_fail
    )
    return ActorSystem.simulated(VirtualClock(), seed, faults=faults, trace=trace)


def run_golden(seed: int, trace: TraceSink) -> None:
    """Run the program to its end, which is a stop of the whole tree; somebody outside interferes now and then."""
    system = golden_system(seed, trace)
    top = system.start(Supervisor(groups(), max_restarts=10_000, period_s=1.0), "top")
    for second in range(1, END_S):
        system.run(second * NS_PER_S)
        narrow = system.whereis("narrow")
        if narrow is not None:
            system.suspend(narrow, for_s=0.4)
            system.inspect(narrow, lambda actor: actor.phase)
            system.run(second * NS_PER_S + NS_PER_S // 2)
            system.resume(narrow)
    send_exit(top, SHUTDOWN)
    system.run(END_S * NS_PER_S)
