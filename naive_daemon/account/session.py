"""What a session has brought so far, and how deep an account is in its positions: of one quote asset, all in it.

What stands here follows from what is held, at the last prices. Products and sums are exact; quotients (a margin, a
depth) have 28 digits, half-even. The commission of closing is not in any of it.

*Settled balance*: the balance, plus what the open positions have cost where that was taken from it. On Spot a buy pays
with the balance, and what it has bought is a balance too, of another asset; on margin the balance stays as it is.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from naive_daemon.account.leverages import Leverages
from naive_daemon.account.positions import HeldPosition, PositionCounts, Positions
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.position import PositionSide


class OpenPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position as an operator looks at it: margin = |quantity| × entry ÷ leverage.

    `unrealised_pnl` = quantity × (last price − entry), None while no price is known.
    """

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    quote_asset: str
    leverage: Decimal
    margin: Decimal
    last_price: Decimal | None
    unrealised_pnl: Decimal | None


class PositionTotals(msgspec.Struct, frozen=True, kw_only=True):
    """All positions: Σ |quantity| × entry, Σ margin, Σ unrealised PnL.

    What is in a symbol without a known price has no part in the unrealised PnL; `unpriced` names those symbols.
    """

    counts: PositionCounts
    value: Decimal
    margin: Decimal
    unrealised_pnl: Decimal
    unpriced: tuple[str, ...]


class Depth(msgspec.Struct, frozen=True):
    """The share of the balance that is in positions; None while there is no balance to have a share of.

    `without_pnl` = Σ margin ÷ settled balance; `with_pnl` = (Σ margin + Σ unrealised PnL) ÷ (settled balance + the
    same).
    """

    without_pnl: Decimal | None
    with_pnl: Decimal | None


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A session that began with `starting_balance`, a settled one.

    `realised_pnl` = settled balance − starting balance; `balance_if_closed` = settled balance + Σ unrealised PnL.
    """

    asset: str
    starting_balance: Decimal
    positions: tuple[OpenPosition, ...]
    totals: PositionTotals
    realised_pnl: Decimal
    balance_if_closed: Decimal


def open_position(held: HeldPosition, positions: Positions, leverages: Leverages) -> OpenPosition:
    """Look at one position."""
    leverage = leverages.get(held.symbol)
    return OpenPosition(
        symbol=held.symbol,
        side=held.side,
        quantity=held.quantity,
        entry_price=held.entry_price,
        quote_asset=held.quote_asset,
        leverage=leverage,
        margin=held.value / leverage,
        last_price=positions.price(held.symbol),
        unrealised_pnl=positions.unrealised_pnl(held.symbol, held.side),
    )


def totals_of(positions: Iterable[OpenPosition]) -> PositionTotals:
    """Add positions up."""
    value = margin = pnl = ZERO
    sides: dict[str, int] = {}
    unpriced: list[str] = []
    for one in positions:
        sides[one.symbol] = sides.get(one.symbol, 0) + 1
        value = EXACT.add(value, EXACT.multiply(abs(one.quantity), one.entry_price))
        margin = EXACT.add(margin, one.margin)
        if one.unrealised_pnl is None:
            unpriced.append(one.symbol)
        else:
            pnl = EXACT.add(pnl, one.unrealised_pnl)
    hedged = sum(count > 1 for count in sides.values())
    return PositionTotals(
        counts=PositionCounts(sum(sides.values()), hedged),
        value=value,
        margin=margin,
        unrealised_pnl=pnl,
        unpriced=tuple(dict.fromkeys(unpriced)),
    )


def summary_of(
    asset: str, starting_balance: Decimal, settled_balance: Decimal, positions: tuple[OpenPosition, ...]
) -> SessionSummary:
    """Sum a session up."""
    totals = totals_of(positions)
    return SessionSummary(
        asset=asset,
        starting_balance=starting_balance,
        positions=positions,
        totals=totals,
        realised_pnl=EXACT.subtract(settled_balance, starting_balance),
        balance_if_closed=EXACT.add(settled_balance, totals.unrealised_pnl),
    )


def depth_of(totals: PositionTotals, settled_balance: Decimal) -> Depth:
    """Give the share of a settled balance that is in positions."""
    pnl = totals.unrealised_pnl
    return Depth(
        without_pnl=_share(totals.margin, settled_balance),
        with_pnl=_share(EXACT.add(totals.margin, pnl), EXACT.add(settled_balance, pnl)),
    )


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole if whole > ZERO else None
