"""Arguments of the wrong type or kind are refused by name, by every cache database, and nothing is stored."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from naive_daemon.cache.database import (
    CacheDatabase,
)
from naive_daemon.cache.memory import MemoryCacheDatabase
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.contract.cache_objects import (
    accepted,
    bought,
    filled,
    instrument,
    order,
    position,
)

# Wrong types ----------------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, Callable[[Any], object]]] = [
    ("key", lambda database: database.add(1, b"")),
    ("value", lambda database: database.add("k", "text")),
    ("value", lambda database: database.replace("k", None)),
    ("key", lambda database: database.load_object(b"k")),
    ("key", lambda database: database.delete(None)),
    ("currency", lambda database: database.add_currency("USDT")),
    ("code", lambda database: database.load_currency(None)),
    ("instrument", lambda database: database.add_instrument({})),
    ("symbol", lambda database: database.load_instrument(1)),
    ("synthetic", lambda database: database.add_synthetic(instrument())),
    ("symbol", lambda database: database.load_synthetic(1)),
    ("state", lambda database: database.add_account(order("O"))),
    ("state", lambda database: database.update_account(None)),
    ("account", lambda database: database.load_account(None)),
    ("order", lambda database: database.add_order("O")),
    ("position_id", lambda database: database.add_order(order("O"), position_id=1)),
    ("client_id", lambda database: database.add_order(order("O"), client_id=b"c")),
    ("order", lambda database: database.update_order(position("P"), accepted("O"))),
    ("event", lambda database: database.update_order(order("O"), bought(1))),
    ("client_order_id", lambda database: database.load_order(None)),
    ("client_order_id", lambda database: database.delete_order(order("O"))),
    ("position", lambda database: database.add_position(order("O"))),
    ("fill", lambda database: database.update_position(position("P"), filled("O", 1))),
    ("position_id", lambda database: database.load_position(1)),
    ("position_id", lambda database: database.delete_position(None)),
    ("actor_id", lambda database: database.update_actor(1, {})),
    ("state", lambda database: database.update_actor("a", [])),
    ("a key of state", lambda database: database.update_actor("a", {1: b""})),
    (r"state\['k'\]", lambda database: database.update_actor("a", {"k": "text"})),
    ("actor_id", lambda database: database.load_actor(None)),
    ("actor_id", lambda database: database.delete_actor(None)),
    (r"state\['k'\]", lambda database: database.update_strategy("a", {"k": 1})),
    ("strategy_id", lambda database: database.load_strategy(None)),
    ("strategy_id", lambda database: database.delete_strategy(None)),
    ("venue_order_id", lambda database: database.index_venue_order_id("O", 1)),
    ("position_id", lambda database: database.index_order_position("O", None)),
    ("order", lambda database: database.snapshot_order_state(None)),
    ("client_order_id", lambda database: database.load_order_snapshots(1)),
    ("position", lambda database: database.snapshot_position_state(order("O"), 1)),
    ("ts_snapshot", lambda database: database.snapshot_position_state(position("P"), 1.0)),
    ("ts_snapshot", lambda database: database.snapshot_position_state(position("P"), True)),
    ("unrealized_pnl", lambda database: database.snapshot_position_state(position("P"), 1, 1.5)),
    ("position_id", lambda database: database.load_position_snapshots(1)),
    ("before_ns", lambda database: database.purge("yesterday")),
    ("ts", lambda database: database.heartbeat(1.5)),
    ("pattern", lambda database: database.keys(b"*")),
]


@pytest.mark.parametrize("encoding", ["memory", "redis"])
def test_a_wrong_type_is_an_error_that_names_the_argument(encoding: str, request: pytest.FixtureRequest) -> None:
    if encoding == "memory":
        database: CacheDatabase = MemoryCacheDatabase()
    else:
        config = RedisCacheConfig.from_url(request.getfixturevalue("redis_url"), trader=uuid.uuid4().hex)
        database = RedisCacheDatabase(config)
    for argument, call in WRONG:
        with pytest.raises(TypeError, match=f"^{argument} is an? .*, and not an? "):
            call(database)
    assert database.keys() == []
    database.close()


def test_text_without_a_form_in_bytes_is_refused_by_name(database: CacheDatabase) -> None:
    with pytest.raises(ValueError, match=r"^key has no form in UTF-8"):
        database.add("\ud800", b"")


def test_an_event_of_another_order_is_refused(database: CacheDatabase) -> None:
    database.add_order(order("O-1"))
    with pytest.raises(ValueError, match="O-2"):
        database.update_order(order("O-1"), accepted("O-2"))
