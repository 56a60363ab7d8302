"""Figures as people read them: rounded half-even, with separators; None is a dash. Programs get them exact.

Money of one quote asset has as many decimals everywhere as show three digits of a usual cycle's result, at least 2 and
at most 8; an amount that stands for itself has as many as show four digits of it, within the same bounds. A share is a
percentage with 2 decimals, another ratio has 2 decimals.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from naive_daemon.clock import to_datetime
from naive_daemon.report.figures import Block
from naive_daemon.report.ratio import rounded

NOT_KNOWN = "–"
_PLACES_MIN, _PLACES_MAX = 2, 8
_DIGITS = 3
_DIGITS_ALONE = 4
_HUNDREDTH = Decimal("0.01")
_HUNDRED = Decimal(100)
_LENGTHS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def places_of(block: Block) -> int:
    """Give how many decimals the money of a block has."""
    figures = block.figures
    usual = figures.average_pnl or figures.unrealised_pnl or figures.median_pnl
    if not usual:
        return _PLACES_MIN
    return _places(usual, _DIGITS)


def money(value: Decimal | None, places: int) -> str:
    """Write money with so many decimals."""
    return NOT_KNOWN if value is None else f"{rounded(value, Decimal(1).scaleb(-places)):,f}"


def signed(value: Decimal | None, places: int) -> str:
    """Write a gain with a plus and a loss with a minus of the same width."""
    shown = money(value, places)
    if value is None or not any(digit in shown for digit in "123456789"):
        return shown.lstrip("-")
    return shown.replace("-", "−") if value < 0 else f"+{shown}"


def percentage(value: Decimal | None) -> str:
    """Write a share in hundredths."""
    return NOT_KNOWN if value is None else f"{rounded(value * _HUNDRED, _HUNDREDTH):f} %"


def figure(value: Decimal | None) -> str:
    """Write a ratio."""
    return NOT_KNOWN if value is None else f"{rounded(value, _HUNDREDTH):,f}".replace("-", "−")


def amount(value: Decimal) -> str:
    """Write an amount that no other stands beside."""
    return money(value, _places(value, _DIGITS_ALONE) if value else _PLACES_MIN).replace("-", "−")


def amounts(by_asset: Mapping[str, Decimal]) -> str:
    """Write amounts of several assets; a dash for none."""
    return ", ".join(f"{amount(value)} {asset}" for asset, value in by_asset.items()) or NOT_KNOWN


def length(seconds: Decimal | None) -> str:
    """Write how long, in its two largest units, rounded down; below a minute in hundredths of a second."""
    if seconds is None:
        return NOT_KNOWN
    if seconds < _LENGTHS[-2][0]:
        return f"{rounded(seconds, _HUNDREDTH):f} s"
    left = int(seconds)
    words: list[str] = []
    for size, unit in _LENGTHS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def moment(time_ns: int | None) -> str:
    """Write a time in UTC, floored to the second."""
    return NOT_KNOWN if time_ns is None else _written(to_datetime(time_ns))


def _places(value: Decimal, digits: int) -> int:
    return min(max(digits - 1 - value.adjusted(), _PLACES_MIN), _PLACES_MAX)


def _written(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
