"""A promise that was not kept: what a run of the simulation fails with."""


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
