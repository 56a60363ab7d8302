"""Ended cycles as rows for a spreadsheet: figures exact, no text that it would take for a formula."""

from collections.abc import Mapping
from decimal import Decimal

from naive_daemon.clock import to_datetime
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import plain
from naive_daemon.report.maker import assets_of
from naive_daemon.report.traded import TradedCycle

COLUMNS = {
    "account": "the account",
    "symbol": "the symbol",
    "trader": "the trader's place in its symbol",
    "cycle": "counts in that place",
    "outcome": "completed (sold) or abandoned",
    "started_at": "when its first order was made, UTC",
    "entered_at": "when its first buy was filled, UTC",
    "exited_at": "when its last sell was filled, UTC",
    "finished_at": "when the cycle ended, UTC",
    "base_asset": "what is traded",
    "quote_asset": "what it is paid in",
    "bought": "in the base asset",
    "buy_price": "average, in the quote asset",
    "sold": "in the base asset",
    "sell_price": "average, in the quote asset",
    "turnover": "what buys cost and sells brought, added up, in the quote asset",
    "fees": "commission by asset: `0.01 USDT; 0.0002 BNB`",
    "realised_pnl": "in the quote asset",
    "dust_in": "what it was given of former cycles, in the base asset",
    "dust": "what it could not sell, in the base asset",
    "budget": "its share of the budget, in the quote asset",
}
"""What stands in each column; a cell is empty where there is nothing to say."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def row(cycle: TradedCycle, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Give the cells of an ended cycle, in the order of `COLUMNS`; prices are rounded to 28 digits, nothing else is."""
    key = cycle.key
    base, quote = assets_of(key.symbol, instruments)
    fees = "; ".join(f"{plain(amount)} {asset}" for asset, amount in sorted(cycle.fees.items()))
    return (
        safe(key.account),
        safe(key.symbol),
        str(key.trader),
        str(key.cycle),
        "" if cycle.outcome is None else cycle.outcome.value,
        *map(_time, (cycle.started_ns, cycle.entered_ns, cycle.exited_ns, cycle.finished_ns)),
        safe(base),
        safe(quote),
        plain(cycle.bought),
        _number(cycle.buy_price),
        plain(cycle.sold),
        _number(cycle.sell_price),
        plain(cycle.turnover),
        fees,
        plain(cycle.realised_pnl),
        plain(cycle.dust_in),
        plain(cycle.dust_base),
        plain(cycle.budget),
    )


def safe(words: str) -> str:
    """Give a text that no spreadsheet reads as a formula: an apostrophe stands before one that looks like it."""
    return f"'{words}" if words.startswith(_FORMULA) else words


def _number(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


def _time(time_ns: int | None) -> str:
    return "" if time_ns is None else to_datetime(time_ns).isoformat()
