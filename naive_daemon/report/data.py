"""A report as the one object that `--json` prints: stable names, times in UTC, decimals left to be written exactly."""

from typing import Any

import msgspec

from naive_daemon.clock import to_datetime
from naive_daemon.report.figures import DEFINITIONS, Block, Report, SymbolFigures


def report_data(report: Report) -> dict[str, Any]:
    """Give the object; a figure that is not known is null."""
    return {
        "account": report.account,
        "version": report.version,
        "source": report.source,
        "made_at": _time(report.made_at_ns),
        "since": _time(report.since_ns),
        "until": _time(report.until_ns),
        "from": _time(report.from_ns),
        "to": _time(report.to_ns),
        "blocks": [_block(block) for block in report.blocks],
        "definitions": DEFINITIONS,
    }


def _block(block: Block) -> dict[str, Any]:
    return {
        "quote_asset": block.quote_asset,
        "figures": block.figures,
        "dust": block.dust,
        "symbols": [_symbol(symbol) for symbol in block.symbols],
        "days": list(block.days),
    }


def _symbol(symbol: SymbolFigures) -> dict[str, Any]:
    shown = msgspec.structs.asdict(symbol)
    price_at = _time(shown.pop("price_at_ns"))
    return {**shown, "price_at": price_at}


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else to_datetime(time_ns).isoformat()
