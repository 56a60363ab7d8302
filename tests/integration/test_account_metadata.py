"""An account's metadata in a real Redis, through the real cache actor: over restarts, losses and a Redis that dies."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.account.account import Account, AccountQuery, FlushMetadata
from naive_daemon.account.metadata import CycleNoted, EntriesNoted, SymbolMetadata
from naive_daemon.account.metadata_document import decode, encode, key_of
from naive_daemon.account.metadata_keeper import MetadataConfig, MetadataState
from naive_daemon.cache.cache import Cache
from naive_daemon.clock import WallClock
from naive_daemon.execution.client import AskBalances
from naive_daemon.execution.journal_messages import LoadAccount, LoadRisk
from naive_daemon.execution.journal_store import AccountJournal, RiskJournal
from naive_daemon.otp import ActorSystem, ChildSpec, Strategy, Supervisor
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.integration.redis_server import RedisServer, opened, running, until
from tests.trading.recorder import Recorder

ACCOUNT = "main"
KEY = key_of(ACCOUNT)
OPENED_NS = 1_764_302_400_123_456_789
PATIENT = {"wait_s": 2.0, "connect_timeout_s": 1.0}
QUICK = MetadataConfig(debounce_s=0.02, retry_first_s=0.05, retry_max_s=0.2, restore_timeout_s=1.0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path / "redis") as server:
        yield server


class Part:
    """The cache and the account of a daemon, on threads; journal and exchange have nothing."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.system = ActorSystem.live(WallClock(), threads=2)
        journal = AccountJournal(live_orders=(), totals=(), commissions={}, orders_count=0, fills_count=0)
        risk = RiskJournal(open_cycle_orders=(), realised_pnl={})
        self.system.start(Recorder({LoadAccount: lambda _: journal, LoadRisk: lambda _: risk}), names.JOURNAL)
        self.system.start(Recorder({AskBalances: lambda _: ()}), names.client(ACCOUNT))
        children = [
            ChildSpec(id="cache", start=lambda: Cache(self._database()), name=names.CACHE),
            ChildSpec(id="account", start=lambda: Account(ACCOUNT, {}, QUICK), name=names.account(ACCOUNT)),
        ]
        self.top = self.system.start(Supervisor(children, strategy=Strategy.REST_FOR_ONE))

    def _database(self) -> RedisCacheDatabase:
        return RedisCacheDatabase(RedisCacheConfig.from_url(self._url, trader="test", **PATIENT))

    def note(self, symbol: str, entries: int) -> None:
        self.system.tell(names.account(ACCOUNT), EntriesNoted(symbol, entries, 0, OPENED_NS))

    def view(self) -> Any:
        return self.system.ask(names.account(ACCOUNT), AccountQuery(), 10)

    def flush(self) -> bool:
        return bool(self.system.ask(names.account(ACCOUNT), FlushMetadata(), 10))

    def end(self) -> None:
        assert self.system.terminate(self.top, 20) is not None
        self.system.stop()


@pytest.fixture
def part(server: RedisServer) -> Iterator[Part]:
    part = Part(server.url)
    yield part
    part.end()


def kept(server: RedisServer) -> dict[str, SymbolMetadata]:
    with opened(server.url, trader="test") as database:
        value = database.load_object(KEY)
    return {} if value is None else decode(ACCOUNT, value)


def entries(count: int) -> SymbolMetadata:
    return SymbolMetadata(entries_long=count, opened_ns=OPENED_NS)


def test_it_comes_back_to_the_last_digit_and_the_value_before_stays_beside_it(server: RedisServer) -> None:
    first = Part(server.url)
    first.note("AAAQ", 1)
    assert first.flush()
    first.system.tell(names.account(ACCOUNT), CycleNoted("AAAQ", Decimal("0.10"), Decimal("-0.000000000000000001")))
    assert first.flush()
    first.end()
    second = Part(server.url)
    whole = SymbolMetadata(
        entries_long=1,
        opened_ns=OPENED_NS,
        last_closed_price=Decimal("0.10"),
        last_cycle_profit=Decimal("-0.000000000000000001"),
    )
    assert second.view().metadata == {"AAAQ": whole}
    second.end()
    with opened(server.url, trader="test") as database:
        assert decode(ACCOUNT, database.load_object(KEY, previous=True) or b"") == {"AAAQ": entries(1)}


def test_a_redis_that_dies_costs_nothing_that_was_noted(server: RedisServer, part: Part) -> None:
    part.note("AAAQ", 1)
    assert part.flush()
    server.kill()
    part.note("AAAQ", 2)
    part.note("BBBQ", 3)
    until(lambda: part.view().metadata_health.trouble)
    assert part.view().metadata_health.is_pending
    server.start()
    until(lambda: not part.view().metadata_health.is_pending)
    assert kept(server) == {"AAAQ": entries(2), "BBBQ": entries(3)}


def test_a_redis_that_is_away_at_the_start_is_read_when_it_is_there_and_overwritten_by_nothing_older(
    server: RedisServer,
) -> None:
    with opened(server.url, trader="test") as database:
        database.replace(KEY, encode(ACCOUNT, {"AAAQ": entries(7), "BBBQ": entries(8)}), durable=True)
    server.kill()
    part = Part(server.url)
    try:
        assert part.view().metadata_health.state is MetadataState.AWAY
        part.note("AAAQ", 1)
        assert part.view().metadata == {"AAAQ": entries(1)}
        server.start()
        until(lambda: part.view().metadata_health.state is MetadataState.RESTORED)
        merged = {"AAAQ": entries(1), "BBBQ": entries(8)}
        assert part.view().metadata == merged
        until(lambda: not part.view().metadata_health.is_pending)
        assert kept(server) == merged
    finally:
        part.end()


def test_a_redis_that_was_emptied_is_told_again(server: RedisServer, part: Part) -> None:
    part.note("AAAQ", 1)
    assert part.flush()
    server.do("FLUSHALL")
    until(lambda: kept(server) == {"AAAQ": entries(1)})


def test_a_value_that_can_not_be_read_stays(server: RedisServer) -> None:
    with opened(server.url, trader="test") as database:
        database.add(KEY, b"\xc1", durable=True)
    part = Part(server.url)
    part.note("AAAQ", 1)
    assert not part.flush()
    assert part.view().metadata_health.state is MetadataState.UNREADABLE
    part.end()
    with opened(server.url, trader="test") as database:
        assert database.load_object(KEY) == b"\xc1"


def test_a_key_that_holds_something_else_stays(server: RedisServer) -> None:
    with opened(server.url, trader="test") as database:
        database.add(KEY, b"", durable=True)
        (name,) = (key.decode() for key in server.do("KEYS", f"*{KEY}"))
    server.do("DEL", name)
    server.do("RPUSH", name, "somebody's")
    part = Part(server.url)
    part.note("AAAQ", 1)
    assert not part.flush()
    health = part.view().metadata_health
    assert health.state is not MetadataState.RESTORED
    assert KEY in (health.trouble or "")
    part.end()
    assert server.do("TYPE", name) == b"list"
