"""Makes a report in one pass over cycles, whoever reads them: a journal in PostgreSQL, or that of a backtest."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.report.curve import BlockCurve, SymbolCurve
from naive_daemon.report.figures import Block, DayFigures, Report, SymbolFigures
from naive_daemon.report.tally import DAY_NS, Span, Tally, add_fees
from naive_daemon.report.traded import TradedCycle

_add, _subtract = EXACT.add, EXACT.subtract


class LastPrice(msgspec.Struct, frozen=True):
    """A symbol's last price, when it was (UTC), and `origin`: whose word that is."""

    price: Decimal
    time_ns: int
    origin: str


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above a report: of whom, from where, by which version, when made, and what was asked for (UTC)."""

    account: str
    version: str
    source: str
    made_at_ns: int
    since_ns: int | None = None
    until_ns: int | None = None

    @property
    def is_past(self) -> bool:
        """Say whether what is open now is not of what was asked for."""
        return self.until_ns is not None and self.until_ns <= self.made_at_ns


class Made(NamedTuple):
    """A report, and what its charts are drawn from, by quote asset and by symbol."""

    report: Report
    curves: Mapping[str, BlockCurve]
    symbol_curves: Mapping[str, SymbolCurve]


class ReportMaker:
    """Takes the ended cycles in the order of their ends and the open ones anywhere between; then gives the report.

    A symbol that `instruments` does not have is a block of its own: its assets are not known, and amounts of assets
    that may differ are never added up.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._blocks: dict[str, _BlockSums] = {}
        self._from_ns: int | None = None
        self._to_ns: int | None = None

    def add(self, cycle: TradedCycle) -> None:
        """Take the next cycle."""
        symbol = cycle.key.symbol
        happened = [
            time_ns for time_ns in (cycle.entered_ns, cycle.exited_ns, cycle.finished_ns) if time_ns is not None
        ]
        if happened:
            self._see(min(cycle.started_ns, *happened))
            self._see(max(happened))
        base, quote = assets_of(symbol, self._instruments)
        block = self._blocks.get(quote)
        if block is None:
            block = self._blocks[quote] = _BlockSums()
        block.add(cycle, base)

    def extend(self, cycles: Iterable[TradedCycle]) -> None:
        """Take these cycles."""
        for cycle in cycles:
            self.add(cycle)

    def make(self, heading: Heading, prices: Mapping[str, LastPrice]) -> Made:
        """Give the report. Of a span that ends in the past nothing is told of what is open: that is of now."""
        for last in prices.values():
            self._see(last.time_ns)
        span = self._span(heading)
        blocks = (sums.block(quote, span, prices) for quote, sums in sorted(self._blocks.items()))
        report = Report(
            account=heading.account,
            version=heading.version,
            source=heading.source,
            made_at_ns=heading.made_at_ns,
            since_ns=heading.since_ns,
            until_ns=heading.until_ns,
            from_ns=None if self._from_ns is None else span.from_ns,
            to_ns=None if self._to_ns is None else span.to_ns,
            blocks=tuple(blocks),
        )
        curves = {quote: sums.curve for quote, sums in self._blocks.items()}
        symbols = {name: part.curve for sums in self._blocks.values() for name, part in sums.symbols.items()}
        return Made(report, curves, symbols)

    def _see(self, time_ns: int) -> None:
        self._from_ns = time_ns if self._from_ns is None else min(self._from_ns, time_ns)
        self._to_ns = time_ns if self._to_ns is None else max(self._to_ns, time_ns)

    def _span(self, heading: Heading) -> Span:
        """Give the span: from the first to the last that is known to have happened, within what was asked for."""
        first_ns, last_ns = self._from_ns or 0, self._to_ns or 0
        since_ns, until_ns = heading.since_ns, heading.until_ns
        return Span(
            first_ns if since_ns is None else max(first_ns, since_ns),
            last_ns + 1 if until_ns is None else min(last_ns + 1, until_ns),
            is_past=heading.is_past,
        )


class _Day:
    def __init__(self) -> None:
        self.cycles = self.wins = 0
        self.realised_pnl = self.turnover = ZERO
        self.fees: dict[str, Decimal] = {}

    def add(self, cycle: TradedCycle) -> None:
        self.cycles += cycle.outcome == "completed"
        self.wins += cycle.realised_pnl > 0
        self.realised_pnl = _add(self.realised_pnl, cycle.realised_pnl)
        self.turnover = _add(self.turnover, cycle.turnover)
        add_fees(self.fees, cycle.fees)


class _SymbolSums:
    def __init__(self, symbol: str, base_asset: str) -> None:
        self.curve = SymbolCurve()
        self.tally = Tally()
        self.dust = ZERO
        self.opened: list[TradedCycle] = []
        self._symbol = symbol
        self._base_asset = base_asset

    def add(self, cycle: TradedCycle) -> None:
        self.curve.add(cycle)
        if cycle.finished_ns is None:
            self.opened.append(cycle)
        else:
            self.dust = _add(self.dust, _subtract(cycle.dust_base, cycle.dust_in))
            self.tally.add(cycle)

    def symbol(self, quote_asset: str, span: Span, last: LastPrice | None) -> SymbolFigures:
        for cycle in self.opened:
            self.tally.add_open(cycle, span.to_ns)
        held = total(cycle.held(self._base_asset) for cycle in self.opened)
        return SymbolFigures(
            symbol=self._symbol,
            base_asset=self._base_asset,
            figures=self.tally.figures(span, None if span.is_past else self._unrealised_pnl(quote_asset, held, last)),
            dust=self.dust,
            held=None if span.is_past else held,
            price=None if last is None else last.price,
            price_of=None if last is None else last.origin,
            price_at_ns=None if last is None else last.time_ns,
        )

    def _unrealised_pnl(self, quote_asset: str, held: Decimal, last: LastPrice | None) -> Decimal | None:
        """Give it; where nothing is held, as by buys that wait, no price is needed for that."""
        if last is None and held:
            return None
        price = ZERO if last is None else last.price
        return total(cycle.open_pnl(self._base_asset, quote_asset, price) for cycle in self.opened)


class _BlockSums:
    def __init__(self) -> None:
        self.curve = BlockCurve()
        self.symbols: dict[str, _SymbolSums] = {}
        self._tally = Tally()
        self._days: defaultdict[int, _Day] = defaultdict(_Day)

    def add(self, cycle: TradedCycle, base_asset: str) -> None:
        name = cycle.key.symbol
        symbol = self.symbols.get(name)
        if symbol is None:
            symbol = self.symbols[name] = _SymbolSums(name, base_asset)
        symbol.add(cycle)
        if cycle.finished_ns is not None:
            self._tally.add(cycle)
            self.curve.add(cycle.finished_ns, self._tally.fall)
            self._days[cycle.finished_ns // DAY_NS].add(cycle)

    def block(self, quote_asset: str, span: Span, prices: Mapping[str, LastPrice]) -> Block:
        symbols = tuple(sums.symbol(quote_asset, span, prices.get(name)) for name, sums in sorted(self.symbols.items()))
        dust: dict[str, Decimal] = {}
        for one in symbols:
            add_fees(dust, {one.base_asset: one.dust})
        for sums in self.symbols.values():
            for cycle in sums.opened:
                self._tally.add_open(cycle, span.to_ns)
        return Block(
            quote_asset=quote_asset,
            figures=self._tally.figures(span, None if span.is_past else _total_unrealised(symbols)),
            dust=dict(sorted(dust.items())),
            symbols=symbols,
            days=tuple(self._day_figures()),
        )

    def _day_figures(self) -> Iterable[DayFigures]:
        so_far = ZERO
        for number, day in sorted(self._days.items()):
            so_far = _add(so_far, day.realised_pnl)
            yield DayFigures(
                day=datetime.fromtimestamp(number * DAY_NS // NS_PER_S, UTC).date().isoformat(),
                cycles=day.cycles,
                wins=day.wins,
                realised_pnl=day.realised_pnl,
                realised_pnl_total=so_far,
                turnover=day.turnover,
                fees=dict(sorted(day.fees.items())),
            )


def assets_of(symbol: str, instruments: Mapping[str, Instrument]) -> tuple[str, str]:
    """Name the base and the quote asset; those of an unknown symbol after the symbol itself."""
    instrument = instruments.get(symbol)
    if instrument is None:
        return f"base of {symbol}", f"quote of {symbol}"
    return instrument.base_asset, instrument.quote_asset


def _total_unrealised(symbols: Iterable[SymbolFigures]) -> Decimal | None:
    """Add up; what is not known of one symbol that has open cycles is not known of all."""
    listed = list(symbols)
    if any(one.figures.open_cycles and one.figures.unrealised_pnl is None for one in listed):
        return None
    return total(one.figures.unrealised_pnl or ZERO for one in listed)
