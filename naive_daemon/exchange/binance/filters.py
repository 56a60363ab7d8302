"""Takes over the filters that the exchange has changed, into the instruments that orders are made by. Safe on any loop.

Only whole instruments are put in another's place, and no symbol comes or goes: whoever reads, on any thread, has the
old filters of a symbol or the new ones. A symbol that the exchange lists no more keeps its last.
"""

from collections.abc import Mapping, MutableMapping

import msgspec

from naive_daemon.domain.instrument import Instrument


def take_filters(instruments: MutableMapping[str, Instrument], listed: Mapping[str, Instrument]) -> dict[str, str]:
    """Make `instruments` as they are `listed` now; gives by symbol what has changed, in words.

    What is halted has not changed in that sense: who holds entries back is told of it.
    """
    changes: dict[str, str] = {}
    for symbol in sorted(instruments.keys() & listed.keys()):
        before = instruments[symbol]
        now = msgspec.structs.replace(listed[symbol], is_trading=before.is_trading)
        if now != before:
            instruments[symbol] = now
            changes[symbol] = _difference(before, now)
    return changes


def _difference(before: Instrument, now: Instrument) -> str:
    pairs = ((name, getattr(before, name), getattr(now, name)) for name in Instrument.__struct_fields__)
    return ", ".join(f"{name} was {one}, is {other}" for name, one, other in pairs if one != other)
