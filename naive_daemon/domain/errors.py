"""What may go wrong, by what is to be done about it. A business refusal is a value, not one of these."""


class NaiveError(Exception):
    """Base of our own errors: one line for an operator, and a hint what would be right."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TransientError(NaiveError):
    """Nothing happened; try again with a bounded back-off."""


class OutcomeUnknownError(NaiveError):
    """It may have happened: reconcile, never retry blindly."""


class PermanentError(NaiveError):
    """It can not work: stop the child, mark the symbol."""


class ConfigError(NaiveError):
    """The configuration is wrong; nothing was started (EX_CONFIG)."""

    exit_code = 78


class UnreachableError(NaiveError):
    """A service that is needed does not answer (EX_UNAVAILABLE)."""

    exit_code = 69


class UsageError(NaiveError):
    """What the operator asked for makes no sense."""

    exit_code = 2
