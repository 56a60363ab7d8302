"""The figures of a group of cycles as labelled rows, the same in a terminal and on a page."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from naive_daemon.domain.money import plain
from naive_daemon.report import rounding
from naive_daemon.report.figures import Figures, Report


class Row(NamedTuple):
    """One figure: its name in JSON, a label, its exact value as text (empty for not known), and what people read."""

    name: str
    label: str
    exact: str
    number: str
    unit: str = ""

    @property
    def shown(self) -> str:
        """The number with its unit."""
        return f"{self.number} {self.unit}" if self.unit else self.number


def figure_rows(figures: Figures, dust: Mapping[str, Decimal], quote: str, places: int) -> list[Row]:
    """Give every figure, in the order in which they are read; money is rounded to `places` decimals."""

    def gain(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.signed(value, places), _unit(value, quote))

    def money(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.money(value, places), _unit(value, quote))

    def amount(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.amount(value), _unit(value, quote))

    def share(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.percentage(value))

    def ratio(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.figure(value))

    def length(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.length(value))

    def count(name: str, label: str) -> Row:
        value = getattr(figures, name)
        return Row(name, label, _exact(value), rounding.NOT_KNOWN if value is None else f"{value:,}")

    return [
        gain("realised_pnl", "Realised PnL"),
        gain("unrealised_pnl", "Unrealised PnL"),
        Row("fees", "Fees", _exact(figures.fees), rounding.amounts(figures.fees)),
        count("cycles", "Cycles"),
        count("abandoned", "Abandoned cycles"),
        count("open_cycles", "Open cycles"),
        count("wins", "Cycles with a gain"),
        count("losses", "Cycles with a loss"),
        share("win_rate", "Win rate"),
        gain("average_pnl", "Average cycle"),
        gain("median_pnl", "Median cycle"),
        gain("best_pnl", "Best cycle"),
        gain("worst_pnl", "Worst cycle"),
        money("gross_profit", "Sum of gains"),
        money("gross_loss", "Sum of losses"),
        ratio("profit_factor", "Profit factor"),
        money("max_drawdown", "Maximum drawdown"),
        share("max_drawdown_share", "Maximum drawdown, share"),
        ratio("sharpe", "Sharpe ratio, annual"),
        ratio("sortino", "Sortino ratio, annual"),
        count("losing_streak", "Longest losing streak"),
        length("average_length_s", "Average length of a cycle"),
        length("median_length_s", "Median length of a cycle"),
        share("time_in_market", "Time in market"),
        amount("turnover", "Turnover"),
        amount("capital", "Capital employed"),
        Row("dust", "Dust", _exact(dust), rounding.amounts(dust)),
    ]


def span_line(report: Report) -> str:
    """Say from when to when a report goes, and which part of that was asked for."""
    asked = [
        f"{word} {rounding.moment(time_ns)}"
        for word, time_ns in (("since", report.since_ns), ("until", report.until_ns))
        if time_ns is not None
    ]
    wanted = ", ".join(asked)
    if report.from_ns is None:
        return wanted or "since the beginning"
    span = f"{rounding.moment(report.from_ns)} to {rounding.moment(report.to_ns)}"
    return f"{span} (asked for: {wanted})" if asked else span


def price_lines(report: Report) -> list[str]:
    """Say of each symbol that holds something whose price its unrealised PnL was reckoned with, and of when."""
    return [
        f"{one.symbol}: {plain(one.price)} {block.quote_asset}, {one.price_of}, {rounding.moment(one.price_at_ns)}"
        if one.price is not None
        else f"{one.symbol}: no price is known"
        for block in report.blocks
        for one in block.symbols
        if one.figures.open_cycles and one.held
    ]


def _exact(value: Decimal | int | Mapping[str, Decimal] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(amount)} {asset}" for asset, amount in value.items())
    return plain(value) if isinstance(value, Decimal) else str(value)


def _unit(value: Decimal | None, quote: str) -> str:
    return "" if value is None else quote
