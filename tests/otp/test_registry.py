"""Names of actors, and entries under keys that many share: OTP rules 76 and 77. Rule 78 is told with the starts."""

from collections.abc import Callable
from typing import Any

import pytest

from naive_daemon.otp import KILL, NORMAL, ChildSpec, Ref, send_exit
from naive_daemon.otp.registry import DuplicateRegistry, Entry, Registry
from tests.otp.laboratory import Laboratory, Worker

End = Callable[[Laboratory, Ref], None]

ENDS = pytest.mark.parametrize(
    "end",
    [lambda lab, ref: lab.leave(ref, NORMAL), Laboratory.crash, Laboratory.kill],
    ids=["normal", "crash", "kill"],
)


def test_rule_76_a_name_has_one_holder_and_its_owner_asks_in_vain_too(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry = Registry()
    assert registry.register("name", first) is None
    assert registry.register("name", second) is first
    assert registry.register("name", first) is first
    assert registry.whereis("name") is first
    assert registry.names() == ["name"]
    assert registry.keys(second) == []
    assert registry.count() == 1


def test_rule_76_an_actor_names_itself(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    assert lab.ask(first, lambda actor: actor.register("also")) is None
    assert lab.ask(first, lambda actor: actor.register("also")) is first
    assert lab.ask(second, lambda actor: actor.register("also")) is first
    assert lab.ask(second, lambda actor: actor.unregister("also")) is None
    assert lab.find("also") is first
    assert lab.system.registry.keys(first) == ["first", "also"]
    lab.ask(first, lambda actor: actor.unregister("first"))
    assert lab.system.whereis("first") is None
    assert lab.find("also") is first


def test_rule_76_a_dead_holders_name_can_be_taken_before_clean_up(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry, taken = Registry(), []
    registry.register("name", first)
    # Watchers are told one after the other, so one that was there before the registry sees what it has not cleaned.
    lab.system.on_down(second, lambda _: taken.append((registry.whereis("other"), registry.register("other", first))))
    registry.register("other", second)
    registry.register("third", second)
    lab.kill(second)
    assert taken == [(None, None)]
    assert registry.whereis("other") is first
    assert registry.keys(first) == ["name", "other"]
    assert registry.names() == ["name", "other"]


@ENDS
def test_rule_76_death_frees_all_that_was_held(lab: Laboratory, end: End) -> None:
    own, shared = Registry(), DuplicateRegistry()
    victim, other = lab.worker("name"), lab.worker("other")
    for number in range(3):
        lab.ask(victim, lambda actor, name=("more", number): actor.register(name))
        own.register(number, victim)
        for ref in (victim, other, victim):
            shared.register("key", ref, number)
    assert len(shared.lookup("key")) == shared.count() == 9
    end(lab, victim)
    assert lab.system.registry.names() == ["other"]
    assert (own.names(), own.keys(victim), own.count()) == ([], [], 0)
    assert (shared.keys(victim), shared.count()) == ([], 3)
    assert shared.lookup("key") == [Entry(other, number) for number in range(3)]
    for kept in (own._refs, own._held, lab.system.registry._held):
        assert victim not in kept


def test_rule_76_the_dead_can_take_nothing(lab: Laboratory) -> None:
    ref = lab.worker()
    lab.kill(ref)
    own, shared = Registry(), DuplicateRegistry()
    own.register("name", ref)
    shared.register("key", ref)
    assert (own._refs, own._held, shared._values, shared._held) == ({}, {}, {}, {})


def test_rule_76_who_was_killed_names_nothing_any_more(lab: Laboratory) -> None:
    shared = DuplicateRegistry()

    def die_and_register(actor: Worker) -> None:
        send_exit(actor.ref, KILL)
        actor.register("too late")
        shared.register("too late", actor.ref)

    lab.tell(lab.worker("w"), die_and_register)
    assert lab.system.registry.names() == []
    assert lab.system.registry._held == {}
    assert shared._values == {}


@pytest.mark.parametrize("make", [Registry, DuplicateRegistry])
def test_rule_77_unregister_touches_ones_own_entry_only(lab: Laboratory, make: Any) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry = make()
    registry.register("name", first)
    registry.unregister("name", second)
    registry.unregister("unknown", first)
    assert registry.keys(first) == ["name"]
    assert registry.keys(second) == []
    registry.unregister("name", first)
    registry.unregister("name", first)
    assert registry.keys(first) == []
    assert registry.count() == 0
    registry.register("name", second)
    assert registry.keys(second) == ["name"]


def test_rule_77_a_key_has_many_entries(lab: Laboratory) -> None:
    first, second = lab.worker("first"), lab.worker("second")
    registry = DuplicateRegistry()
    registry.register("key", first, "a")
    registry.register("key", second, "b")
    registry.register("key", first, "c")
    registry.register("another", first)
    assert registry.lookup("key") == [Entry(first, "a"), Entry(first, "c"), Entry(second, "b")]
    assert registry.lookup("another") == [Entry(first, None)]
    assert registry.lookup("unknown") == []
    assert registry.keys(first) == ["key", "key", "another"]
    assert registry.count() == 4
    registry.unregister("key", first)
    assert registry.lookup("key") == [Entry(second, "b")]
    assert registry.keys(first) == ["another"]


def test_an_actor_that_comes_and_goes_under_many_names_is_watched_once(lab: Laboratory) -> None:
    ref, registry = lab.worker(), Registry()
    for number in range(10):
        registry.register(number, ref)
        registry.unregister(number, ref)
    assert len(ref._actor._watchers) == 2  # by this registry and by its system's


def test_a_restarted_child_takes_its_name_again(lab: Laboratory) -> None:
    lab.supervisor(ChildSpec(id=1, start=lambda: lab.make("w"), name=("symbol", "BTCUSDT")), max_restarts=3)
    first = lab.find(("symbol", "BTCUSDT"))
    assert first.label == "symbol:BTCUSDT"
    lab.kill(first)
    assert lab.find(("symbol", "BTCUSDT")) is not first
    assert lab.system.tell(("symbol", "BTCUSDT"), "hello")
    lab.settle()
    assert ("got", "w", "hello") in lab.seen()
