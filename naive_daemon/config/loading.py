"""Brings the sources together and has the model judge them: a whole configuration, or one error with every mistake."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from naive_daemon.config.mistake import describe
from naive_daemon.config.model import Config
from naive_daemon.config.section import below_home
from naive_daemon.config.source import (
    CONFIG_VARIABLE,
    SYSTEM_FILE,
    Given,
    read_credentials,
    read_environment,
    read_file,
    read_options,
)
from naive_daemon.domain.errors import ConfigError

_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


def load_config(
    path: Path | None = None,
    overrides: Mapping[str, Any] = _NO_OPTIONS,
    *,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Read the configuration from all of its sources and validate it.

    Sources, strongest first: `overrides` (dotted keys such as `log.level`, or nested mappings; None is not given),
    NAIVE_* variables, systemd credentials, the TOML file (`path`, else $NAIVE_CONFIG, else
    /etc/naive-daemon/naive-daemon.toml if there is one), defaults. `environment` stands in for the process's own.

    Raises ConfigError with a line for each mistake. No secret's value is ever in it.
    """
    variables = os.environ if environment is None else environment
    given = {value.key: value for value in _weakest_first(path, overrides, variables)}
    try:
        return Config.model_validate(_nested(given.values()))
    except ValidationError as error:
        mistakes = describe(error, given)
    # Outside of the handler: pydantic's own error, which knows the values, must not hang on ours as its context.
    head = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise ConfigError(
        "\n  ".join([f"{head} in the configuration:", *mistakes]),
        hint="config/naive-daemon.toml shows every key with its default",
    )


def _weakest_first(path: Path | None, overrides: Mapping[str, Any], environment: Mapping[str, str]) -> Iterable[Given]:
    file = _file(path, environment)
    if file is not None:
        yield from read_file(file)
    if directory := environment.get("CREDENTIALS_DIRECTORY"):
        yield from read_credentials(Path(directory))
    yield from read_environment(environment)
    yield from read_options(overrides)


def _file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environment.get(CONFIG_VARIABLE):
        try:
            return below_home(Path(named))
        except ValueError as error:
            raise ConfigError(f"{CONFIG_VARIABLE}: {error}", hint="name a file by its absolute path") from None
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def _nested(given: Iterable[Given]) -> dict[str, Any]:
    """Build the tree. A plain value where a section belongs stays, whatever else is given, so that it is refused."""
    tree: dict[str, Any] = {}
    for key, value, _ in given:
        branch: Any = tree
        for name in key[:-1]:
            branch = branch.setdefault(name, {}) if isinstance(branch, dict) else branch
        if isinstance(branch, dict):
            branch[key[-1]] = value
    return tree
