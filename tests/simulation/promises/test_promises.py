"""Each promise of the simulation can be broken: there is a history that does, and is caught by the promise's name."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import Dust, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded, OrderRecorded
from tests.simulation.promises.breaches import BREACHES
from tests.simulation.promises.breaches_of_rules import BREACHES_OF_RULES
from tests.simulation.promises.history import ACCOUNT, DUST, SYMBOL, History
from tests.simulation.promises.violation import Violation

ALL = BREACHES | BREACHES_OF_RULES


def test_a_history_as_it_should_be_breaks_no_promise() -> None:
    history = History()
    cycle = history.begin(history.cycle())
    history.refuse(history.intend(cycle))
    history.prints("100")
    buy = history.send(history.intend(cycle, attempt=2))
    history.prints("99")
    rebuy = msgspec.structs.replace(cycle, rebuy_reported=True)
    history.write(CycleRecorded(rebuy), CycleRecorded(history.cycle(trader=2)))
    history.fill(history.fill(buy, "0.5"))
    history.sell(cycle)
    following = history.cycle(2, dust_in=DUST)
    history.end(rebuy, following)
    history.write(*(CycleRecorded(each) for each in (following, rebuy)))  # once more, as after a lost answer
    history.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    history.tell_actual("shutdown")
    assert history.promises.annals.symbols[ACCOUNT, SYMBOL].completed == 1


def test_what_was_committed_without_an_answer_may_be_written_again() -> None:
    history = History()
    cycle = history.trade()
    ended = history.end(cycle)
    orders = history.books.orders()
    history.write(CycleRecorded(cycle), *(OrderRecorded(order) for order in orders), CycleRecorded(ended))
    assert len(history.promises.annals.fills) == 2


@pytest.mark.parametrize("befall", ALL, ids=lambda befall: befall.__name__)
def test_a_history_that_breaks_a_promise_is_caught_by_its_name(befall: Callable[[History], None]) -> None:
    with pytest.raises(Violation) as caught:
        befall(History())
    assert caught.value.promise == ALL[befall]


def test_what_was_refused_again_and_again_may_be_tried_again_after_its_pause_or_when_the_clock_was_set_back() -> None:
    history = History()
    cycle = history.begin(history.cycle())
    for attempt, pause_s in enumerate((0, 0, 1, 2, 4, 8), 1):
        history.prints(*["100"] * pause_s)
        history.refuse(history.intend(cycle, attempt=attempt))
    before_ns = history.now_ns - NS_PER_S
    history.refuse(history.intend(cycle, attempt=7, created_ns=before_ns))
    assert len(history.promises.annals.orders) == 7


def test_an_entry_that_was_decided_before_the_daemon_confirmed_may_still_be_journaled() -> None:
    history = History()
    cycle = history.begin(history.cycle())
    order = history.order(cycle, Side.BUY)
    history.prints("100")
    history.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    history.tell_actual("shutdown")
    history.write(OrderRecorded(order))
    assert order.client_order_id in history.promises.annals.orders


def test_an_entry_that_was_on_its_way_before_a_kill_switch_was_confirmed_may_still_arrive() -> None:
    history = History()
    order = history.intend(history.begin(history.cycle()))
    history.promises.order_leaves(order)
    history.table.set_kill_switch(is_on=True)
    history.confirm_kill_switch(may_come=[order])
    history.prints("100", "100")
    history.send(order)
    assert history.books.orders()[0].status is OrderStatus.OPEN


def test_dust_that_is_kept_goes_to_nobody() -> None:
    history = History(dust=Dust.KEEP)
    history.end(history.trade(), history.cycle(2))
    kept = history.promises.annals.symbols[ACCOUNT, SYMBOL].dust
    assert kept == DUST
    with pytest.raises(Violation, match="dust is neither lost nor given twice"):
        _give(history, kept)


def _give(history: History, dust: Decimal) -> Cycle:
    history.promises.annals.symbols[ACCOUNT, SYMBOL].unreplaced = 1
    return history.begin(history.cycle(trader=2, dust_in=dust))
