"""What the thread at hand is there for. One that runs actors must not wait for them: it is what they wait for.

Whoever owns threads, or lends its own to a simulation, says so here. Whatever runs on them is then known to run inside,
a handler as well as the watcher of an end, a timer or a hook of a simulation.
"""

import enum
import threading


class Duty(enum.StrEnum):
    """What a thread serves; the value ends the sentence "this thread serves …"."""

    POOL = "all actors of a pool"
    ACTOR = "one actor"
    TIMERS = "all timers"
    SIMULATION = "a simulation"


class _Present(threading.local):
    duty: Duty | None = None


PRESENT = _Present()
"""The duty of this thread; None is one outside of all systems."""
