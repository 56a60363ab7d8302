"""Messages a second, from one sender until the last one is handled."""

import queue
from collections.abc import Iterator

from naive_daemon.clock import WallClock
from naive_daemon.otp import ActorSystem
from tests.benchmarks.actors.counter import start_supervised
from tests.benchmarks.fan_out import WAIT_S, Done, tell_in_turn_s
from tests.benchmarks.figure import Comparison, Figure, fastest_s
from tests.benchmarks.peers import erlang, pykka_actors
from tests.benchmarks.peers.erlang import NS_PER_S

TELLS = 100_000
RECEIVERS = 2_000
EACH = 50


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    yield _figure("tell, one to one", receivers=1, each=TELLS, pykka_goal=10.0)
    yield _figure(f"tell, {RECEIVERS:,} in turn", receivers=RECEIVERS, each=EACH, pykka_goal=20.0, erlang_goal=0.25)


def _figure(name: str, receivers: int, each: int, pykka_goal: float, erlang_goal: float | None = None) -> Figure:
    count = receivers * each
    ours_s, pykka_s = fastest_s(lambda: _tell_s(receivers, each), lambda: pykka_actors.tell_s(receivers, each))
    return Figure(
        name=name,
        value=count / ours_s,
        unit="messages/s",
        peers=(
            Comparison(peer="pykka", value=count / pykka_s, goal=pykka_goal),
            erlang.compare("tell", receivers, each, goal=erlang_goal, value=lambda found: count * NS_PER_S / found[0]),
        ),
    )


def _tell_s(receivers: int, each: int) -> float:
    system = ActorSystem.live(WallClock())
    done: Done = queue.SimpleQueue()
    supervisor, refs = start_supervised(system, receivers, each, done)
    spent_s = tell_in_turn_s(refs, each, done)
    system.terminate(supervisor, WAIT_S)
    system.stop()
    return spent_s
