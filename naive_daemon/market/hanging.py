"""Gives a strategy up whose code hangs, before it takes the pool's threads of everybody.

A thread that does not come back is replaced, but not without end. So who is about to ask a strategy looks first at how
many of its calls hang: too many, and it crashes instead, as it would if the strategy raised. That goes on until they
come back.

A strategy may hang for one symbol only, in a state that it can not get out of. Then it is given up for that symbol, and
however many calls hang there, they are no reason to give it up for another. Only one that hangs for several is given up
for all.
"""

from collections import Counter

from naive_daemon.otp import Actor, crash
from naive_daemon.strategy.asking import pending, pending_by_thread

HANGING_MAX = 8
"""So many calls of one strategy may be pending while threads are known to hang; it is less than the pool replaces."""
STUCK_MIN = HANGING_MAX // 2
"""Of them that hang for certain, at least, before the others are thought to: they may be at work on many cores."""
HANGING_OF_SYMBOL_MAX = 3
"""So many calls may hang for one symbol; more of one symbol do not count above. It is less than STUCK_MIN."""


def refuse_hanging(actor: Actor, strategy: object, symbol: str) -> None:
    """Crash the actor when too many calls of the strategy hang: for its symbol, or for several."""
    if pending(strategy) < HANGING_OF_SYMBOL_MAX:  # nearly always
        return
    calls = pending_by_thread(strategy)
    if list(calls.values()).count(symbol) < HANGING_OF_SYMBOL_MAX and len(calls) < HANGING_MAX:
        return  # looking at the pool takes longer
    stuck = _stuck_threads(actor)
    hanging = Counter(of_symbol for thread, of_symbol in calls.items() if thread in stuck)
    name = type(strategy).__name__
    if hanging[symbol] >= HANGING_OF_SYMBOL_MAX:
        actor.exit(crash(f"{name} is not asked for {symbol}: {hanging[symbol]} of its calls hang: does it come back?"))
    count = _limited(Counter(calls.values()))
    if count >= HANGING_MAX and _limited(hanging) >= STUCK_MIN:
        actor.exit(crash(f"{name} is not asked: {count} of its calls hang: does it come back?"))


def _stuck_threads(actor: Actor) -> set[int | None]:
    """Give the numbers of the threads that the pool knows to be stuck."""
    stuck = {one.thread for one in actor.system.pool_health().stuck}
    return {thread.ident for thread in actor.system.threads if thread.name in stuck}


def _limited(calls: Counter[str]) -> int:
    """Count calls by symbol, of none more than make it be given up."""
    return sum(min(count, HANGING_OF_SYMBOL_MAX) for count in calls.values())
