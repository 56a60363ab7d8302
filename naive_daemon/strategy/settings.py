"""Trade settings together with the strategy they name: its parameters read, checked and complete. The one place for it.

Naming a strategy begins with its defaults: what was set for another one, or for the same one before, is dropped.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from naive_daemon.domain.candle import INTERVALS_S
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.parameters import Parameter, canonical, read_parameter, read_parameters
from naive_daemon.domain.settings import (
    SETTING_RULES,
    InvalidSettingError,
    TradeSettings,
    change_settings,
    read_setting,
)
from naive_daemon.strategy.discovery import load_strategy, strategy_names
from naive_daemon.strategy.protocol import MarketNeeds, Strategy

_STRATEGY = "strategy"


def declared_by(strategy: Strategy) -> Mapping[str, Parameter]:
    """Give the parameters that a strategy declares; it need not."""
    parameters: Mapping[str, Parameter] = getattr(strategy, "parameters", {})
    return parameters


def values_of(strategy: Strategy, settings: TradeSettings) -> dict[str, Any]:
    """Give the values of all parameters of a strategy; raises InvalidSettingError for one that is bad."""
    return read_parameters(declared_by(strategy), settings.parameters)


def settled(strategy: Strategy, settings: TradeSettings) -> TradeSettings:
    """Give the settings with every parameter of their strategy in them; raises InvalidSettingError when they are bad.

    A cycle holds on to them: a default that changes with a new version changes nothing for it.
    """
    complete = msgspec.structs.replace(settings, parameters=canonical(values_of(strategy, settings)))
    check = getattr(strategy, "check", None)  # says what no rule for one key alone can say
    if check is not None:
        check(complete)
    needs_of(strategy, complete)
    return complete


def needs_of(strategy: Strategy, settings: TradeSettings) -> MarketNeeds | None:
    """Say what the signals of these settings are made of; None for a strategy that looks at positions only.

    Raises InvalidSettingError for settings that the strategy refuses.
    """
    if not hasattr(strategy, "needs"):
        return None
    needs: MarketNeeds = strategy.needs(settings)
    if needs.interval is not None and needs.interval not in INTERVALS_S:
        raise InvalidSettingError("interval", needs.interval, f"one of {', '.join(INTERVALS_S)}")
    return needs


def change_trade(settings: TradeSettings, changes: Mapping[str, str]) -> TradeSettings:
    """Give the settings with `changes` (key to text) applied, parameters included; raises InvalidSettingError."""
    own, given = _split(changes)
    changed = change_settings(settings, own)
    if not given and _STRATEGY not in own:
        return changed
    kept = {} if _STRATEGY in own else dict(settings.parameters)
    changed = msgspec.structs.replace(changed, parameters=tuple(sorted((kept | given).items())))
    if not changed.parameters and changed.strategy not in strategy_names():
        return changed  # of what is not installed nobody knows what it needs
    read = {key: _read(changed.strategy, key, text) for key, text in changed.parameters}
    changed = msgspec.structs.replace(changed, parameters=canonical(read))
    settled(_strategy(changed.strategy), changed)
    return changed


def mistakes(settings: TradeSettings, changes: Mapping[str, str]) -> list[str]:
    """Say in a line for each what is wrong with changes of settings; nothing when they can be made."""
    own, given = _split(changes)
    found: list[str] = []
    for key, text in own.items():
        try:
            read_setting(key, text)
            if key == _STRATEGY:
                _strategy(text)
        except InvalidSettingError as error:
            found.append(str(error))
    name = changes.get(_STRATEGY, settings.strategy)
    for key, text in given.items():
        try:
            _read(name, key, text)
        except InvalidSettingError as error:
            found.append(str(error))
    if not found:
        try:
            change_trade(settings, changes)
        except InvalidSettingError as error:
            found.append(str(error))
    return found


def _split(changes: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    own = {key: text for key, text in changes.items() if key in SETTING_RULES}
    return own, {key: text for key, text in changes.items() if key not in SETTING_RULES}


def _strategy(name: str) -> Strategy:
    try:
        return load_strategy(name)
    except PermanentError:
        raise InvalidSettingError(
            _STRATEGY, name, f"one of those that are installed: {', '.join(strategy_names())}"
        ) from None


def _read(name: str, key: str, text: str) -> object:
    """Read one parameter of the strategy of that name; one that is not installed has none."""
    declared = declared_by(load_strategy(name)) if name in strategy_names() else {}
    if key not in declared:
        has = f"{name} has {', '.join(sorted(declared)) or 'no parameters'}"
        raise InvalidSettingError(key, text, f"not a setting; there are {', '.join(SETTING_RULES)}; {has}")
    return read_parameter(declared, key, text)
