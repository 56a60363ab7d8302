"""Looks at what a strategy has decided before anybody acts on it: a plug-in's mistake ends with its own trader.

What is decided goes on to actors that others share, a feed and the journal among them, who trust in its types. Whether
an order can be placed is not judged here: the exchange's filters say that.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal

from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.settings import shown
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import Cancel, Decision, Finish, Place, Refuse, ReportRebuy, Wake

NUMBERS = Context(prec=100, Emin=-10, Emax=80, traps=[])
"""It holds all numbers that may be decided: what is reckoned with them, a sum say, fits into the digits of `EXACT`."""
TIME_MAX_NS = 2**63 - 1
"""What the journal can write of a moment."""


def checked(strategy: object, decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Give the decisions; raises TypeError for one that is none, or that has something else where a number belongs."""
    found = tuple(decisions)
    for decision in found:
        if not _is_sound(decision):
            raise TypeError(f"{type(strategy).__name__} decides what is no decision: {shown(repr(decision))}")
    return found


def _is_sound(decision: object) -> bool:
    match decision:
        case Wake(below=below, above=above):
            return (below is None or _is_number(below)) and (above is None or _is_number(above))
        case Place(side, price, quantity):
            return _are(Side, side) and _is_amount(price) and _is_amount(quantity)
        case Cancel(order_id):
            return _are(str, order_id)
        case ReportRebuy(price):
            return _is_number(price)
        case Refuse(reason, price):
            return _are(str, reason) and _are(Decimal, price)
        case Finish(result):
            return _are(CycleResult, result) and _is_sound_result(result)
    return False


def _is_sound_result(result: CycleResult) -> bool:
    finished_ns: object = result.finished_ns
    amounts = (result.bought, result.sold, result.realised_pnl, result.dust_base)
    prices = [price for price in (result.buy_price, result.sell_price) if price is not None]
    return (
        _are(CycleOutcome, result.outcome)
        and type(finished_ns) is int
        and 0 <= finished_ns <= TIME_MAX_NS
        and _are(Mapping, result.fees)
        and all(map(_is_asset, result.fees))
        and all(map(_is_amount, (*amounts, *prices, *result.fees.values())))
    )


def _are(kind: type, *values: object) -> bool:
    """Say whether they are what they are declared to be."""
    return all(isinstance(value, kind) for value in values)


def _is_number(value: object) -> bool:
    """Say whether it is something that can be compared and reckoned with; it may be infinite."""
    return isinstance(value, Decimal) and not value.is_nan() and NUMBERS.plus(value) == value


def _is_amount(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and _is_number(value)


def _is_asset(value: object) -> bool:
    """Say whether it is a text that can be written anywhere."""
    return isinstance(value, str) and value.isprintable()
