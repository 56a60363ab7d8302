"""Where a benchmark trades: a local exchange in a process of its own, and a PostgreSQL for the journal."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec
from pydantic import SecretStr

from naive_daemon.clock import WallClock
from naive_daemon.config.exchange import Binance
from naive_daemon.exchange.binance.gateway import Gateway, open_gateway
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.storage.postgres import migrate
from tests.exchange.local_exchange import LocalExchange

ACCOUNT = "main"


class Place(msgspec.Struct):
    """A local exchange and a key of its first account, for another process; `owner` is the mark in its orders' ids.

    Without a database its journal is in memory; `logs`: it logs as the daemon does, to nobody.
    """

    rest_url: str
    ws_api_url: str
    stream_url: str
    api_key: str
    api_secret: str
    owner: str
    database_url: str | None = None
    logs: bool = False

    @classmethod
    def of(cls, served: LocalExchange, owner: str, database_url: str | None = None, *, logs: bool = False) -> Self:
        """Say where an exchange is that runs."""
        return cls(
            served.rest_url,
            served.ws_api_url,
            served.stream_url,
            served.api_key,
            served.api_secret,
            owner,
            database_url,
            logs,
        )

    def config(self) -> Binance:
        """Give the same as the daemon's configuration has it."""
        return Binance(
            rest_url=self.rest_url,
            ws_api_url=self.ws_api_url,
            stream_url=self.stream_url,
            api_key=SecretStr(self.api_key),
            api_secret=SecretStr(self.api_secret),
        )

    def gateway(self) -> Gateway:
        """Make our gateway to it, not started yet."""
        return open_gateway(ACCOUNT, self.config(), dict(GENERATED_INSTRUMENTS), WallClock(), random.Random(1))


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL with the schema; gives its URL."""
    server = EmbeddedPostgres(folder)
    try:
        url = server.start()
        migrate.upgrade(url)
        yield url
    finally:
        server.stop()


@contextmanager
def exchange(folder: Path, *symbols: str) -> Iterator[LocalExchange]:
    """Start a local exchange without limits, on which only its clients trade."""
    listed = [option for symbol in symbols for option in ("--symbol", symbol)]
    with LocalExchange(folder, "--fill-model", "through", *listed, market="clients") as served:
        yield served
