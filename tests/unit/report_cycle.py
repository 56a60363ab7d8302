"""Cycles as reports see them, made for tests with figures that can be reckoned by hand."""

from decimal import Decimal

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey
from naive_daemon.report.figures import Block
from naive_daemon.report.maker import Heading, LastPrice, Made, ReportMaker
from naive_daemon.report.traded import TradedCycle

START_NS = 1_767_225_600 * NS_PER_S  # 2026-01-01
HOUR_NS = 3_600 * NS_PER_S
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol, base_asset=symbol[:3], quote_asset=symbol[3:], tick_size=Decimal("0.01"), step_size=Decimal(1)
    )
    for symbol in ("BTCUSDT", "ETHUSDT", "ETHBTC")
}
HEADING = Heading(account="main", version="1.2.3", source="From a test", made_at_ns=START_NS + 1_000 * HOUR_NS)


def ended(
    number: int,
    pnl: str,
    *,
    symbol: str = "BTCUSDT",
    trader: int = 1,
    starts_h: int = 0,
    hours: int = 1,
    budget: str = "100",
    fees: dict[str, str] | None = None,
    bought: str = "1",
    outcome: CycleOutcome = CycleOutcome.COMPLETED,
) -> TradedCycle:
    """Give a cycle that bought 1 for 50 half an hour after its start, and sold it at its end."""
    started_ns = START_NS + starts_h * HOUR_NS
    finished_ns = started_ns + hours * HOUR_NS
    quantity = Decimal(bought)
    sold = quantity if outcome is CycleOutcome.COMPLETED else Decimal(0)
    return TradedCycle(
        key=CycleKey("main", symbol, trader, number),
        budget=Decimal(budget),
        started_ns=started_ns,
        entered_ns=started_ns + HOUR_NS // 2 if quantity else None,
        exited_ns=finished_ns if sold else None,
        finished_ns=finished_ns,
        outcome=outcome,
        bought=quantity,
        sold=sold,
        bought_quote=quantity * 50,
        sold_quote=sold * (50 + Decimal(pnl)),
        fees={asset: Decimal(amount) for asset, amount in (fees or {}).items()},
        realised_pnl=Decimal(pnl),
    )


def made(*cycles: TradedCycle, heading: Heading = HEADING, prices: dict[str, LastPrice] | None = None) -> Made:
    """Make the report of these cycles, given in the order of their ends."""
    maker = ReportMaker(INSTRUMENTS)
    maker.extend(cycles)
    return maker.make(heading, prices or {})


def only_block(*cycles: TradedCycle, heading: Heading = HEADING, prices: dict[str, LastPrice] | None = None) -> Block:
    """Give the one block of the report of these cycles."""
    (block,) = made(*cycles, heading=heading, prices=prices).report.blocks
    return block
