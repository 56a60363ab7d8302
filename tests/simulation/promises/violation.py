"""A promise that was not kept: what a run of the simulation fails with."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

NO_LOOK = "every look can be taken"
"""What fails when the simulation itself does, in the middle of a look: no promise of the daemon's."""


class Violation(AssertionError):  # noqa: N818 - it is a finding of the run, and reads as one
    """`promise` names what must hold, `detail` says what was seen instead."""

    def __init__(self, promise: str, detail: str) -> None:
        super().__init__(f"{promise}: {detail}")
        self.promise = promise
        self.detail = detail


def demand(holds: bool, promise: str, detail: object) -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(promise, str(detail))


@contextmanager
def promised(promise: str) -> Iterator[None]:
    """Have what is asserted inside be a promise."""
    try:
        yield
    except Violation:
        raise
    except AssertionError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise Violation(promise, f"{str(error) or frame.line} ({frame.name})") from error
