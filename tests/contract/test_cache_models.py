"""Any sequence of writes leaves the cache database in Redis as it leaves the one in memory."""

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from naive_daemon.cache.database import CacheDatabase, Integrity
from naive_daemon.cache.memory import MemoryCacheDatabase
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.contract.cache_objects import (
    NOW_NS,
    accepted,
    account_state,
    bought,
    cancelled,
    filled,
    order,
    position,
    rejected,
    sold,
)

if TYPE_CHECKING:
    from naive_daemon.domain.order import Order
    from naive_daemon.domain.position import Position

NAMES = st.sampled_from(["O-1", "O:2", "ключ"])
FIELDS = st.dictionaries(st.sampled_from(["state", "x"]), st.binary(max_size=4))


class TwoDatabases(RuleBasedStateMachine):
    """Does everything to both, and compares all that can be loaded."""

    encoding: Any = "msgpack"
    redis_url = ""

    def __init__(self) -> None:
        super().__init__()
        config = RedisCacheConfig.from_url(
            self.redis_url, trader=uuid.uuid4().hex, encoding=self.encoding, wait_s=30.0, batch_max=3
        )
        self.both: tuple[CacheDatabase, CacheDatabase] = (
            MemoryCacheDatabase(self.encoding),
            RedisCacheDatabase(config),
        )
        self.orders: dict[str, Order] = {}
        self.positions: dict[str, Position] = {}
        self.time_ns = NOW_NS

    def do(self, name: str, *arguments: object, **named: object) -> None:
        found = [getattr(database, name)(*arguments, **named) for database in self.both]
        assert found[0] == found[1]

    @rule(key=NAMES, value=st.binary(max_size=8), kind=st.sampled_from(["add", "replace"]))
    def put(self, key: str, value: bytes, kind: str) -> None:
        self.do(kind, key, value)

    @rule(key=NAMES)
    def delete(self, key: str) -> None:
        self.do("delete", key)

    @rule(name=NAMES, place=st.none() | NAMES, client=st.none() | NAMES)
    def add_order(self, name: str, place: str | None, client: str | None) -> None:
        self.orders[name] = order(name, self.time_ns)
        self.do("add_order", self.orders[name], place, client)

    @rule(name=NAMES, kind=st.sampled_from(["accepted", "filled", "cancelled", "rejected"]))
    def update_order(self, name: str, kind: str) -> None:
        """Tell what changes the order, also of one that was deleted."""
        before = self.orders.get(name, order(name))
        self.time_ns += 1
        event: Any = {
            "accepted": accepted(name, self.time_ns),
            "filled": filled(name, len(before.trade_ids), at_ns=self.time_ns),
            "cancelled": cancelled(name, self.time_ns),
            "rejected": rejected(name, self.time_ns),
        }[kind]
        after = before.apply(event)
        if after is before:
            return
        if name in self.orders:
            self.orders[name] = after
        self.do("update_order", after, event)

    @rule(name=NAMES)
    def delete_order(self, name: str) -> None:
        self.orders.pop(name, None)
        self.do("delete_order", name)

    @rule(name=NAMES, other=NAMES, kind=st.sampled_from(["index_venue_order_id", "index_order_position"]))
    def note(self, name: str, other: str, kind: str) -> None:
        self.do(kind, name, other)

    @rule(name=NAMES)
    def snapshot(self, name: str) -> None:
        self.do("snapshot_order_state", self.orders.get(name, order(name)))
        self.do("snapshot_position_state", self.positions.get(name, position(name)), self.time_ns)

    @rule(name=NAMES)
    def add_position(self, name: str) -> None:
        self.positions[name] = position(name)
        self.do("add_position", self.positions[name])

    @rule(name=NAMES, buys=st.booleans())
    def update_position(self, name: str, buys: bool) -> None:
        before = self.positions.get(name, position(name))
        fill = (bought if buys or not before.quantity else sold)(len(before.fill_ids))
        if name in self.positions:
            self.positions[name] = before.apply(fill)
        self.do("update_position", before.apply(fill), fill)

    @rule(name=NAMES)
    def delete_position(self, name: str) -> None:
        self.positions.pop(name, None)
        self.do("delete_position", name)

    @rule(account=NAMES, begins=st.booleans())
    def account(self, account: str, begins: bool) -> None:
        self.time_ns += 1
        self.do("add_account" if begins else "update_account", account_state(self.time_ns, account))

    @rule(name=NAMES, fields=FIELDS, kind=st.sampled_from(["actor", "strategy"]))
    def state(self, name: str, fields: dict[str, bytes], kind: str) -> None:
        self.do(f"update_{kind}", name, fields)

    @rule(name=NAMES, kind=st.sampled_from(["actor", "strategy"]))
    def delete_state(self, name: str, kind: str) -> None:
        self.do(f"delete_{kind}", name)

    @rule(back_ns=st.integers(-1, 20))
    def purge(self, back_ns: int) -> None:
        self.do("purge", self.time_ns - back_ns)
        remaining = self.both[0].load_orders()
        self.orders = {name: one for name, one in self.orders.items() if name in remaining}
        held = self.both[0].load_positions()
        self.positions = {name: one for name, one in self.positions.items() if name in held}

    @rule(keep=st.booleans())
    def flush(self, keep: bool) -> None:
        self.orders.clear()
        self.positions.clear()
        self.do("flush", keep_general=keep)

    @invariant()
    def all_that_can_be_loaded_is_the_same(self) -> None:
        for load in (
            "keys",
            "load",
            "load_orders",
            "load_positions",
            "load_accounts",
            "load_strategies",
            "load_index_orders_open",
            "load_index_orders_closed",
            "load_index_orders_in_flight",
            "load_index_positions_open",
            "load_index_positions_closed",
            "load_index_venue_order_id",
            "load_index_order_position",
            "load_index_order_client",
        ):
            self.do(load)
        memory = self.both[0]
        assert memory.load_orders() == dict(sorted(self.orders.items()))
        assert memory.load_positions() == dict(sorted(self.positions.items()))
        for name in ("O-1", "O:2", "ключ"):
            self.do("load_actor", name)
            self.do("load_object", name, previous=True)
            self.do("load_order_snapshots", name)
            self.do("load_position_snapshots", name)

    @invariant()
    def indexes_and_objects_fit_together(self) -> None:
        assert self.both[1].check_integrity() == Integrity()

    def teardown(self) -> None:
        self.both[1].flush()
        for database in self.both:
            database.close()


@pytest.fixture(params=["msgpack", "json"])
def machine(request: pytest.FixtureRequest, redis_url: str) -> Iterator[type[TwoDatabases]]:
    return type("TwoDatabases", (TwoDatabases,), {"encoding": request.param, "redis_url": redis_url})


def test_redis_does_what_memory_does(machine: type[TwoDatabases]) -> None:
    chosen = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=chosen)
