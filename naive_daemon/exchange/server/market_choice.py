"""Where the trades come from: the choice of `--market`, and the source that it means. Owned by the server."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from naive_daemon.clock import Clock
from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.server.listing import read_instruments
from naive_daemon.market.generated_instruments import market_listing
from naive_daemon.market.generated_source import GeneratedSource
from naive_daemon.market.recorded_source import RecordedSource
from naive_daemon.market.recording import Recording
from naive_daemon.market.source import MarketSource

GENERATED = "generated"
CLIENTS = "clients"


class MarketChoice(NamedTuple):
    """`kind` is `generated`, `clients` (their orders meet each other), or the path of a recorded file.

    `speed` divides the time between trades, None plays as fast as the machine can.
    """

    kind: str = GENERATED
    speed: Decimal | None = Decimal(1)
    symbols: tuple[str, ...] = ()
    exchange_info: Path | None = None
    seed: int = 1
    trades_per_s: int = 20


class Market(NamedTuple):
    """What is listed, and what plays it; nothing plays a market of clients."""

    instruments: Mapping[str, Instrument]
    source: MarketSource | None


def open_market(choice: MarketChoice, clock: Clock, folder: Path) -> Market:
    """Open the market that was chosen; raises ConfigError or RecordingError for a file that can not be used."""
    if choice.kind not in (GENERATED, CLIENTS):
        return _recorded(choice)
    instruments = read_instruments(choice.exchange_info, choice.symbols)
    if choice.kind == CLIENTS:
        return Market(instruments, None)
    source = GeneratedSource(
        {symbol: market_listing(instrument) for symbol, instrument in instruments.items()},
        seed=choice.seed,
        trades_per_second=choice.trades_per_s,
        speed=choice.speed,
        clock=clock,
        path=folder / "market.json",
    )
    return Market(instruments, source)


def _recorded(choice: MarketChoice) -> Market:
    recording = Recording(choice.kind, choice.symbols[0] if len(choice.symbols) == 1 else None)
    if choice.symbols and recording.symbol not in choice.symbols:
        raise ConfigError(
            f"the recording is of {recording.symbol}, which is not to be listed", hint="name it with --symbol"
        )
    instruments = read_instruments(choice.exchange_info, choice.symbols or (recording.symbol,))
    return Market(instruments, RecordedSource(recording, choice.speed))
