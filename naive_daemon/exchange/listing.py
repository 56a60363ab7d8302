"""Which symbols there are, and their filters, as the configuration says: a file, Binance itself, or a built-in list."""

from collections.abc import Mapping

from naive_daemon.clock import Clock
from naive_daemon.config import Config
from naive_daemon.config.exchange import BINANCE
from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.information import read_exchange_information
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS

KEPT_S = 3_600.0
"""For so long a command takes Binance's list as it was asked for last."""


def list_instruments(config: Config, clock: Clock, *, kept_s: float = 0.0) -> Mapping[str, Instrument]:
    """Give what is listed where the configured market and exchange are; `kept_s` as of `fetch_exchange_information`.

    Raises ConfigError for a file that can not be read, UnreachableError when Binance can not be reached.
    """
    if config.exchange.exchange_info is not None:
        return read_exchange_information(config.exchange.exchange_info)
    if BINANCE not in (config.market.feed, config.exchange.name):
        return GENERATED_INSTRUMENTS
    from naive_daemon.exchange.binance.exchange_info import fetch_exchange_information  # noqa: PLC0415 - HTTP is slow to load

    return fetch_exchange_information(config, clock, fresh_s=kept_s)


def check_market(config: Config) -> None:
    """Refuse orders on a real exchange that a generated or a recorded market would decide on; raises ConfigError."""
    if config.exchange.name == BINANCE and config.market.feed != BINANCE:
        raise ConfigError(
            f"exchange.name is {BINANCE}, but market.feed is {config.market.feed}: orders on a real exchange need its "
            "own market",
            hint="trade on its market with --feed binance, or on paper with --exchange paper",
        )
    if config.market.feed == BINANCE and config.market.speed != 1:
        raise ConfigError(
            f"market.speed is {config.market.speed}, but {BINANCE}'s live market has its own",
            hint="leave market.speed (--speed) out",
        )
