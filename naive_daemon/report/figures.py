"""The figures of a report. Money is in the quote asset and exact; ratios and averages are rounded as `ratio` says."""

from decimal import Decimal

import msgspec

DEFINITIONS = {
    "cycles": "Cycles that ended and were sold. Abandoned ones ended without a sale. Each counts on the day (UTC) and "
    "in the span in which it ended.",
    "win_rate": "Cycles with a realised PnL above 0 ÷ all that ended and had bought something.",
    "realised_pnl": "Sales less purchases, and less commission in the quote asset, of the cycles that ended. "
    "Commission in the base asset is in it as less to sell; commission in a third asset is not in it: see fees.",
    "unrealised_pnl": "What the open cycles would have brought if all that they hold were sold at the last price, "
    "without a fee for that. Not known for a span that ends in the past, or where no price is known.",
    "fees": "Commission paid by the cycles that ended, by asset; never added up over assets.",
    "dust": "What cycles that ended could not sell, less what they were given of it by former ones, by asset; so what "
    "open cycles were given is in it. Its cost is in the realised PnL, its worth is not. Of a span that is not the "
    "whole journal it is the change, and may be below 0.",
    "turnover": "What the purchases cost and the sales brought, added up.",
    "profit_factor": "Sum of the gains ÷ sum of the losses. Not known without a loss.",
    "capital": "Capital employed: the largest sum of the budgets of cycles that were open at one moment.",
    "max_drawdown": "The deepest fall of the realised PnL, added up in the order of the ends, from a former peak (0 at "
    "the start); its share is of capital employed + that peak.",
    "sharpe": "Daily returns (realised PnL of a UTC day ÷ capital employed; days without an end count as 0; the first "
    "and the last day count whole): mean ÷ sample standard deviation × √365, since crypto trades every day; risk-free "
    "rate 0. Not known of fewer than 2 days or without any spread.",
    "sortino": "The same returns: mean ÷ downside deviation × √365; the downside deviation is the root of the mean, "
    "over all days, of the squared losses; target 0. Not known of fewer than 2 days or without a day of loss.",
    "length": "From when a cycle's first order was made to its end.",
    "time_in_market": "The share of the span in which at least one cycle held something: from the moment its first buy "
    "was filled to its end.",
    "losing_streak": "The most cycles with a realised PnL below 0 that ended one after the other.",
}
"""What the figures mean, in the words in which every form of the report says it."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of cycles has brought, as `DEFINITIONS` says; None is "not known". Lengths are in seconds."""

    cycles: int
    abandoned: int
    wins: int
    losses: int
    win_rate: Decimal | None
    realised_pnl: Decimal
    unrealised_pnl: Decimal | None
    average_pnl: Decimal | None
    median_pnl: Decimal | None
    best_pnl: Decimal | None
    worst_pnl: Decimal | None
    gross_profit: Decimal
    gross_loss: Decimal
    profit_factor: Decimal | None
    fees: dict[str, Decimal]
    turnover: Decimal
    capital: Decimal
    max_drawdown: Decimal
    max_drawdown_share: Decimal | None
    sharpe: Decimal | None
    sortino: Decimal | None
    average_length_s: Decimal | None
    median_length_s: Decimal | None
    losing_streak: int
    time_in_market: Decimal | None
    open_cycles: int | None


class SymbolFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's figures, and what is left of it in the base asset; `held` is what its open cycles hold.

    `price` is what unrealised PnL was reckoned with, `price_of` says whose it is and `price_at_ns` (UTC) of when.
    """

    symbol: str
    base_asset: str
    figures: Figures
    dust: Decimal
    held: Decimal | None
    price: Decimal | None
    price_of: str | None
    price_at_ns: int | None


class DayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What ended on one day; `realised_pnl_total` is the sum to the end of the day, `day` is UTC: 2024-05-01."""

    day: str
    cycles: int
    wins: int
    realised_pnl: Decimal
    realised_pnl_total: Decimal
    turnover: Decimal
    fees: dict[str, Decimal]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """All symbols of one quote asset: amounts of two assets are never added up."""

    quote_asset: str
    figures: Figures
    dust: dict[str, Decimal]
    symbols: tuple[SymbolFigures, ...]
    days: tuple[DayFigures, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report. `since_ns` and `until_ns` are what was asked for, `from_ns` and `to_ns` what there is."""

    account: str
    version: str
    source: str
    made_at_ns: int
    since_ns: int | None
    until_ns: int | None
    from_ns: int | None
    to_ns: int | None
    blocks: tuple[Block, ...]

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to report."""
        return not self.blocks
