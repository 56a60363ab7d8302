"""Which symbols have other filters at the exchange than those that orders are made by, which were read at the start.

What all accounts of an address share; used by the one who asks what is listed. Invariant: a change is told once.
"""

from collections.abc import Iterator, Mapping

import msgspec

from naive_daemon.domain.instrument import Instrument


class FilterWatch:
    """See the module."""

    def __init__(self) -> None:
        self._seen: dict[str, Instrument] = {}

    def changes(
        self, instruments: Mapping[str, Instrument], listed: Mapping[str, Instrument]
    ) -> Iterator[tuple[str, str]]:
        """Give symbols of `instruments` whose filters have changed since the last look, with what differs now."""
        for symbol in sorted(instruments.keys() & listed.keys()):
            ours = instruments[symbol]
            theirs = msgspec.structs.replace(listed[symbol], is_trading=ours.is_trading)
            if theirs != self._seen.get(symbol, ours):
                self._seen[symbol] = theirs
                if theirs != ours:
                    yield symbol, _difference(ours, theirs)


def _difference(ours: Instrument, theirs: Instrument) -> str:
    pairs = ((name, getattr(ours, name), getattr(theirs, name)) for name in Instrument.__struct_fields__)
    return ", ".join(f"{name} {one} is {other}" for name, one, other in pairs if one != other)
