"""A promise that was not kept: what a run of the simulation fails with."""


class Violation(AssertionError):
    """`promise` names what must hold, `detail` says what was seen instead."""

    def __init__(self, promise: str, detail: str) -> None:
        super().__init__(f"{promise}: {detail}")
        self.promise = promise
        self.detail = detail


def refuse(is_broken: bool, promise: str, detail: object) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise Violation of a promise that is broken."""
    if is_broken:
        raise Violation(promise, str(detail))
