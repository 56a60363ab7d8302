"""Actors that come and go leave nothing behind, and the collector is told to look rarely."""

import gc
import traceback
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from naive_daemon.otp import (
    DEFERRED,
    KILL,
    SHUTDOWN,
    Actor,
    Call,
    ChildSpec,
    Continue,
    Deferred,
    Down,
    DynamicSupervisor,
    ExitReason,
    Ref,
    Restart,
    StartChild,
    Supervisor,
    crash,
    send_exit,
)
from naive_daemon.otp.garbage import THRESHOLDS, rare_collections
from naive_daemon.otp.supervisor_process import SupervisorProcess
from tests.otp.laboratory import Laboratory

MANY = 2_000
ROUNDS = 5
HOURS_S = 7_200.0
ODD = ExitReason("odd")


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


class Runner(Actor):
    """Runs what it is sent with itself."""

    def __init__(self, outcome: Deferred | None = None) -> None:
        super().__init__()
        self.outcome = outcome

    def init(self) -> Deferred | None:
        return self.outcome

    def on_receive(self, message: Any) -> Any:
        message(self)


class Crashing(Actor):
    """Starts, and then crashes."""

    def init(self) -> Continue:
        return Continue("crash")

    def on_receive(self, message: Any) -> None:
        raise LookupError(message)


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


def a_plain_error(_: Actor) -> None:
    raise LookupError


def a_missing_attribute(actor: Actor) -> None:
    actor.nothing_of_the_kind  # type: ignore[attr-defined] # noqa: B018 - whose error holds the actor


def an_error_of_another(actor: Actor) -> None:
    try:
        a_missing_attribute(actor)
    except AttributeError as error:
        raise LookupError from error


def an_error_in_the_midst_of_another(actor: Actor) -> None:
    try:
        a_missing_attribute(actor)
    except AttributeError:
        a_plain_error(actor)


def a_group(actor: Actor) -> None:
    errors: list[Exception] = []
    for fail in (a_missing_attribute, an_error_of_another):
        try:
            fail(actor)
        except Exception as error:  # noqa: BLE001 - what is gathered here may be anything
            errors.append(error)
    try:
        raise ExceptionGroup("many", [ExceptionGroup("of them", errors)])
    finally:
        del errors


def an_exit_with_an_error(actor: Actor) -> None:
    try:
        a_missing_attribute(actor)
    except AttributeError as error:
        actor.exit(crash(error))


def an_end_in_the_midst_of_a_request(actor: Actor) -> None:
    me = actor
    actor.request(actor.system.whereis("peer"), DEFERRED, lambda _: me.exit())
    actor.exit(ODD)


ENDS = [
    a_plain_error,
    a_missing_attribute,
    an_error_of_another,
    an_error_in_the_midst_of_another,
    a_group,
    an_exit_with_an_error,
    an_end_in_the_midst_of_a_request,
]


@pytest.mark.usefixtures("counting_only")
@pytest.mark.parametrize("end", ENDS)
def test_a_crashed_actor_is_gone_at_once_even_for_who_keeps_its_ref_and_its_reason(
    in_order: Laboratory, logs: list[Any], end: Callable[[Actor], None]
) -> None:
    in_order.system.start(Echo(), "peer")
    actor = Runner()
    gone, ref, downs = weakref.ref(actor), in_order.system.start(actor), list[Down]()
    del actor
    in_order.system.on_down(ref, downs.append)
    ref.tell(end)
    in_order.settle()
    assert gone() is None
    assert [down.reason for down in downs] == [in_order.reason_of(ref)]
    assert [entry["event"] for entry in logs] == ["actor crashed"]


@pytest.mark.parametrize("end", ENDS[:-1])
def test_the_log_tells_an_error_in_full_before_it_is_cut(in_order: Laboratory, end: Callable[[Actor], None]) -> None:
    told: list[str] = []

    def keep_text(_logger: Any, _method: str, event: Any) -> Any:
        told.extend(traceback.format_exception(event["exc_info"]))
        raise structlog.DropEvent

    structlog.configure(processors=[keep_text])
    in_order.tell(in_order.system.start(Runner()), end)
    assert f"in {end.__name__}" in "".join(told)


def test_an_error_that_its_caller_is_handling_stays_whole(in_order: Laboratory) -> None:
    ref = in_order.system.start(Runner())
    before = after = None
    try:
        int("no number")
    except ValueError as error:
        before = error.__traceback__
        in_order.tell(ref, a_plain_error)  # on the caller's thread, so its error comes in the midst of this one
        after = error.__traceback__
    assert before is not None
    assert after is before
    assert not ref.is_alive()


def slow_start() -> Actor:
    return Runner(DEFERRED)


def broken_start() -> Actor:
    raise LookupError


def supervisors() -> dict[str, Callable[[], SupervisorProcess]]:
    """Give supervisors in all states in which they can end."""
    still, slow = ChildSpec(id="still", start=Echo), ChildSpec(id="slow", start=slow_start)
    crashing = ChildSpec(id="crashing", start=Crashing)
    return {
        "running": lambda: Supervisor([still]),
        "starting": lambda: Supervisor([still, slow]),
        "failing": lambda: Supervisor([still, ChildSpec(id="broken", start=broken_start)]),
        "giving up": lambda: Supervisor([crashing], max_restarts=3),
        "dynamic": DynamicSupervisor,
    }


@pytest.mark.usefixtures("counting_only")
@pytest.mark.parametrize("state", supervisors())
@pytest.mark.parametrize("reason", [SHUTDOWN, KILL], ids=str)
def test_a_supervisor_that_has_ended_is_gone_at_once_with_its_books(
    in_order: Laboratory, state: str, reason: ExitReason
) -> None:
    supervisor = supervisors()[state]()
    gone = weakref.ref(supervisor)
    ref = supervisor.attach(in_order.system, None, None)
    supervisor.begin(None)
    del supervisor
    in_order.settle()
    answers: list[Any] = []
    for spec in (ChildSpec(id="more", start=slow_start), ChildSpec(id="broken", start=broken_start)):
        ref.tell(Call(StartChild(spec), answers.append, answers.append))  # one waits, or all do
    in_order.settle()
    send_exit(ref, reason)
    in_order.settle()
    in_order.advance(HOURS_S)
    assert not ref.is_alive()
    assert gone() is None


@pytest.mark.usefixtures("counting_only")
def test_a_supervisor_that_is_killed_by_its_own_start_function_is_gone_too(in_order: Laboratory) -> None:
    def kill() -> Actor:
        send_exit(ref, KILL)
        return Echo()

    supervisor = Supervisor([ChildSpec(id="a", start=kill), ChildSpec(id="b", start=Echo)])
    ref, gone = supervisor.ref, weakref.ref(supervisor)
    supervisor.attach(in_order.system, None, None)
    supervisor.begin(None)
    del supervisor
    in_order.settle()
    assert gone() is None


@pytest.mark.usefixtures("counting_only")
@pytest.mark.parametrize("make", [Supervisor, DynamicSupervisor])
def test_children_that_crash_again_and_again_leave_nothing(in_order: Laboratory, make: Any) -> None:
    made: list[weakref.ref[Actor]] = []

    def start() -> Actor:
        actor = Runner()
        made.append(weakref.ref(actor))
        return actor

    spec = ChildSpec(id="r", start=start, name="r")
    supervisor = make([spec], max_restarts=50) if make is Supervisor else make(max_restarts=50)
    top = in_order.system.start(supervisor)
    del supervisor
    if make is DynamicSupervisor:
        in_order.ask(top, StartChild(spec))
    for _ in range(20):
        in_order.tell("r", a_missing_attribute)
    assert [gone() is None for gone in made] == [True] * 20 + [False]


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
