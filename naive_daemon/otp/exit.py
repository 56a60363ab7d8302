"""Why a process ended. `normal` and `shutdown` are orderly; everything else is a crash or a kill."""

import msgspec


class ExitReason(msgspec.Struct, frozen=True):
    """A reason in OTP's terms: `kind` is normal, shutdown, killed, noproc, ignore or crash.

    `detail` says more: shutdown's detail, or the exception of a crash. Two crashes are equal only when they carry the
    same exception object.
    """

    kind: str
    detail: object = None

    @property
    def is_orderly(self) -> bool:
        """Say whether a transient child that ended so stays down (OTP rule 29)."""
        return self.kind in ("normal", "shutdown")

    @property
    def is_silent(self) -> bool:
        """Say whether nobody needs to be told in the log."""
        return self.is_orderly

    def __str__(self) -> str:
        if self.detail is None:
            return self.kind
        if isinstance(self.detail, BaseException):
            return f"{type(self.detail).__name__}: {_text_of(self.detail)}"
        if self.kind == "crash":
            return _text_of(self.detail)
        return f"{self.kind}({_text_of(self.detail)})"


def _text_of(detail: object) -> str:
    """Give a detail as text; a reason must be told even where its own text can not be made."""
    try:
        return str(detail)
    except BaseException:  # noqa: BLE001 - a stranger's __str__ may raise whatever it likes
        return "(no text)"


NORMAL = ExitReason("normal")
SHUTDOWN = ExitReason("shutdown")
KILL = ExitReason("kill")
KILLED = ExitReason("killed")
NOPROC = ExitReason("noproc")
TIMEOUT = ExitReason("timeout")


def shutdown(detail: object) -> ExitReason:
    """Give an orderly reason that says more."""
    return ExitReason("shutdown", detail)


def crash(error: BaseException | str) -> ExitReason:
    """Give the reason of a process that an exception ended."""
    return ExitReason("crash", error)


class ActorExit(BaseException):
    """Ends the actor that raises it, with its reason. Raised by `Actor.exit`.

    No Exception: it unwinds a handler, so what catches errors there must not see it.
    """

    def __init__(self, reason: ExitReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class ActorDiedError(Exception):
    """The asked actor was dead or died before it answered; `reason` says why."""

    def __init__(self, reason: ExitReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class StartFailedError(Exception):
    """An actor's start did not succeed; `reason` says why."""

    def __init__(self, what: object, reason: ExitReason) -> None:
        super().__init__(f"{what} failed to start: {reason}")
        self.reason = reason
