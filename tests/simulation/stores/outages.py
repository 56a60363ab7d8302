"""Which servers are away, and until when; they outlive the daemon's processes, as real ones do."""

from naive_daemon.clock import NS_PER_S, VirtualClock

POSTGRES, REDIS = "postgres", "redis"


class Outages:
    """By server; one that is taken away again stays away for the longer of both."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._until_ns: dict[str, int] = {}

    def take_away(self, server: str, seconds: float) -> None:
        """Let nobody reach a server for so long."""
        until_ns = self._clock.now_ns() + round(seconds * NS_PER_S)
        self._until_ns[server] = max(until_ns, self._until_ns.get(server, 0))

    def is_away(self, server: str) -> bool:
        """Say whether a server can not be reached now."""
        return self._clock.now_ns() < self._until_ns.get(server, 0)

    def heal(self) -> None:
        """Bring all of them back."""
        self._until_ns.clear()
