"""What the audits of a trial see: agreement is nothing to tell, and each kind of trouble is told."""

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import redis

from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.metadata_document import encode, key_of
from naive_daemon.cache.cache import STATE
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.position import Position, PositionFill
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.strategy.protocol import Position as TraderPosition
from tests.e2e.books import Books, Row
from tests.state.cache_audit import cache_differences
from tests.state.continuity import steps_back

KEY = CycleKey("main", "AAAUSDT", 1, 7)
TRADER = "trader:main:AAAUSDT:1"
NAME = "o1"
ORDER: Row = {
    "client_order_id": NAME,
    "symbol": "AAAUSDT",
    "trader": 1,
    "cycle": 7,
    "side": "BUY",
    "attempt": 1,
    "price": Decimal(2),
    "quantity": Decimal(10),
    "filled": Decimal(4),
    "filled_quote": Decimal(8),
    "status": "partly_filled",
    "exchange_order_id": "9",
}
FILL: Row = {
    "client_order_id": NAME,
    "symbol": "AAAUSDT",
    "trade_id": "5",
    "side": "BUY",
    "price": Decimal(2),
    "quantity": Decimal(4),
    "commission": Decimal("0.5"),
    "commission_asset": "AAA",
}
CYCLE: Row = {
    "symbol": "AAAUSDT",
    "trader": 1,
    "cycle": 7,
    "budget": Decimal(100),
    "fee": Decimal("0.001"),
    "started_ns": 1,
    "rebuy_reported": True,
    "outcome": None,
}


def books(order: Row = ORDER, fill: Row = FILL, cycle: Row = CYCLE, *, owner: str = "aaaaaa") -> Books:
    """Give books that hold one order with one fill, in one open cycle."""
    return cast("Books", SimpleNamespace(account="main", owner=owner, orders=[order], fills=[fill], cycles=[cycle]))


def empty() -> Books:
    return cast("Books", SimpleNamespace(account="main", owner="aaaaaa", orders=[], fills=[], cycles=[]))


def test_what_stays_or_goes_on_is_no_step_back() -> None:
    assert steps_back(books(), books()) == []
    ended = dict.fromkeys(("bought", "sold", "fees", "realised_pnl", "dust_base", "finished_ns"))
    later = books(ORDER | {"status": "filled", "filled": Decimal(10)}, cycle=CYCLE | ended | {"outcome": "completed"})
    assert steps_back(books(), later) == []
    assert steps_back(empty(), books()) == []


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (empty(), ["is lost", "and is None", "is lost"]),
        (books(ORDER | {"quantity": Decimal(11)}), ["quantity was 10, and is 11"]),
        (books(ORDER | {"filled": Decimal(3)}), ["had filled 4, and now 3"]),
        (books(fill=FILL | {"price": Decimal(3)}), ["fill"]),
        (books(cycle=CYCLE | {"rebuy_reported": False}), ["has forgotten that it reported its rebuy"]),
        (books(cycle=CYCLE | {"budget": Decimal(1)}), ["budget was 100, and is 1"]),
    ],
)
def test_a_step_back_is_told(after: Books, told: list[str]) -> None:
    lines = steps_back(books(), after)
    assert all(words in line for words, line in zip(told, lines, strict=True)), lines


def test_what_has_ended_does_not_live_again() -> None:
    over = ORDER | {"status": "cancelled"}
    assert len(steps_back(books(over), books())) == 1


# Cache ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def owner(redis_url: str) -> Iterator[str]:
    """Give an owner of its own, whose keys are removed."""
    name = uuid.uuid4().hex[:6]
    yield name
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"naive:{name}:*"):
            client.delete(key)


@pytest.fixture
def database(redis_url: str, owner: str) -> Iterator[RedisCacheDatabase]:
    """Give a cache that holds what the books do."""
    made = RedisCacheDatabase(RedisCacheConfig.from_url(redis_url, trader=owner))
    fill = OrderFilled(
        account="main", symbol="AAAUSDT", client_order_id=NAME, exchange_order_id="9", trade_id="5", price=Decimal(2),
        quantity=Decimal(4), commission=Decimal("0.5"), commission_asset="AAA", time_ns=2,
    )  # fmt: skip
    order = Order(
        client_order_id=NAME, key=KEY, leg=Leg(Side.BUY, 1), price=Decimal(2), quantity=Decimal(10), created_ns=1,
        updated_ns=1,
    ).apply(fill)  # fmt: skip
    assert order.status is OrderStatus.PARTLY_FILLED
    position = Position(position_id=str(KEY), account="main", symbol="AAAUSDT", base_asset="AAA")
    cycle = Cycle(
        key=KEY, budget=Decimal(100), fee=Decimal("0.001"), settings=TradeSettings(), started_ns=1, rebuy_reported=True
    )
    made.add_order(order, str(KEY))
    made.add_position(position.apply(PositionFill(Side.BUY, fill)))
    write_trader(made, TraderPosition(cycle=cycle, orders=(order,)))
    write_metadata(made, entries=1)
    yield made
    made.close()


def write_trader(database: RedisCacheDatabase, position: TraderPosition) -> None:
    database.update_strategy(TRADER, {STATE: database.encoding.encode(position)}, durable=True)


def write_metadata(database: RedisCacheDatabase, entries: int) -> None:
    database.add(key_of("main"), encode("main", {"AAAUSDT": SymbolMetadata(entries_long=entries)}))


def forget_rebuy(database: RedisCacheDatabase) -> None:
    position = database.encoding.decode(database.load_strategy(TRADER)[STATE], TraderPosition, TRADER)
    cycle = msgspec.structs.replace(position.cycle, rebuy_reported=False)
    write_trader(database, msgspec.structs.replace(position, cycle=cycle))


def test_a_cache_that_holds_what_the_journal_does_agrees(
    database: RedisCacheDatabase, redis_url: str, owner: str
) -> None:
    database.heartbeat(1)
    assert cache_differences(books(owner=owner), redis_url) == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda database: database.delete_order(NAME), "and is not in the cache"),
        (lambda database: database.delete_position(str(KEY)), "position main/AAAUSDT/1/7: None in the cache, 3.5"),
        (lambda database: database.delete_strategy(TRADER), "the trader of cycle ('AAAUSDT', 1, 7) is not in"),
        (lambda database: write_metadata(database, 2), "has 1 cycles that hold something, and 2 in the metadata"),
        (forget_rebuy, "does not know its rebuy"),
    ],
)
def test_what_the_cache_lacks_is_told(
    database: RedisCacheDatabase, redis_url: str, owner: str, harm: Callable[[RedisCacheDatabase], Any], told: str
) -> None:
    harm(database)
    database.add("done", b"", durable=True)
    assert told in "\n".join(cache_differences(books(owner=owner), redis_url))


def test_what_is_otherwise_in_the_journal_is_told(database: RedisCacheDatabase, redis_url: str, owner: str) -> None:
    database.add("done", b"", durable=True)
    over = books(ORDER | {"status": "cancelled"}, owner=owner)
    assert "partly_filled, 4 in the cache, cancelled, 4 here" in "\n".join(cache_differences(over, redis_url))
    ended = books(cycle=CYCLE | {"outcome": "completed", "realised_pnl": Decimal(1)}, owner=owner)
    assert "the cycle is not open" in "\n".join(cache_differences(ended, redis_url))
