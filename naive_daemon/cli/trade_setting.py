"""`--set key=value` of backtest and replay: every setting of a symbol, and the fee."""

from collections.abc import Sequence
from decimal import Decimal

import click

from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.money import parse_decimal
from naive_daemon.domain.settings import InvalidSettingError, TradeSettings
from naive_daemon.strategy.settings import change_trade, mistakes

FEE_MAX = Decimal("0.1")

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting (chunks, budget, buy_down_interval, profit_interval, rebuy_interval, strategy, dust), a parameter "
    "of the strategy, or the fee.",
)


def read_trade_settings(given: Sequence[str], fee: Decimal) -> tuple[TradeSettings, Decimal]:
    """Read settings and fee; raises UsageError with a line for each that is refused."""
    changes: dict[str, str] = {}
    known: set[str] = set()
    wrong: list[str] = []
    for pair in given:
        key, equals, value = pair.partition("=")
        key = key.strip()
        try:
            if not equals:
                raise InvalidSettingError(pair, "", "written as KEY=VALUE")  # noqa: TRY301 - gathered with the others
            if key in known:
                wrong.append(f"{key} is given twice")
                continue
            known.add(key)
            if key == "fee":
                fee = _read_fee(value)
            else:
                changes[key] = value
        except InvalidSettingError as error:
            wrong.append(str(error))
    wrong += mistakes(TradeSettings(), changes)
    if wrong:
        raise UsageError("\n  ".join(wrong), hint="--set chunks=3 --set budget=2.5")
    return change_trade(TradeSettings(), changes), fee


def _read_fee(text: str) -> Decimal:
    allowed = f"a ratio from 0 to {FEE_MAX} (0.001 is 0.1 %)"
    try:
        fee = parse_decimal(text)
    except ValueError:
        raise InvalidSettingError("fee", text, allowed) from None
    if not 0 <= fee <= FEE_MAX:
        raise InvalidSettingError("fee", text, allowed)
    return fee
