"""The journal's store goes away, before or after it has written: entries are refused, exits wait, nothing is lost."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal import UNAVAILABLE
from naive_daemon.execution.journal_store import JournalEntry
from naive_daemon.execution.memory_journal import MemoryJournal
from tests.trading.plant import Plant, walk
from tests.trading.test_crashes import assert_goes_on


class Shaky:
    """A journal that raises TransientError while it is away, after having written when `writes_before` is set."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.is_away = False
        self.writes_before = False

    def write(self, entries: Sequence[JournalEntry]) -> None:
        if not self.is_away or self.writes_before:
            self._journal.write(entries)
        if self.is_away:
            raise TransientError("the store is away")

    def __getattr__(self, name: str) -> Any:
        if self.is_away and name.startswith("load"):
            raise TransientError("the store is away")
        return getattr(self._journal, name)


@pytest.fixture(params=[False, True], ids=["not written", "written, answer lost"])
def shaky(request: pytest.FixtureRequest) -> tuple[Plant, Shaky]:
    plant = Plant()
    store = Shaky(plant.journal)
    store.writes_before = request.param
    plant.open_journal = lambda: store
    plant.start().on()
    return plant, store


def test_an_entry_that_has_to_wait_is_refused_and_never_sent_late(shaky: tuple[Plant, Shaky]) -> None:
    plant, store = shaky
    store.is_away = True
    plant.is_checked = False
    plant.trade("100")
    assert plant.engine.open_orders("main") == []
    assert plant.traders()[0]._position.orders[0].status is OrderStatus.IN_FLIGHT  # nothing was said yet
    store.is_away = False
    plant.wait(10)
    assert [(order.status, order.reason) for order in plant.journal.orders()] == [(OrderStatus.REJECTED, UNAVAILABLE)]
    assert plant.engine.open_orders("main") == []
    plant.trades("100", "101")
    assert plant.shown()[-1] == "b2 100.89 open"
    plant.check()


def test_an_exit_that_has_to_wait_goes_out_when_the_store_is_back(shaky: tuple[Plant, Shaky]) -> None:
    plant, store = shaky
    plant.trade("100")
    store.is_away = True
    plant.is_checked = False
    plant.trade("99.8")
    assert plant.traders()[0]._position.latest(Side.SELL) is None  # the fill is not durable, so nobody knows of it
    store.is_away = False
    plant.wait(10)
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open"]
    plant.check()


def test_what_waits_keeps_its_order(shaky: tuple[Plant, Shaky]) -> None:
    plant, store = shaky
    plant.trades("100", "99.8")
    store.is_away = True
    plant.is_checked = False
    plant.trade("100.2")
    plant.wait(30)
    assert plant.completed() == 0
    store.is_away = False
    plant.wait(10)
    assert plant.completed() == 1
    plant.check()


@pytest.mark.parametrize("seed", range(6))
def test_a_store_that_comes_and_goes_costs_entries_and_nothing_else(seed: int) -> None:
    draw = random.Random(seed)
    plant = Plant("AAAQ", "BBBQ", order=random.Random(seed), is_checked=False)
    store = Shaky(plant.journal)
    plant.open_journal = lambda: store
    plant.start().on()
    for price in walk(seed, 150):
        if draw.random() < 0.1:
            store.is_away, store.writes_before = draw.random() < 0.5, draw.random() < 0.5
        plant.play([price])
    store.is_away = False
    plant.wait(20)
    plant.check()
    assert_goes_on(plant)
