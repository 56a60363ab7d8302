"""Looks at what a strategy has decided before anybody acts on it: a plug-in's mistake ends with its own trader.

What is decided goes on to actors that others share, a feed and the journal among them, who trust in its types. Whether
an order can be placed is not judged here: the exchange's filters say that.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.settings import shown
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import Cancel, Decision, Finish, Place, Refuse, ReportRebuy, Wake


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
            return (below is None or _is_price(below)) and (above is None or _is_price(above))
        case Place(side, price, quantity):
            return _are(Side, side) and _are(Decimal, price, quantity)
        case Cancel(order_id):
            return _are(str, order_id)
        case ReportRebuy(price):
            return _is_price(price)
        case Refuse(reason, price):
            return _are(str, reason) and _are(Decimal, price)
        case Finish(result):
            return _are(CycleResult, result) and _is_sound_result(result)
    return False


def _is_sound_result(result: CycleResult) -> bool:
    amounts = (result.bought, result.sold, result.realised_pnl, result.dust_base)
    prices = [price for price in (result.buy_price, result.sell_price) if price is not None]
    return (
        _are(CycleOutcome, result.outcome)
        and _are(int, result.finished_ns)
        and _are(Mapping, result.fees)
        and _are(str, *result.fees)
        and all(map(_is_amount, (*amounts, *prices, *result.fees.values())))
    )


def _are(kind: type, *values: object) -> bool:
    """Say whether they are what they are declared to be."""
    return all(isinstance(value, kind) for value in values)


def _is_price(value: object) -> bool:
    """Say whether it is something that prices can be compared with; it may be infinite."""
    return isinstance(value, Decimal) and not value.is_nan()


def _is_amount(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite()
