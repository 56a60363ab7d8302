import random

import pytest

from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.errors import UsageError
from naive_daemon.exchange.server.fault import KINDS, Faults, FaultWish, check

_PLACE = ("order.place", "all")


def _faults(seed: int = 1) -> tuple[Faults, VirtualClock]:
    clock = VirtualClock()
    return Faults(random.Random(seed), clock), clock


def test_the_same_seed_has_the_same_faults() -> None:
    def drawn(seed: int) -> list[bool]:
        faults, _ = _faults(seed)
        faults.add(FaultWish(kind="drop", probability=0.3))
        return [faults.happens("drop", _PLACE) is not None for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_a_fault_happens_so_many_times() -> None:
    faults, _ = _faults()
    faults.add(FaultWish(kind="drop", count=2))
    assert [faults.happens("drop", _PLACE) is not None for _ in range(3)] == [True, True, False]
    assert not faults.is_on


def test_a_fault_happens_for_so_long() -> None:
    faults, clock = _faults()
    faults.add(FaultWish(kind="drop", seconds=2))
    assert faults.happens("drop", _PLACE)
    clock.advance_to(2 * NS_PER_S)
    assert faults.happens("drop", _PLACE) is None
    assert faults.listed() == []
    assert not faults.is_on


def test_a_fault_happens_in_its_place() -> None:
    faults, _ = _faults()
    faults.add(FaultWish(kind="drop", where="user"))
    assert faults.happens("drop", _PLACE) is None
    assert faults.happens("error", ("user", "all")) is None
    assert faults.happens("drop", ("user", "all"))


@pytest.mark.parametrize(("value", "low", "high"), [("50", 0.05, 0.05), ("20-200", 0.02, 0.2), (None, 0.05, 0.05)])
def test_latencies(value: str | None, low: float, high: float) -> None:
    faults, _ = _faults()
    fault = faults.add(FaultWish(kind="latency", value=value))
    assert all(low <= faults.latency_s(fault) <= high for _ in range(50))


def test_an_order_is_hidden_while_it_is_young() -> None:
    faults, _ = _faults()
    faults.add(FaultWish(kind="not-found", value="3", count=1))
    assert not faults.hides(3.5, _PLACE, 10)
    assert faults.hides(2.5, _PLACE, 10)
    assert not faults.hides(2.5, _PLACE, 10)


def test_there_are_not_endlessly_many() -> None:
    faults, _ = _faults()
    for _ in range(1_000):
        faults.add(FaultWish(kind="drop"))
    with pytest.raises(UsageError, match="too many"):
        faults.add(FaultWish(kind="drop"))
    assert faults.clear() == 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for(kind: str) -> None:
    values = {"latency": "1-2", "reorder": "5", "clock-skew": "-100", "halt": "A", "resume": "A", "delist": "A"}
    values["filters"] = "A tick_size=0.1"
    check(FaultWish(kind=kind, value=values.get(kind, "2")))
