"""Takes secrets out of what is about to be shown: by the name of a key, and by shape inside of texts."""

import re
from functools import lru_cache
from typing import Any

from structlog.typing import EventDict, WrappedLogger

HIDDEN = "***"
_NAMES = r"passw(?:or)?d|passphrase|secret|token|api[-_]?key|private[-_]?key|signature|credential|authorization"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# The password of a URL: all that stands between the user's colon and the last @ of the word, because passwords that
# were not percent-encoded may hold any character.
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*):\S*@")
_NAMED_VALUE = re.compile(
    rf"((?:{_NAMES})[\w-]*[\"']?\s*[=:]\s*(?:(?:bearer|basic)\s+)?)(\"[^\"]*\"|'[^']*'|[^\s&,;)}}\]]+)", re.IGNORECASE
)


def hide_secrets(text: str) -> str:
    """Give a text without passwords of URLs and without values that are named as secrets."""
    if ":" not in text and "=" not in text:
        return text
    return _NAMED_VALUE.sub(rf"\1{HIDDEN}", _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text))


def hide_secret_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets out of a log event (a structlog processor). Tracebacks must have become text or tables before."""
    return {key: _hidden(key, value) for key, value in event.items()}


@lru_cache(maxsize=1_024)
def _is_secret(key: str) -> bool:
    return _SECRET_NAME.search(key) is not None


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return HIDDEN if _is_secret(key) else hide_secrets(value)
    if value is None or isinstance(value, int | float):
        return value if value is None or not _is_secret(key) else HIDDEN
    if _is_secret(key):
        return HIDDEN
    if isinstance(value, dict):
        return {name: _hidden(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", item) for item in value]
    return value
