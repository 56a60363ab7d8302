"""Where Binance is: the URLs of its networks, or those that the operator gives instead.

Invariant: an account is never traded at a place that nobody named. Market data may come from mainnet by default, since
reading it risks nothing.
"""

from urllib.parse import urlsplit

import msgspec

from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs without a slash at their end; the one of the WebSocket API is whole."""

    rest_url: str
    ws_api_url: str
    stream_url: str


NETWORKS = {
    "mainnet": Endpoints(
        rest_url="https://api.binance.com",
        ws_api_url="wss://ws-api.binance.com:443/ws-api/v3",
        stream_url="wss://stream.binance.com:9443",
    ),
    "testnet": Endpoints(
        rest_url="https://testnet.binance.vision",
        ws_api_url="wss://ws-api.testnet.binance.vision/ws-api/v3",
        stream_url="wss://stream.testnet.binance.vision",
    ),
}
"""Binance Spot API, "General API Information", "WebSocket API" and "Spot Test Network"."""


def account_endpoints(config: Binance) -> Endpoints:
    """Give the URLs at which an account is traded.

    Raises ConfigError when neither a network nor all three URLs are named.
    """
    if config.network is not None:
        return _overridden(NETWORKS[config.network], config)
    missing = [key for key in ("rest_url", "ws_api_url", "stream_url") if getattr(config, key) is None]
    if missing:
        raise ConfigError(
            f"exchange.binance.network is not set, and neither is {_listed(missing)}",
            hint="set exchange.binance.network to mainnet (real money) or testnet, or give rest_url, ws_api_url and "
            "stream_url",
        )
    return _overridden(NETWORKS["mainnet"], config)


def market_endpoints(config: Binance) -> Endpoints:
    """Give the URLs from which market data is read: mainnet's, unless others are named.

    Raises ConfigError for one that is named without the other: what is listed and what trades are of one exchange.
    """
    missing = [key for key in ("rest_url", "stream_url") if getattr(config, key) is None]
    if config.network is None and len(missing) == 1:
        raise ConfigError(f"{_listed(missing)} is not set, though the other one is", hint="give both, or a network")
    return _overridden(NETWORKS[config.network or "mainnet"], config)


def venue_name(config: Binance) -> str:
    """Name the place where an account is traded, by its network or else by its host; never by a port, which changes."""
    if config.rest_url is None:
        return f"binance {config.network}"
    return f"binance at {urlsplit(config.rest_url).hostname}"


def address(url: str) -> str:
    """Give host and port of a URL, as an error names it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _overridden(network: Endpoints, config: Binance) -> Endpoints:
    return Endpoints(
        rest_url=(config.rest_url or network.rest_url).rstrip("/"),
        ws_api_url=(config.ws_api_url or network.ws_api_url).rstrip("/"),
        stream_url=(config.stream_url or network.stream_url).rstrip("/"),
    )


def _listed(keys: list[str]) -> str:
    *first, last = [f"exchange.binance.{key}" for key in keys]
    return f"{', '.join(first)} or {last}" if first else last
