"""Where configuration is read from: TOML files, the environment, systemd credentials, command-line options.

A source gives nested values and says in words where each stood, so that an error can name the place to mend. A source
only reads; what is right is for the model to say.
"""

import json
import stat
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from naive_daemon.config.section import below_home
from naive_daemon.config.service_url import holds_password
from naive_daemon.domain.errors import ConfigError

ENVIRONMENT_PREFIX = "NAIVE_"
CONFIG_VARIABLE = "NAIVE_CONFIG"
SYSTEM_FILE = Path("/etc/naive-daemon/naive-daemon.toml")
# Short names for what is set most; the long names (NAIVE_DATABASE__URL) work as well.
SHORT_VARIABLES = {"NAIVE_DATABASE_URL": ("database", "url"), "NAIVE_REDIS_URL": ("redis", "url")}
CREDENTIALS = {
    "database_url": ("database", "url"),
    "redis_url": ("redis", "url"),
    "binance_api_key": ("exchange", "binance", "api_key"),
    "binance_api_secret": ("exchange", "binance", "api_secret"),
}
_TEST_PREFIX = "NAIVE_TEST_"
# Paths in a file are meant from where the file stands, not from where the daemon was started.
_FILE_PATHS = (
    ("home",),
    ("market", "feed"),
    ("exchange", "exchange_info"),
    ("exchange", "binance", "private_key_file"),
    ("log", "file"),
)
_NO_PATHS = ("generated", "binance")

KeyPath = tuple[str, ...]


class Given(NamedTuple):
    """One value, the key it is for, and where it stood."""

    key: KeyPath
    value: Any
    origin: str


def read_options(overrides: Mapping[str, Any]) -> Iterator[Given]:
    """Give command-line options; keys are dotted (`log.level`) or nested mappings, None is not given."""
    for key, value in _leaves((), overrides):
        if value is not None:
            path = tuple(part for name in key for part in name.split("."))
            yield Given(path, value, "command line")


def read_environment(environment: Mapping[str, str]) -> Iterator[Given]:
    """Give every NAIVE_* variable; `__` goes one level down, a value that begins with { is JSON.

    NAIVE_CONFIG names the file and is no key; NAIVE_TEST_* belongs to the test suite. Empty variables count as not
    set, as `NAME= command` is how a shell takes one away.
    """
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or name == CONFIG_VARIABLE or name.startswith(_TEST_PREFIX):
            continue
        if text.strip():
            key = SHORT_VARIABLES.get(name) or tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
            yield from (Given(key + rest, value, name) for rest, value in _leaves((), _parsed(text)))


def read_credentials(directory: Path) -> Iterator[Given]:
    """Give the credentials that systemd has put into `directory` for this service, or none."""
    for name, key in CREDENTIALS.items():
        path = directory / name
        if path.is_file():
            value = _read_text(path).strip()
            if value:
                yield Given(key, value, f"credential {name}")


def read_file(path: Path) -> list[Given]:
    """Give the keys of a TOML file; raises ConfigError when it can not be read or is open to others with a secret."""
    text = _read_text(path)
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        # Its text names line and column, and never quotes a value.
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} is not valid TOML: {reason}") from None
    given = [Given(key, _from_file(path.parent, key, value), str(path)) for key, value in _leaves((), table)]
    if any(_is_secret(key, value) for key, value, _ in given):
        _refuse_open_file(path)
    return given


def _is_secret(key: KeyPath, value: Any) -> bool:
    if key[-1] == "url":
        return key in CREDENTIALS.values() and holds_password(str(value))
    return key in CREDENTIALS.values() and bool(value)


def _refuse_open_file(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"{path} holds a password, and others than its owner may use it (mode {mode:04o})",
            hint=f"chmod 600 {path}",
        )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the configuration file {path} can not be read: {error.strerror or type(error).__name__}",
            hint="name another with --config or NAIVE_CONFIG",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from None


def _from_file(directory: Path, key: KeyPath, value: Any) -> Any:
    if key in _FILE_PATHS and isinstance(value, str) and value and value not in _NO_PATHS:
        try:
            return str(directory / below_home(Path(value)))
        except ValueError:
            return value  # which the model refuses, together with every other mistake
    return value


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        # The model refuses the text itself, under the variable's name, together with every other mistake.
        return text


def _leaves(prefix: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    if not isinstance(value, Mapping) or (prefix and not value):
        yield prefix, value
        return
    for name, item in value.items():
        yield from _leaves((*prefix, str(name)), item)
