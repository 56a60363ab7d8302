"""What nobody may see: told by the name of a field, and by shape inside of texts."""

import functools
import re
from typing import Any

HIDDEN = "**********"
"""Stands in the place of a secret, whatever its length."""

_NAME_CHARACTERS_MAX = 200
# Between two parts of a name: `db_pw`, `userPw`, `JWTHeader`. The short words are secrets only as whole parts: who
# writes "author", "forbearers" or "spwan" means something else.
_HUMP = r"(?-i:(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]))"
_START = rf"(?:(?<![A-Za-z])|{_HUMP})"
_END = rf"(?:(?![A-Za-z])|{_HUMP})"
_WORDS = rf"{_START}(?:pw|jwt|bearer|mnemonic){_END}"
# At the end of a name only: `session_count` and `auth_failures` may be seen.
_LAST_WORDS = rf"{_START}(?:auth(?:[-_]?(?:key|code|header))?|session(?:[-_]?(?:id|key))?)(?![\w-])"
_PHRASES = r"mnemonic|(?:seed|recovery)[-_ ]?phrase"
_NAMES = (
    r"passw(?:or)?d|passphrase|\bpwd|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|listen[-_]?key|signature"
    rf"|credential|authorization|cookie|(?:seed|recovery)[-_ ]?phrase|{_WORDS}|{_LAST_WORDS}"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# All between the user's colon and the last @ of the word: a password may hold any character.
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*):\S*(@)")
_CUT_URL_PASSWORD = re.compile(r"(://[^\s/:@]*):(?:\S*(@)|\S*\Z)")
# `credential:second` says where a key is, and is none.
_REFERENCE = r"(?<![\w-])credential:[A-Za-z0-9]"
_NAMED_VALUE = re.compile(
    rf"(?!{_REFERENCE})((?:{_NAMES})[\w-]*[\"']?\s*[=:]\s*(?:(?:bearer|basic)\s+)?)"
    r"(\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^\s&,;)}\]]+)",
    re.IGNORECASE,
)
# The words of a wallet's phrase stand side by side: not the first alone opens it.
_NAMED_PHRASE = re.compile(rf"((?:{_PHRASES})[\w-]*[\"']?\s*[=:]\s*)([a-z]+(?:\s+[a-z]+){{1,23}})", re.IGNORECASE)
# A word of the language ("bearer of news") has neither a digit nor a capital and is short.
_BEARER = re.compile(r"\b([Bb]earer|BEARER)\s+(?=[\w.~+/=-]*[A-Z0-9]|[\w.~+/=-]{16})[\w.~+/=-]+")
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL)


class Secret:
    """Put in the place of a value that is not to be looked at; describes itself as hidden."""

    def get_secret_value(self) -> str:
        """Give what stands for it."""
        return HIDDEN


def names_secret(name: Any) -> bool:
    """Say whether a key or field of this name, a text or bytes, holds what nobody may see."""
    kind = type(name)  # an instance may lie about its class
    if issubclass(kind, bytes):
        return _is_secret_name(bytes.__getitem__(name, slice(_NAME_CHARACTERS_MAX)).decode("latin-1"))
    return issubclass(kind, str) and _is_secret_name(str.__getitem__(name, slice(_NAME_CHARACTERS_MAX)))


def hide_secrets(text: str, *, is_whole: bool = True) -> str:
    """Give a text without passwords of URLs, private keys, bearer tokens and values that stand beside a secret's name.

    Of a text that is not whole, the end may belong to a secret whose other end is missing; it is hidden, too.
    """
    if ":" in text or "=" in text:
        text = (_URL_PASSWORD if is_whole else _CUT_URL_PASSWORD).sub(rf"\1:{HIDDEN}\2", text)
        text = _NAMED_PHRASE.sub(rf"\1{HIDDEN}", text)
        text = _NAMED_VALUE.sub(rf"\1{HIDDEN}", text)
    if "earer" in text or "EARER" in text:
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _PRIVATE_KEY.sub(rf"\1{HIDDEN}", text) if "-----BEGIN" in text else text


@functools.lru_cache(maxsize=1_024)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None
