"""What Binance says that we do not understand: told once a kind, counted, and passed over.

Owned by one gateway. Invariant: however much of it comes, the log holds one line for each kind, and memory is bounded.
"""

from typing import Any

KINDS_MAX = 200


class Oddities:
    """Counts what was passed over, by kind and detail."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._counts: dict[tuple[str, str], int] = {}

    def note(self, kind: str, detail: str) -> None:
        """Count one; the first of its kind and detail is logged."""
        key = (kind, detail[:100])
        if key not in self._counts and len(self._counts) >= KINDS_MAX:
            key = (kind, "others")
        count = self._counts.get(key, 0) + 1
        self._counts[key] = count
        if count == 1:
            self._log.warning("passed over what the exchange said", kind=kind, detail=key[1])

    def counts(self) -> dict[str, int]:
        """Give how many were passed over, by kind and detail. From any thread."""
        return {": ".join(filter(None, key)): count for key, count in self._counts.copy().items()}

    def count(self, kind: str) -> int:
        """Give how many of a kind were passed over."""
        return sum(count for (known, _), count in self._counts.items() if known == kind)
