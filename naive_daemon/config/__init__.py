"""Configuration: what a person may set, where it is read from, and every mistake in it at once."""

from naive_daemon.config.loading import load_config
from naive_daemon.config.model import (
    Config,
    Database,
    Exchange,
    Journal,
    Log,
    Market,
    Redis,
    Supervision,
)

__all__ = ["Config", "Database", "Exchange", "Journal", "Log", "Market", "Redis", "Supervision", "load_config"]
