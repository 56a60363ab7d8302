"""Configuration: what a person may set, where it is read from, and every mistake in it at once."""

from naive_daemon.config.endpoint import Endpoint, parse_endpoint
from naive_daemon.config.exchange import Exchange
from naive_daemon.config.loading import load_config
from naive_daemon.config.model import (
    Config,
    Database,
    Journal,
    Log,
    Market,
    Metrics,
    Redis,
    Supervision,
)

__all__ = [
    "Config",
    "Database",
    "Endpoint",
    "Exchange",
    "Journal",
    "Log",
    "Market",
    "Metrics",
    "Redis",
    "Supervision",
    "load_config",
    "parse_endpoint",
]
