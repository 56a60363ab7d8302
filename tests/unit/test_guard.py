"""Who says that the kill switch is obeyed where no execution manager is: the guard, once no entry can leave."""

from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.limits import KillCancel, KillSwitch, Safeguards
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.execution.messages import KillSwitchObeyed
from naive_daemon.otp import Actor, ActorSystem, Down
from naive_daemon.trading.guard import Guard, LeftAlone
from tests.trading.recorder import Recorder

ACCOUNT = "main"
EARLIER_S = 0.1


class Host(Actor):
    """In the switches' place."""

    def init(self) -> None:
        self.guard = Guard(self)

    def on_receive(self, message: Any) -> None:
        match message:
            case LeftAlone():
                self.guard.take_left_alone(message)
            case Down():
                self.guard.take_end(message.ref)
            case _:
                message(self.guard)


class Floor:
    def __init__(self) -> None:
        self.clock = VirtualClock(NS_PER_S)
        self.system = ActorSystem.simulated(self.clock)
        self.control, self.manager = Recorder(), Recorder()
        self.system.start(self.control, names.CONTROL)
        self.host = self.system.start(Host())
        self.do(lambda guard: guard.add(ACCOUNT))

    def do(self, what: Any) -> None:
        self.host.tell(what)
        self.system.run_until_idle()

    def set(self, revision: int, cancel: KillCancel = KillCancel.NOTHING) -> None:
        switch = KillSwitch(is_on=True, cancel=cancel, revision=revision)
        self.do(lambda guard: guard.take_safeguards(Safeguards(kill_switch=switch)))

    def start_manager(self) -> None:
        self.system.start(self.manager, names.execution_manager(ACCOUNT))
        self.do(lambda guard: guard.add(ACCOUNT))

    def end_manager(self) -> None:
        manager = self.system.whereis(names.execution_manager(ACCOUNT))
        assert manager is not None
        self.system.terminate(manager, 1.0)

    def wait(self, seconds: float) -> "Floor":
        self.system.advance_to(self.clock.now_ns() + round(seconds * NS_PER_S))
        self.system.run_until_idle()
        return self

    def obeyed(self) -> list[int]:
        return [told.revision for told in self.control.take() if isinstance(told, KillSwitchObeyed)]


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_an_account_without_a_manager_obeys_once_what_a_former_one_left_with_its_client_is_gone(floor: Floor) -> None:
    floor.set(1)
    assert floor.wait(SEND_WITHIN_S - EARLIER_S).obeyed() == []
    assert floor.wait(EARLIER_S).obeyed() == [1]


def test_a_manager_that_comes_meanwhile_says_so_itself(floor: Floor) -> None:
    floor.set(1)
    floor.start_manager()
    assert floor.wait(SEND_WITHIN_S).obeyed() == []
    assert [type(told) for told in floor.manager.take()] == [Safeguards]


def test_one_that_came_and_died_meanwhile_is_waited_for_anew(floor: Floor) -> None:
    floor.set(1)
    floor.start_manager()
    floor.wait(SEND_WITHIN_S - EARLIER_S)
    floor.end_manager()
    floor.set(2)
    assert floor.wait(2 * EARLIER_S).obeyed() == []
    assert floor.wait(SEND_WITHIN_S).obeyed() == [2]


def test_an_account_that_is_not_ours_any_more_says_nothing(floor: Floor) -> None:
    floor.set(1)
    floor.do(lambda guard: guard.drop(ACCOUNT))
    assert floor.wait(SEND_WITHIN_S).obeyed() == []


def test_a_switch_that_cancels_is_obeyed_by_a_manager_only(floor: Floor) -> None:
    floor.set(1, KillCancel.ENTRIES)
    assert floor.wait(SEND_WITHIN_S).obeyed() == []
