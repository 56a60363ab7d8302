"""Credentials of an account, by reference: the database holds where a key is, this module reads it from there.

A reference is one of

- `env:PREFIX`: the variables PREFIX_API_KEY, and PREFIX_API_SECRET or PREFIX_PRIVATE_KEY_FILE;
- `credential:NAME`: the systemd credentials NAME_api_key, and NAME_api_secret or NAME_private_key (a PEM file);
- `file:/path`: a TOML file of mode 0600 with api_key, and api_secret or private_key_file.

Invariant: no error and no repr shows a key, a secret, or what a file holds.
"""

import hashlib
import hmac
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from naive_daemon.config.exchange import Binance
from naive_daemon.config.section import below_home, expanded
from naive_daemon.config.source import ENVIRONMENT_PREFIX
from naive_daemon.domain.account import REFERENCE, REFERENCE_LENGTH_MAX, REFERENCE_WORDS
from naive_daemon.domain.errors import ConfigError

FILE_MAX = 65_536
"""So many bytes a file with a key has at most; a longer one is none, and what is cut would be another key."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_KEYS = ("api_key", "api_secret", "private_key_file")
_DIRECTORY_VARIABLE = "CREDENTIALS_DIRECTORY"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """An API key and what it signs with: the secret of an HMAC key, or the PEM text of an Ed25519 private key."""

    api_key: SecretStr
    api_secret: SecretStr | None = None
    private_key: SecretStr | None = None


def check_reference(text: str) -> str:
    """Give a reference as it is stored: a path is made absolute; raises ConfigError when it is none."""
    reference = text.strip()
    kind, colon, rest = reference.partition(":")
    kind = kind.lower()
    if kind == "file" and rest and rest.isprintable():
        try:
            rest = str(expanded(Path(rest)))
        except ValueError:
            raise ConfigError(
                "the credentials given lie below a home that is nobody's here",
                hint=f"say where the key is: {REFERENCE_WORDS}",
            ) from None
    reference = kind + colon + rest
    if not reference.isprintable() or not re.fullmatch(REFERENCE, reference) or len(reference) > REFERENCE_LENGTH_MAX:
        # What was given is not shown: it may be the key itself.
        raise ConfigError(
            "the credentials given are no reference to credentials (they are not shown, they may be a key)",
            hint=f"say where the key is: {REFERENCE_WORDS}",
        )
    if kind == "env" and rest.upper().startswith(ENVIRONMENT_PREFIX):
        raise ConfigError(
            f"credentials {reference}: {ENVIRONMENT_PREFIX}* variables are keys of the configuration",
            hint="name other variables, for example env:SECOND for SECOND_API_KEY",
        )
    return reference


def read_credentials(reference: str, *, environment: Mapping[str, str] | None = None) -> Credentials:
    """Read what a reference points at; `environment` stands in for the process's own.

    Raises ConfigError that says what is missing and where.
    """
    reference = check_reference(reference)
    variables = os.environ if environment is None else environment
    kind, _, rest = reference.partition(":")
    if kind == "env":
        return _from_environment(reference, rest, variables)
    if kind == "credential":
        return _from_directory(reference, rest, variables.get(_DIRECTORY_VARIABLE))
    return _from_file(reference, Path(rest))


def configured_credentials(config: Binance) -> Credentials | None:
    """Give those of the configured account; None where it has no key, or nothing to sign with."""
    if config.api_key is None or not config.api_key.get_secret_value():
        return None
    if config.private_key_file is not None:
        where = "exchange.binance.private_key_file names a file"
        private_key = SecretStr(_read_closed_file(where, config.private_key_file))
        return Credentials(api_key=config.api_key, private_key=private_key)
    return None if config.api_secret is None else Credentials(api_key=config.api_key, api_secret=config.api_secret)


def key_digest(credentials: Credentials) -> bytes:
    """Give what tells two API keys apart without being one; it is kept in memory only."""
    return hashlib.sha256(credentials.api_key.get_secret_value().encode("utf-8", "surrogateescape")).digest()


def same_key(one: Credentials, other: Credentials) -> bool:
    """Say whether two accounts would use one API key; takes as long whatever the keys are."""
    return hmac.compare_digest(key_digest(one), key_digest(other))


def _from_environment(reference: str, prefix: str, variables: Mapping[str, str]) -> Credentials:
    def read(name: str) -> str | None:
        return variables.get(name, "").strip() or None

    names = (f"{prefix}_API_KEY", f"{prefix}_API_SECRET", f"{prefix}_PRIVATE_KEY_FILE")
    api_key, secret, file = (read(name) for name in names)
    hint = f"give {names[0]}, and {names[1]} or {names[2]}, to whom starts the daemon"

    def read_private_key() -> str | None:
        return (
            None if file is None else _read_closed_file(f"{where_of(reference)}: {names[2]} names a file", Path(file))
        )

    return _whole(reference, names, (api_key, secret, file), read_private_key, hint)


def _from_directory(reference: str, name: str, directory: str | None) -> Credentials:
    names = (f"{name}_api_key", f"{name}_api_secret", f"{name}_private_key")
    hint = f"let systemd load {names[0]}, and {names[1]} or {names[2]}, for the service"
    if directory is None:
        raise ConfigError(f"{where_of(reference)}: systemd gave no credentials to this process", hint=hint)

    def read(part: str) -> str | None:
        path = Path(directory) / part
        return _read_text(f"{where_of(reference)}: {part}", path).strip() or None if path.is_file() else None

    api_key, secret, private_key = (read(part) for part in names)
    return _whole(reference, names, (api_key, secret, private_key), lambda: private_key, hint)


def _from_file(reference: str, path: Path) -> Credentials:
    where = where_of(reference)
    try:
        table = tomllib.loads(_read_closed_file(where, path))
    except tomllib.TOMLDecodeError as error:
        # Its first line names line and column, and never quotes a value.
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{where}: not valid TOML: {reason}", hint='a line is written as api_key = "…"') from None
    hint = f"it takes {_KEYS[0]}, and {_KEYS[1]} or {_KEYS[2]}"
    # The names of the keys are not shown: a file of another kind may hold anything.
    if any(key not in _KEYS for key in table):
        raise ConfigError(f"{where}: it holds keys that are not known", hint=hint)
    if wrong := [key for key, value in table.items() if not isinstance(value, str)]:
        raise ConfigError(f"{where}: {wrong[0]} is no text", hint=f'{wrong[0]} = "…"')
    api_key, secret, file = (_stripped(table, key) for key in _KEYS)

    def read_private_key() -> str | None:
        if file is None:
            return None
        try:
            named = below_home(Path(file))
        except ValueError:
            raise ConfigError(
                f"{where}: private_key_file names a file below a home that is nobody's here", hint="name it from /"
            ) from None
        return _read_closed_file(f"{where}: private_key_file names a file", path.parent / named)

    return _whole(reference, _KEYS, (api_key, secret, file), read_private_key, hint)


def where_of(reference: str) -> str:
    """Say whose credentials are meant, so that nothing looks like a secret beside its name: that would be hidden."""
    kind, _, rest = reference.partition(":")
    return f"systemd credential {rest}" if kind == "credential" else f"credentials {reference}"


def _stripped(table: Mapping[str, Any], key: str) -> str | None:
    return str(table.get(key, "")).strip() or None


def _whole(
    reference: str,
    names: tuple[str, ...],
    given: tuple[str | None, ...],
    read_private_key: Callable[[], str | None],
    hint: str,
) -> Credentials:
    """Put the parts together; `names` are what the key, the secret and the private key are called there."""
    api_key, secret, private_key = given
    where = where_of(reference)
    if api_key is None:
        raise ConfigError(f"{where}: {names[0]} is not set", hint=hint)
    if secret is None and private_key is None:
        raise ConfigError(f"{where}: neither {names[1]} nor {names[2]} is set", hint=hint)
    if secret is not None and private_key is not None:
        raise ConfigError(f"{where}: {names[1]} and {names[2]} are both set: a key has one of them", hint=hint)
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise ConfigError(f"{where}: {names[0]} holds characters that no API key has", hint="copy the key again")
    if secret is not None:
        return Credentials(api_key=SecretStr(api_key), api_secret=SecretStr(secret))
    return Credentials(api_key=SecretStr(api_key), private_key=SecretStr(read_private_key() or ""))


def _read_closed_file(where: str, path: Path) -> str:
    """Read a file that nobody but its owner may read."""
    return _read_text(where, path, closed=True)


def _read_text(where: str, path: Path, *, closed: bool = False) -> str:
    try:
        # Not waiting, as a pipe would have us.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            # Asked of the open file, so that nobody can put another in its place in between.
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{where}: {path} is no file", hint="name a file that is there")
            if closed and mode & _OTHERS:
                raise ConfigError(f"{where}: others than its owner may use {path}", hint=f"chmod 600 {path}")
            data = file.read(FILE_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{where}: {path} can not be read: {reason}", hint="name a file that is there") from None
    if len(data) > FILE_MAX:
        raise ConfigError(f"{where}: {path} is longer than {FILE_MAX} bytes", hint="it holds a key, and nothing else")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: {path} is not UTF-8 text", hint="keys are plain text") from None
