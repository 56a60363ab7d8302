"""How long a symbol that keeps crashing stays down."""

import msgspec


class Quarantine(msgspec.Struct, frozen=True):
    """The pauses of a symbol that keeps crashing, in seconds."""

    first_s: float = 60.0
    max_s: float = 3600.0

    def pause_s(self, failures: int) -> float:
        """Give the pause after so many failures in a row (from 1): doubled each time, up to the longest."""
        return min(self.first_s * 2.0 ** min(failures - 1, 62), self.max_s)
