"""Hears what the daemon logs as an error: an actor that crashes of itself, struck by nobody, is a defect.

So is a promise that the daemon itself sees broken: here nobody has its key but it, so either it is, or it sees wrongly.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from naive_daemon.domain.errors import NaiveError
from naive_daemon.otp.faults import InjectedError

CRASHES = ("actor crashed", "watcher failed")


class Witness:
    """Tells `broken(promise, detail)` of what no fault explains. One at a time may listen.

    `orphans`: orders by whose being there a promise is broken.
    """

    def __init__(self, broken: Callable[[str, str], None]) -> None:
        self._broken = broken
        self.orphans: set[str] = set()

    def listen(self) -> None:
        """Hear what is logged from now on, errors only, in place of whoever heard it before."""
        structlog.configure(
            processors=[self._hear],
            wrapper_class=structlog.make_filtering_bound_logger(40),
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )

    def _hear(self, _: Any, __: str, event: MutableMapping[str, Any]) -> str:
        if event["event"] == "promise broken" and not any(orphan in event["seen"] for orphan in self.orphans):
            self._broken("the daemon sees no promise broken", f"{event['promise']}: {event['seen']}")
        if event["event"] in CRASHES:
            error = event.get("exc_info")
            # What fails as it may (a store that is away, a fault that struck) is no defect; a TypeError always is.
            if error is not None and not isinstance(error, InjectedError | NaiveError):
                self._broken("no part crashes of itself", f"{event.get('actor')}: {event.get('reason')}")
        raise structlog.DropEvent
