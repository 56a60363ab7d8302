"""How Postgres and Redis of the simulation fail: each way does what it says, and nothing else."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from naive_daemon.cache.database import (
    CacheAwayError,
    CacheClosedError,
    CacheCorruptError,
    CacheDatabase,
    CacheFullError,
    CacheHealth,
)
from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import JournalStore, OrderRecorded
from tests.contract.doubles import EVERY_OTHER
from tests.simulation.life import GoneError
from tests.simulation.odds import Fault
from tests.simulation.outside import Outside, fault
from tests.simulation.stores.outages import POSTGRES, REDIS


def order(name: str = "nd-1", leg: Leg | None = None) -> Order:
    key = CycleKey("main", "AAAQ", 1, 1)
    return Order(
        client_order_id=name,
        key=key,
        leg=leg or Leg(Side.BUY),
        price=Decimal(1),
        quantity=Decimal(1),
        created_ns=1,
    )


BATCH = (OrderRecorded(order()), OrderRecorded(order("nd-2", Leg(Side.SELL))))


# The journal ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error", "written"),
    [
        ("refused", TransientError, 0),
        ("commit unanswered", TransientError, 2),
        ("crash", PermanentError, 0),
        ("crash after", PermanentError, 2),
        ("death before", GoneError, 0),
        ("death after", GoneError, 2),
    ],
)
def test_a_commit_that_fails_is_there_whole_or_not_at_all(kind: str, error: type[Exception], written: int) -> None:
    outside = Outside(fault(kind, "journal.write"))
    with pytest.raises(error):
        outside.journal().write(BATCH)
    assert (len(outside.books.orders()), len(outside.told)) == (written, written)
    assert outside.life.is_over == kind.startswith("death")
    outside.restart()
    outside.journal().write(BATCH)
    assert outside.books.orders() == (order(), order("nd-2", Leg(Side.SELL)))


JOURNAL_CALLS: dict[str, tuple[str, Callable[[JournalStore], object]]] = {
    "load_symbol": ("journal.load", lambda journal: journal.load_symbol("main", "AAAQ")),
    "load_symbols": ("journal.load", lambda journal: journal.load_symbols([("main", "AAAQ")])),
    "load_cycle": ("journal.load", lambda journal: journal.load_cycle(order().key)),
    "load_cycles": ("journal.load", lambda journal: journal.load_cycles([order().key])),
    "load_orders": ("journal.load", lambda journal: journal.load_orders(["nd-1"])),
    "load_account": ("journal.load", lambda journal: journal.load_account("main")),
    "load_risk": ("journal.load", lambda journal: journal.load_risk("main", 0, 0)),
    "write": ("journal.write", lambda journal: journal.write(BATCH)),
    "claim": ("journal.lock", lambda journal: journal.claim("main")),
    "release": ("journal.lock", lambda journal: journal.release("main")),
    "keep": ("journal.keep", lambda journal: journal.keep()),
}


@pytest.mark.parametrize("name", JOURNAL_CALLS)
def test_every_call_of_the_journal_fails_while_its_server_is_away_or_refuses_it_and_after_a_death(name: str) -> None:
    place, call = JOURNAL_CALLS[name]
    outside = Outside(fault("refused", place), fault("crash", place))
    journal = outside.journal()
    outside.outages.take_away(POSTGRES, 3)
    with pytest.raises(TransientError, match="connection refused"):
        call(journal)
    outside.wait(3)
    with pytest.raises(TransientError, match="terminating connection"):
        call(journal)
    with pytest.raises(PermanentError, match="internal error"):
        call(journal)
    call(journal)
    outside.life.end("killed")
    with pytest.raises(GoneError):
        call(journal)


def test_the_contract_holds_for_a_journal_that_fails_at_every_turn() -> None:
    outside = Outside(*EVERY_OTHER)
    journal = outside.journal()
    said = []
    for _ in range(4):
        try:
            journal.write(BATCH)
        except TransientError as error:
            said.append(str(error).removeprefix("PostgreSQL: "))
    assert said == [
        "terminating connection due to administrator command",
        "server closed the connection unexpectedly",
        "terminating connection due to administrator command",
    ]
    assert outside.told == [*BATCH, *BATCH]


def test_a_lock_that_a_former_process_holds_still_is_free_after_a_while() -> None:
    outside = Outside(fault("refused", "journal.claim", size=0.5))
    journal = outside.journal()
    assert journal.claim("main") == "a former process"
    outside.wait(9)
    assert (journal.claim("main"), journal.claim("second")) == ("a former process", None)
    outside.wait(1.1)
    assert journal.claim("main") is None


def test_a_lock_whose_answer_was_lost_went_with_its_connection_and_is_claimed_again() -> None:
    outside = Outside(fault("commit unanswered", "journal.lock"), fault("refused", "journal.claim", 2))
    journal = outside.journal()
    with pytest.raises(TransientError):
        journal.claim("main")
    assert journal.claim("main") == "a former process"
    outside.wait(10)
    assert [journal.claim("main"), journal.claim("main")] == [None, None]
    assert outside.odds.opportunities["refused", "journal.claim"] == 3


def test_a_second_order_for_a_leg_is_refused_for_good_with_all_that_was_to_be_written_with_it() -> None:
    outside = Outside()
    outside.journal().write(BATCH)
    outside.restart()
    journal = outside.journal()
    for batch in (
        [OrderRecorded(order("nd-3", Leg(Side.SELL, 2))), OrderRecorded(order("nd-4"))],
        [OrderRecorded(order("nd-5", Leg(Side.SELL, 3))), OrderRecorded(order("nd-6", Leg(Side.SELL, 3)))],
    ):
        with pytest.raises(PermanentError, match="orders_leg"):
            journal.write(batch)
    journal.write([*BATCH, OrderRecorded(order("nd-7", Leg(Side.SELL, 2)))])
    assert {one.client_order_id for one in outside.books.orders()} == {"nd-1", "nd-2", "nd-7"}


# The cache ------------------------------------------------------------------------------------------------------------


def test_what_nobody_waited_for_dies_with_its_process_and_what_was_acknowledged_does_not() -> None:
    outside = Outside()
    cache = outside.cache()
    cache.add("a", b"1")
    cache.add("b", b"2", durable=True)
    cache.add("c", b"3")
    outside.life.end("killed")
    for call in (cache.load, cache.health, lambda: cache.add("d", b"4"), lambda: cache.notify(cache.close)):
        with pytest.raises(GoneError):
            call()
    cache.close()
    outside.restart()
    assert outside.cache().load() == {"a": b"1", "b": b"2"}


def test_while_redis_is_away_writes_wait_and_are_made_when_it_is_back() -> None:
    outside = Outside()
    cache = outside.cache(queue_max=3)
    acknowledged: list[str] = []
    outside.outages.take_away(REDIS, 10)
    cache.add("a", b"1")
    cache.notify(lambda: acknowledged.append("a"))
    for call in (lambda: cache.add("b", b"2", durable=True), cache.load, cache.flush):
        with pytest.raises(CacheAwayError, match="connection refused"):
            call()
    with pytest.raises(CacheFullError):
        cache.add("c", b"3")
    assert cache.health() == CacheHealth(away="Redis: connection refused", waiting=3)
    outside.wait(12)
    assert acknowledged == []
    assert cache.health() == CacheHealth()
    assert acknowledged == ["a"]
    assert cache.load() == {}  # the flush came last
    cache.add("c", b"3", durable=True)
    assert cache.load() == {"c": b"3"}


def test_a_batch_that_is_refused_waits_and_is_tried_again_after_a_pause() -> None:
    outside = Outside(fault("refused", "cache.write", size=0.5))
    cache = outside.cache()
    with pytest.raises(CacheAwayError, match="no memory"):
        cache.add("a", b"1", durable=True)
    with pytest.raises(CacheAwayError, match="no memory"):
        cache.load()
    assert outside.held.all_keys() == []
    outside.wait(1)
    assert cache.load() == {"a": b"1"}
    assert cache.health() == CacheHealth()


def test_a_batch_whose_answer_is_lost_is_made_once() -> None:
    outside = Outside(fault("commit unanswered", "cache.write"))
    cache = outside.cache()
    with pytest.raises(CacheAwayError, match="connection reset"):
        cache.replace("a", b"1", durable=True)
    assert outside.held.values(["general:a"]) == [b"1"]
    outside.wait(2)
    cache.replace("a", b"2", durable=True)
    assert cache.load_object("a", previous=True) == b"1"
    assert cache.health() == CacheHealth()


@pytest.mark.parametrize(("kind", "kept"), [("death before", {}), ("death after", {"a": b"1"})])
def test_a_process_may_die_on_either_side_of_a_batch(kind: str, kept: dict[str, bytes]) -> None:
    outside = Outside(fault(kind, "cache.write"))
    with pytest.raises(GoneError):
        outside.cache().add("a", b"1", durable=True)
    outside.restart()
    assert outside.cache().load() == kept


@pytest.mark.parametrize("faults", [(), (fault("commit unanswered", "cache.write", 2),)])
def test_a_redis_that_was_emptied_is_found_out_with_the_next_batch(faults: tuple[Fault, ...]) -> None:
    outside = Outside(*faults)
    cache = outside.cache()
    cache.add("a", b"1", durable=True)
    cache.add("b", b"2")
    cache.health()
    outside.held.flush(())
    assert cache.health().losses == 0
    outside.wait(2)
    cache.add("c", b"3", durable=True)
    assert cache.health() == CacheHealth(losses=1)
    assert cache.load() == ({"b": b"2", "c": b"3"} if faults else {"c": b"3"})


def test_a_write_under_a_key_of_somebody_else_is_never_made_and_is_counted() -> None:
    outside = Outside(fault("refused", "cache.key", 2))
    cache = outside.cache()
    cache.add("a", b"1")
    with pytest.raises(CacheCorruptError):
        cache.add("b", b"2", durable=True)
    assert cache.health() == CacheHealth(refused=1)
    assert cache.load() == {"a": b"1"}


def test_a_writer_that_has_crashed_writes_nothing_and_is_told_to_whoever_looks() -> None:
    outside = Outside(fault("crash", "cache.writer"))
    cache = outside.cache()
    with pytest.raises(CacheAwayError, match="its writer has crashed"):
        cache.add("a", b"1", durable=True)
    with pytest.raises(CacheClosedError, match="its writer has crashed"):
        cache.health()
    cache.close()
    assert outside.cache().load() == {}


@pytest.mark.parametrize(("place", "error"), [("cache.load", CacheAwayError), ("cache.value", CacheCorruptError)])
def test_a_load_may_fail_for_once(place: str, error: type[Exception]) -> None:
    outside = Outside(fault("refused", place))
    cache: CacheDatabase = outside.cache()
    cache.add("a", b"1")
    with pytest.raises(error):
        cache.load_object("a")
    assert cache.load_object("a") == b"1"


def test_a_cache_that_is_closed_has_written_what_waited_if_redis_was_there() -> None:
    outside = Outside()
    first, second = outside.cache(), outside.cache()
    first.add("a", b"1")
    first.close()
    second.add("b", b"2")
    outside.outages.take_away(REDIS, 1)
    second.close()
    outside.wait(5)
    assert second.health().waiting == 1
    with pytest.raises(CacheClosedError):
        second.load()
    assert outside.cache().load() == {"a": b"1"}
