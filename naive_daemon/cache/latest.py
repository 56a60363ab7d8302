"""The latest of what is over, by id: what falls out of it is forgotten. Pure."""


class Latest:
    """Up to `bound` ids in the order in which they were added last."""

    def __init__(self, bound: int) -> None:
        self._ids: dict[str, None] = {}
        self._bound = bound

    def add(self, one: str) -> str | None:
        """Add an id, or make it the latest again; gives the oldest when there are too many, which is forgotten here."""
        self._ids.pop(one, None)
        self._ids[one] = None
        if len(self._ids) <= self._bound:
            return None
        oldest = next(iter(self._ids))
        del self._ids[oldest]
        return oldest

    def discard(self, one: str) -> None:
        """Forget an id, if it is there: it is not over after all."""
        self._ids.pop(one, None)

    def clear(self) -> None:
        """Forget all."""
        self._ids.clear()
