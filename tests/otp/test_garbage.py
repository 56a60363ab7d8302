"""Actors that come and go leave nothing behind, and the collector is told to look rarely."""

import gc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from naive_daemon.otp import Actor, ChildSpec, DynamicSupervisor, Ref, Restart, Supervisor
from naive_daemon.otp.garbage import THRESHOLDS, rare_collections
from tests.otp.laboratory import Laboratory

MANY = 2_000
ROUNDS = 5
HOURS_S = 7_200.0


@pytest.fixture
def counting_only() -> Iterator[None]:
    """Leave everything to counted references."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Echo(Actor):
    """Outlives those who are linked to it."""

    traps_exit = True

    def on_receive(self, message: Any) -> Any:
        return message


class Busy(Actor):
    """Makes all that an actor may hold: a monitor, a link, a topic, a timer, a request, a name."""

    def on_receive(self, message: Any) -> None:
        peer: Ref = message
        self.monitor(peer)
        self.link(peer)
        self.subscribe("topic")
        self.register(("busy", self.ref.number))
        self.send_after(3600.0, "later")
        self.request(peer, "word", lambda _: None)
        self.idle_after(3600.0)


def objects() -> Counter[str]:
    """Count what the runtime and these tests have made, by class."""
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if str(kind.__module__).startswith("naive_daemon.otp") or kind in (Echo, Busy):
            found[kind.__qualname__] += 1
    return found


def test_rare_collections_end_with_their_context() -> None:
    former, frozen = gc.get_threshold(), gc.get_freeze_count()
    with rare_collections():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == former
    assert gc.get_freeze_count() == 0  # Python 3.12 begins with some of its own, which thaw, too


def test_they_end_with_an_error_too() -> None:
    former = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == former


@pytest.mark.usefixtures("counting_only")
def test_thousands_of_actors_that_come_and_go_leave_nothing_even_without_a_collector(in_order: Laboratory) -> None:
    peer = in_order.system.start(Echo())
    counts = []
    for _ in range(ROUNDS):
        refs = [in_order.system.start(Busy()) for _ in range(MANY // 10)]
        for ref in refs:
            ref.tell(peer)
        in_order.settle()
        for ref in refs:
            in_order.system.terminate(ref, 10.0)
        in_order.settle()
        del refs, ref
        in_order.advance(HOURS_S)  # until then the timers of the dead are swept by halves
        counts.append(objects())
    assert counts[1:] == counts[:1] * (ROUNDS - 1)


def test_so_do_supervised_ones_but_for_what_the_collector_finds(in_order: Laboratory) -> None:
    system, counts = in_order.system, []
    for _ in range(ROUNDS):
        children = [ChildSpec(id=number, start=Echo, restart=Restart.TEMPORARY) for number in range(MANY)]
        top = system.start(Supervisor([*children, ChildSpec(id="dynamic", start=DynamicSupervisor, name="dynamic")]))
        in_order.settle()
        system.terminate(top, 10.0)
        in_order.settle()
        del top, children
        in_order.advance(HOURS_S)
        gc.collect()
        counts.append(objects())
    assert counts[1:] == counts[:1] * (ROUNDS - 1)
