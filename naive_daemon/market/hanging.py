"""Gives a strategy up whose code hangs, before it takes the pool's threads of everybody.

A thread that does not come back is replaced, but not without end. So who is about to ask a strategy looks first at how
many of its calls hang: too many, and it crashes instead, as it would if the strategy raised. That goes on until they
come back.
"""

from naive_daemon.otp import Actor, crash
from naive_daemon.strategy.asking import pending

HANGING_MAX = 8
"""So many calls of one strategy may be pending while threads are known to hang; it is less than the pool replaces."""
STUCK_MIN = HANGING_MAX // 2
"""Pool threads that hang, at least, before calls that are pending are thought to: they may be at work on many cores."""


def refuse_hanging(actor: Actor, strategy: object) -> None:
    """Crash the actor when too many calls of the strategy are pending, and threads of the pool are stuck."""
    hanging = pending(strategy)
    if hanging < HANGING_MAX:  # nearly always; looking at the pool takes longer
        return
    if len(actor.system.pool_health().stuck) >= STUCK_MIN:
        name = type(strategy).__name__
        actor.exit(crash(f"{name} is not asked: {hanging} of its calls hang: does it come back?"))
