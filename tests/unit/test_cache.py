"""The cache: newest state of each key, written with each beat, and everything again after the store was away."""

from collections.abc import Iterator, Mapping

import msgspec
import pytest
import structlog

from naive_daemon.account.cache import HEARTBEAT_S, Cache
from naive_daemon.cache.messages import AskCache, DropState, KeepState
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.errors import TransientError
from naive_daemon.otp import ActorSystem, Ref, SimulatedSystem


class Store:
    """Implements HotStore, and can go away, and lose everything meanwhile."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.beats: list[int] = []
        self.writes: list[set[str]] = []
        self.is_away = False
        self.is_closed = False

    def write(self, changed: Mapping[str, bytes], dropped: frozenset[str], heartbeat_ns: int) -> None:
        if self.is_away:
            raise TransientError("away")
        self.held.update(changed)
        for key in dropped:
            self.held.pop(key, None)
        self.beats.append(heartbeat_ns)
        self.writes.append(set(changed))

    def load(self) -> dict[str, bytes]:
        return dict(self.held)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


@pytest.fixture
def cache() -> tuple[SimulatedSystem, Ref, Store]:
    system, store = ActorSystem.simulated(VirtualClock()), Store()
    return system, system.start(Cache(store)), store


def beat(system: SimulatedSystem, *messages: object, to: Ref) -> None:
    for message in messages:
        to.tell(message)
    system.run_until_idle()
    system.advance_to(system.clock.now_ns() + round(HEARTBEAT_S * NS_PER_S))
    system.run_until_idle()


def test_the_newest_state_is_written_once_a_beat(cache: tuple[SimulatedSystem, Ref, Store]) -> None:
    system, ref, store = cache
    beat(system, KeepState("a", 1), KeepState("a", 2), KeepState("b", frozenset({"y", "x"})), to=ref)
    assert {key: msgspec.msgpack.decode(value) for key, value in store.held.items()} == {"a": 2, "b": ["x", "y"]}
    beat(system, DropState("a"), DropState("stranger"), to=ref)
    assert set(store.held) == {"b"}
    beat(system, to=ref)
    assert store.writes == [{"a", "b"}, set(), set()]
    assert len(store.beats) == 3


def test_a_store_that_comes_back_empty_gets_everything(cache: tuple[SimulatedSystem, Ref, Store]) -> None:
    system, ref, store = cache
    beat(system, KeepState("a", 1), KeepState("b", 1), to=ref)
    store.is_away = True
    beat(system, KeepState("b", 2), DropState("a"), KeepState("c", 1), to=ref)
    assert system.ask(ref, AskCache()).away == "away"
    store.is_away = False
    store.held.clear()
    beat(system, to=ref)
    assert {key: msgspec.msgpack.decode(value) for key, value in store.held.items()} == {"b": 2, "c": 1}
    assert system.ask(ref, AskCache()).away is None


def test_what_is_left_is_written_at_the_end(cache: tuple[SimulatedSystem, Ref, Store]) -> None:
    system, ref, store = cache
    ref.tell(KeepState("a", 1))
    system.run_until_idle()
    system.terminate(ref, 1)
    assert set(store.held) == {"a"}
    assert store.is_closed
