"""How settings and their notifications fail in the simulation: each way does what it says, and nothing else."""

from typing import TYPE_CHECKING, Any

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.trading.control import SETTINGS_CHANNEL
from naive_daemon.trading.desired_state import ActualState
from tests.simulation.life import GoneError
from tests.simulation.odds import Fault
from tests.simulation.outside import Outside, fault
from tests.simulation.stores.listener import SimulatedListener
from tests.simulation.stores.outages import POSTGRES
from tests.simulation.stores.settings import SimulatedPresence

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("kind", "error", "written"),
    [
        ("refused", TransientError, False),
        ("commit unanswered", TransientError, True),
        ("death before", GoneError, False),
        ("death after", GoneError, True),
    ],
)
def test_a_state_that_could_not_be_written_is_there_or_is_not(kind: str, error: type[Exception], written: bool) -> None:
    outside = Outside(fault(kind, "settings.write"))
    on = ActualState(account="main", symbol="AAAQ", state="on")
    with pytest.raises(error):
        outside.settings().record_actual([on])
    assert (outside.table.actual == {("main", "AAAQ"): on}) == written


def test_settings_are_not_read_and_nobody_is_told_of_a_life_while_the_server_is_away_or_refuses() -> None:
    outside = Outside(fault("refused", "settings.read"), fault("refused", "settings.beat"))
    settings, presence = outside.settings(), SimulatedPresence(outside.odds, outside.outages, outside.life)
    calls: list[Callable[[], Any]] = [settings.load_settings, presence.beat]
    outside.outages.take_away(POSTGRES, 1)
    for pause_s in (1, 0):
        for call in calls:
            with pytest.raises(TransientError):
                call()
        outside.wait(pause_s)
    for call in calls:
        call()
    outside.life.end("killed")
    for call in calls:
        with pytest.raises(GoneError):
            call()


def test_a_new_process_says_that_nothing_runs() -> None:
    outside = Outside()
    settings = outside.settings()
    settings.record_actual([ActualState(account="main", symbol="AAAQ", state="on", traders=3, held="kill switch")])
    settings.confirm_kill_switch("main", 4)
    settings.forget_actual()
    assert outside.table.actual == {("main", "AAAQ"): ActualState(account="main", symbol="AAAQ", state="off")}
    assert outside.table.kill_switch_seen == {}


# Notifications --------------------------------------------------------------------------------------------------------


class Ear:
    """Keeps what is heard, and when."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.heard: list[tuple[float, str]] = []

    def listening(self) -> None:
        self._hear("listening")

    def notified(self, channel: str, payload: str) -> None:
        assert channel == SETTINGS_CHANNEL
        self._hear(payload)

    def connection_lost(self, error: TransientError) -> None:
        self._hear("lost")

    def listener_ended(self) -> None:
        self._hear("ended")

    def _hear(self, what: str) -> None:
        self.heard.append((self._clock.monotonic_s(), what))


def lines(*symbols: str) -> list[str]:
    return [f'{{"account":"main","symbol":"{symbol}"}}' for symbol in symbols]


def listening(*faults: Fault) -> tuple[Outside, SimulatedListener, Ear]:
    """Give a listener that listens, a second after the world began."""
    outside = Outside(*faults)
    ear = Ear(outside.clock)
    listener = outside.listener(ear)
    listener.start()
    assert ear.heard == []
    outside.wait(1)
    assert ear.heard == [(0.0, "listening")]
    ear.heard.clear()
    return outside, listener, ear


def change(outside: Outside, *symbols: str) -> None:
    for symbol in symbols:
        outside.table.set(symbol, TradingStatus.ON)


def test_changes_are_told_in_order_and_not_while_they_are_made() -> None:
    outside, listener, ear = listening()
    change(outside, "A", "B", "A")
    assert ear.heard == []
    outside.wait(0)
    assert [what for _, what in ear.heard] == lines("A", "B", "A")
    change(outside, "C")
    listener.stop()
    listener.stop()
    change(outside, "D")
    outside.wait(60)
    assert len(ear.heard) == 3


def test_a_notification_is_lost_with_its_connection_and_everything_is_read_after_the_next_one() -> None:
    outside, _, ear = listening(fault("notice lost", "notice", 2, size=0.2))
    change(outside, "A", "B")
    outside.wait(2.9)
    change(outside, "C")
    outside.wait(0.2)
    change(outside, "D")
    outside.wait(1)
    change(outside, "E")
    outside.wait(0)
    assert ear.heard == [(4.0, "lost"), (4.125, "listening"), (5.1, *lines("E"))]


def test_a_server_that_is_away_is_missed_with_the_first_notification_and_found_again_once_it_is_back() -> None:
    outside, _, ear = listening()
    outside.outages.take_away(POSTGRES, 20)
    change(outside, "A")
    outside.wait(30)
    pauses = (0.125, 0.25, 0.5, 1, 2, 4, 5, 5, 5)
    assert ear.heard == [(1.0, "lost"), (1.0 + sum(pauses), "listening")]


def test_a_connection_that_is_not_to_be_had_is_tried_for_again() -> None:
    outside = Outside(fault("refused", "listener.connect", 1), fault("refused", "listener.connect", 2))
    ear = Ear(outside.clock)
    outside.listener(ear).start()
    outside.wait(1)
    assert ear.heard == [(0.0, "lost"), (0.375, "listening")]


def test_a_connection_that_holds_for_a_while_begins_the_pauses_anew_and_no_other() -> None:
    outside, _, ear = listening(*(fault("notice lost", "notice", number, size=0.01) for number in (1, 2, 3)))
    for pause_s in (0.5, 10, 0):
        change(outside, "A")
        outside.wait(pause_s)
    outside.wait(1)
    again = [at_s for at_s, what in ear.heard if what == "listening"]
    assert again == [1.275, 1.9, 11.775]


def test_what_comes_late_comes_before_what_was_told_after_it() -> None:
    outside, _, ear = listening(fault("late", "notice", 1, size=0.1))
    change(outside, "A", "B")
    outside.wait(1)
    change(outside, "C")
    outside.wait(1)
    change(outside, "D")
    outside.wait(0)
    assert ear.heard == [*((2.5, line) for line in lines("A", "B", "C")), (3.0, *lines("D"))]


def test_what_is_on_its_way_is_lost_with_the_connection() -> None:
    outside, _, ear = listening(fault("late", "notice", 1, size=0.1), fault("notice lost", "notice", 2, size=0.01))
    change(outside, "A", "B")
    outside.wait(10)
    assert [what for _, what in ear.heard] == ["lost", "listening"]


def test_a_notification_may_come_twice() -> None:
    outside, _, ear = listening(fault("duplicate", "notice", 2))
    change(outside, "A", "B", "C")
    outside.wait(0)
    assert [what for _, what in ear.heard] == lines("A", "B", "B", "C")


def test_a_listener_that_dies_says_so_and_is_deaf() -> None:
    outside, _, ear = listening(fault("crash", "listener"))
    change(outside, "A", "B")
    outside.wait(60)
    assert [what for _, what in ear.heard] == ["ended"]


def test_a_process_that_is_over_hears_nothing() -> None:
    outside, _, ear = listening()
    change(outside, "A")
    outside.life.end("killed")
    change(outside, "B")
    outside.wait(60)
    assert ear.heard == []
