"""What the daemon does without: how journal and cache are, asked of the actors, and in words.

So it can be told while no database answers. Who does not answer in time is held up by its server: one that is frozen
blocks whoever has asked it something.
"""

from typing import TypeVar

from naive_daemon import names
from naive_daemon.cache.database import CacheHealth
from naive_daemon.cache.messages import AskCache
from naive_daemon.clock import to_datetime
from naive_daemon.execution.messages import AskJournal, JournalHealth
from naive_daemon.otp import ActorDiedError, ActorSystem

TIMEOUT_S = 1.0
JOURNAL_HELD_UP = JournalHealth(away="it does not come back from its server")
CACHE_HELD_UP = CacheHealth(away="it does not come back from its server")

Answer = TypeVar("Answer")


def journal_health(system: ActorSystem, timeout_s: float = TIMEOUT_S) -> JournalHealth | None:
    """Ask the journal how it is; None while it is being started again."""
    return _ask(system, names.JOURNAL, AskJournal(), JOURNAL_HELD_UP, timeout_s)


def cache_health(system: ActorSystem, timeout_s: float = TIMEOUT_S) -> CacheHealth | None:
    """Ask the cache how it is; None while it is being started again, or where there is none."""
    return _ask(system, names.CACHE, AskCache(), CACHE_HELD_UP, timeout_s)


def degradations(journal: JournalHealth | None, cache: CacheHealth | None) -> tuple[str, ...]:
    """Tell each server that the daemon does without, a line each; none while all is well."""
    lines = []
    if journal is not None and journal.away is not None:
        since = "" if journal.since_ns is None else f" since {to_datetime(journal.since_ns):%H:%M:%SZ}"
        waiting = f", {journal.waiting} messages wait" if journal.waiting else ""
        lines.append(f"no new entries: PostgreSQL is away{since}{waiting}: {journal.away}")
    if cache is not None and cache.away is not None:
        waiting = f", {cache.waiting} writes wait" if cache.waiting else ""
        lines.append(f"trading without Redis{waiting}: {cache.away}")
    return tuple(lines)


def warnings_of(cache: CacheHealth | None) -> tuple[str, ...]:
    """Tell what somebody should mend though all works for now, a line each."""
    return () if cache is None else tuple(f"Redis: {warning}" for warning in cache.warnings)


def _ask(system: ActorSystem, name: str, request: object, held_up: Answer, timeout_s: float) -> Answer | None:
    try:
        answer: Answer = system.ask(name, request, timeout_s)
    except TimeoutError:
        return held_up
    except ActorDiedError:
        return None
    return answer
