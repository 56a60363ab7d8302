"""Takes secrets out of log events. What is a secret, by name and by shape, is said in one place: `otp/secret.py`."""

from typing import Any

from structlog.typing import EventDict, WrappedLogger

from naive_daemon.otp import HIDDEN, hide_secrets, names_secret


def hide_secret_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets out of a log event (a structlog processor). Tracebacks must have become text or tables before."""
    return {key: _hidden(key, value) for key, value in event.items()}


def _hidden(key: str, value: Any) -> Any:
    if value is None:
        return None
    if names_secret(key):
        return HIDDEN
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, dict):
        return {name: _hidden(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", item) for item in value]
    return value
