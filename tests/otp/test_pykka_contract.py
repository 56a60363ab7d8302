"""What we lean on in pykka 4.5, and what it does that our own loop is there to prevent.

A failure here means that pykka has changed: read what it does now before the pin in pyproject.toml is moved.
"""

import importlib.metadata
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from naive_daemon.otp import ActorSystem
from naive_daemon.otp.ref import Ref
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, Worker


@pytest.fixture(autouse=True)
def empty_registry() -> Iterator[None]:
    """Leave no actor of pykka's own behind."""
    yield
    pykka.ActorRegistry.stop_all(timeout=PATIENCE_S)


class Plain(pykka.ThreadingActor):
    """pykka's own actor: raises what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = threading.Event()
        self.stopped = threading.Event()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message

    def on_failure(self, *_: Any) -> None:
        self.failed.set()

    def on_stop(self) -> None:
        self.stopped.set()


def test_the_version_is_the_one_that_was_probed() -> None:
    assert importlib.metadata.version("pykka").startswith("4.5.")


# What we lean on --------------------------------------------------------------------------------------------------


def test_a_future_is_set_once_and_times_out() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    future.set(1)
    assert future.get(timeout=0) == 1
    with pytest.raises(queue.Full):
        future.set(2)


def test_a_future_wakes_who_waits() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    thread = threading.Thread(target=future.set, args=(7,))
    thread.start()
    assert future.get(timeout=PATIENCE_S) == 7
    thread.join(PATIENCE_S)


def test_the_seams_are_there() -> None:
    for seam in ("_create_actor_inbox", "_create_future", "_start_actor_loop", "_handle_receive"):
        assert callable(vars(pykka.Actor).get(seam)) or isinstance(vars(pykka.Actor).get(seam), staticmethod)
    for make in (pykka.Actor._create_actor_inbox, pykka.Actor._create_future):
        with pytest.raises(NotImplementedError):
            make()


def test_an_actor_needs_nothing_of_pykkas_init(lab: Laboratory) -> None:
    ref = lab.worker()
    assert isinstance(ref, pykka.ActorRef)
    assert isinstance(ref._actor, pykka.Actor)
    assert ref.actor_class is Worker
    assert ref.actor_urn == ref._actor.actor_urn
    assert ref.actor_inbox is ref._actor.actor_inbox


def test_actor_stopped_follows_our_own_life(lab: Laboratory) -> None:
    ref = lab.worker()
    assert not ref.actor_stopped.is_set()
    lab.kill(ref)
    assert ref.actor_stopped.is_set()
    assert not ref.is_alive()


def test_a_ref_is_equal_to_itself_only_and_hashable(lab: Laboratory) -> None:
    first, second = lab.worker("a"), lab.worker("b")
    assert len({first, second, first}) == 2
    assert first != second
    assert "__eq__" not in vars(pykka.ActorRef)
    assert "__eq__" not in vars(Ref)


def test_our_actors_are_not_in_pykkas_registry_so_its_stop_all_reaches_none(lab: Laboratory) -> None:
    ref = lab.worker()
    assert pykka.ActorRegistry.get_all() == []
    pykka.ActorRegistry.stop_all()
    assert lab.ask(ref, "ping") == "ping"


def test_pykkas_start_and_stop_of_our_actors_are_refused_and_leave_nothing(lab: Laboratory) -> None:
    with pytest.raises(TypeError, match="pykka's start of Worker"):
        Worker.start("w", [])
    assert pykka.ActorRegistry.get_all() == []
    worker = lab.worker()
    lab.tell(worker, lambda actor: actor.stop())
    assert "pykka's stop of w" in str(lab.reason_of(worker))


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_a_hook_of_pykka_that_nobody_would_call_is_refused_with_its_class(hook: str) -> None:
    with pytest.raises(TypeError, match=rf"Astray.{hook} is pykka's hook"):
        type("Astray", (Worker,), {hook: lambda _: None})
    mixin = type("Mixin", (), {hook: lambda _: None})
    with pytest.raises(TypeError, match=rf"Astray.{hook} is pykka's hook"):
        type("Astray", (mixin, Worker), {})


def test_two_systems_live_side_by_side(lab: Laboratory) -> None:
    other = Laboratory(ActorSystem.live(lab.system.clock))
    assert other.worker("w") is not lab.worker("w")
    other.close()
    assert lab.ask("w", "ping") == "ping"


# What bites, and why the loop is ours -------------------------------------------------------------------------------


def test_a_failed_ask_leaves_the_actor_alive_and_a_failed_tell_kills_it() -> None:
    ref = Plain.start()
    actor: Any = ref._actor_weakref()
    with pytest.raises(BoomError):
        ref.ask(BoomError("ask"), timeout=PATIENCE_S)
    assert ref.is_alive()
    ref.tell(BoomError("tell"))
    assert actor.failed.wait(PATIENCE_S)
    assert not actor.stopped.is_set()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("anything")


def test_a_failing_on_start_is_not_reported() -> None:
    entered = threading.Event()

    class Failing(Plain):
        def on_start(self) -> None:
            entered.set()
            raise BoomError("start")

    ref = Failing.start()  # raises nothing
    assert isinstance(ref, pykka.ActorRef)
    assert entered.wait(PATIENCE_S)


def test_a_base_exception_stops_every_actor() -> None:
    bystander = Plain.start()
    actor: Any = bystander._actor_weakref()
    Plain.start().tell(KeyboardInterrupt())
    assert actor.stopped.wait(PATIENCE_S)


def test_is_alive_is_false_while_on_stop_still_runs() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Plain):
        def on_stop(self) -> None:
            entered.set()
            assert go_on.wait(PATIENCE_S)

    ref = Slow.start()
    ref.stop(block=False)
    assert entered.wait(PATIENCE_S)
    assert not ref.is_alive()
    go_on.set()
