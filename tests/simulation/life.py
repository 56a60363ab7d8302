"""One life of the daemon's process. When it is over, whatever its code still does reaches nothing outside of it."""

from naive_daemon.domain.errors import PermanentError


class ProcessEnded(BaseException):
    """The process has ended, as by kill -9: comes out of whatever lets actors run, before the next message."""


class GoneError(PermanentError):
    """Raised to code of a process that is over by whatever it would have called outside of it."""


class Life:
    """Belongs to one process. A handler that is under way when it ends runs on, but nothing it does counts."""

    def __init__(self) -> None:
        self.why: str | None = None

    @property
    def is_over(self) -> bool:
        """Say whether the process has ended."""
        return self.why is not None

    def end(self, why: str) -> None:
        """End now, in the middle of whatever is under way."""
        self.why = self.why or why

    def refuse_over(self) -> None:
        """Let nothing of a process that is over have an effect; raises GoneError."""
        if self.why is not None:
            raise GoneError(f"the process has ended: {self.why}")
