"""What works lack of the market, told to whoever shows it: the desk of the streams knows who needs what.

A child that keeps crashing, or does not start, is known to the desk. One that runs and has nothing to give says so.
"""

from collections.abc import Iterable, Mapping

import msgspec

from naive_daemon.market.flow import MarketFlow
from naive_daemon.market.resource import Resource

TELL_S = 0.25
"""What befalls many at once is told at once."""
_LACKS = {"feed": "no trades", "candles": "no candles", "signals": "no signals"}
_PLACES = {kind: place for place, kind in enumerate(_LACKS)}
"""The first one has made the others what they are."""


class MarketTroubled(msgspec.Struct, frozen=True):
    """Why works get nothing, by account and symbol: all of them; who is not named lacks nothing.

    Published on `names.MARKET_TROUBLE`.
    """

    reasons: Mapping[tuple[str, str], str]


class TellTrouble(msgspec.Struct, frozen=True):
    """Tell the topic once more: somebody has just started to listen."""


def troubled(resources: Iterable[Resource], flow: MarketFlow) -> MarketTroubled:
    """Find out who lacks what."""
    reasons: dict[tuple[str, str], str] = {}
    lacking = [resource for resource in resources if resource.trouble is not None]
    for resource in sorted(lacking, key=lambda one: _PLACES[_kind(one)]):
        reason = f"{_LACKS[_kind(resource)]}: {resource.trouble}"
        for account, symbol, _ in flow.works_of(resource.name):
            reasons.setdefault((account, symbol), reason)
    return MarketTroubled(reasons)


def _kind(resource: Resource) -> str:
    return str(resource.name[0])
