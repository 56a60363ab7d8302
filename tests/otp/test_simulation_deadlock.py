"""When nothing can go on any more, who waits for whom is told, circles first."""

import itertools
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import (
    DEFERRED,
    INFINITY,
    NORMAL,
    ActorSystem,
    Call,
    ChildType,
    DynamicSupervisor,
    Ref,
    SimulatedSystem,
    StartChild,
    Supervisor,
    TerminateChild,
)
from naive_daemon.otp.child_spec import ChildSpec
from naive_daemon.otp.deadlock import DeadlockError, Wait, find_cycles, tell_waits
from naive_daemon.otp.timers import NS_PER_S
from tests.otp.laboratory import Laboratory, Stubborn, later, recorder


@pytest.fixture(params=[None, 1], ids=["in order", "drawn"])
def virtual(request: pytest.FixtureRequest) -> Laboratory:
    return Laboratory(ActorSystem.simulated(VirtualClock(), request.param))


def run(virtual: Laboratory) -> bool:
    assert isinstance(virtual.system, SimulatedSystem)
    return virtual.system.run()


def test_a_system_in_which_nobody_waits_is_at_rest(virtual: Laboratory) -> None:
    virtual.supervisor("a", "b")
    assert run(virtual)


def test_outside_learns_why_it_gets_no_answer(virtual: Laboratory) -> None:
    mute = virtual.worker("mute")
    with pytest.raises(DeadlockError) as caught:
        virtual.system.ask(mute, later)
    assert str(caught.value).splitlines() == [
        "waited in vain for mute to answer function; deadlock: nothing is runnable, no timer is pending",
        "the caller waits for mute#1 to answer function",
    ]


def test_outside_learns_when_time_might_help(virtual: Laboratory) -> None:
    mute, client = virtual.worker("mute"), virtual.worker("client")
    virtual.tell(client, lambda actor: actor.request(mute, later, recorder(virtual, "client"), 3.0))
    with pytest.raises(TimeoutError) as caught:
        virtual.system.ask(mute, later)
    assert not isinstance(caught.value, DeadlockError)
    lead = "waited in vain for mute to answer function"
    assert str(caught.value).splitlines() == [
        f"{lead}; all is at rest until the timer at {3 * NS_PER_S} ns, and only the caller moves the clock",
        "the caller waits for mute#1 to answer function",
        "client#2 waits for mute#1 to answer function",
    ]


def test_a_start_that_is_never_acknowledged_is_a_deadlock_of_all_above(virtual: Laboratory) -> None:
    virtual.plan("leaf", DEFERRED)
    inner = ChildSpec(
        id="inner", start=lambda: Supervisor([virtual.spec("leaf")]), type=ChildType.SUPERVISOR, name="inner"
    )
    with pytest.raises(DeadlockError) as caught:
        virtual.system.start(Supervisor([inner]), "top")
    assert str(caught.value).splitlines() == [
        "waited in vain for top to start; deadlock: nothing is runnable, no timer is pending",
        "the caller waits for top#1 to start",
        "top#1 waits for inner#2 to start",
        "inner#2 waits for leaf#3 to start",
    ]
    assert virtual.system.roots() == []


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_child_that_never_ends_holds_up_who_stops_it(virtual: Laboratory, kind: str) -> None:
    spec = virtual.spec("stubborn", Stubborn, shutdown_s=INFINITY)
    if kind == "static":
        top = virtual.start(Supervisor([spec]), "top")
    else:
        top = virtual.start(DynamicSupervisor(), "top")
        virtual.ask(top, StartChild(spec))
    with pytest.raises(DeadlockError) as caught:
        virtual.system.terminate(top, 5.0)
    assert str(caught.value).splitlines()[1:] == [
        "the caller waits for top#1 to end",
        "top#1 waits for stubborn#2 to end",
    ]


def test_a_run_ends_in_a_deadlock_when_a_stop_never_does(virtual: Laboratory) -> None:
    top = virtual.start(DynamicSupervisor(), "top")
    virtual.ask(top, StartChild(virtual.spec("stubborn", Stubborn, shutdown_s=INFINITY)))
    top.tell(_terminate(virtual, "stubborn"))
    with pytest.raises(DeadlockError, match=r"top#1 waits for stubborn#2 to end"):
        run(virtual)


def _terminate(virtual: Laboratory, name: str) -> Any:
    return Call(TerminateChild(virtual.find(name)), lambda _: None, lambda _: None)


def test_a_child_with_time_to_end_is_no_deadlock(virtual: Laboratory) -> None:
    top = virtual.start(Supervisor([virtual.spec("stubborn", Stubborn, shutdown_s=4.0)]), "top")
    assert virtual.system.terminate(top, 5.0) is None
    assert run(virtual)
    assert virtual.system.clock.now_ns() == 4 * NS_PER_S
    assert not top.is_alive()


def test_those_who_wait_in_a_circle_come_first(virtual: Laboratory) -> None:
    a, b, c = (virtual.worker(name) for name in "abc")
    for who, whom in ((c, a), (a, b), (b, a)):
        _let_ask_without_end(virtual, who, whom)
    with pytest.raises(DeadlockError) as caught:
        virtual.system.ask(c, later)
    assert str(caught.value).splitlines()[1:] == [
        "in a circle: a#1 waits for b#2 to answer function, b#2 waits for a#1 to answer function",
        "the caller waits for c#3 to answer function",
        "c#3 waits for a#1 to answer function",
    ]
    assert [[str(wait.who) for wait in cycle] for cycle in caught.value.cycles] == [["a", "b"]]
    with pytest.raises(DeadlockError, match="in a circle"):
        run(virtual)


def _let_ask_without_end(virtual: Laboratory, who: Ref, whom: Ref) -> None:
    """Ask for a thing that never comes, and lose the time-out: by itself, no request waits for ever."""

    def ask(actor: Any) -> None:
        actor.request(whom, later, recorder(virtual, who))
        for pending in actor._pending.values():
            pending.timer.cancel()

    virtual.tell(who, ask)


def test_what_is_answered_or_dead_is_waited_for_no_more(virtual: Laboratory) -> None:
    server, mute, client = virtual.worker("server"), virtual.worker("mute"), virtual.worker("client")
    virtual.tell(client, lambda actor: actor.request(server, "ask", recorder(virtual, "client")))
    _let_ask_without_end(virtual, client, mute)
    with pytest.raises(DeadlockError) as caught:
        run(virtual)
    assert [str(wait) for wait in caught.value.waits] == ["client#3 waits for mute#2 to answer function"]
    virtual.leave(mute, NORMAL)
    assert run(virtual)


def refs(virtual: Laboratory, count: int) -> list[Ref]:
    return [virtual.worker(f"w{number}") for number in range(count)]


def test_every_circle_is_found_and_no_chain_is_one(virtual: Laboratory) -> None:
    a, b, c, d, e = refs(virtual, 5)
    pairs = [(a, b), (b, c), (c, a), (c, d), (d, d), (e, a)]
    cycles = find_cycles(Wait(who, whom, "to end") for who, whom in pairs)
    assert [[(wait.who, wait.whom) for wait in cycle] for cycle in cycles] == [[(a, b), (b, c), (c, a)], [(d, d)]]
    assert find_cycles([Wait(a, b, "to end"), Wait(b, c, "to end"), Wait(None, a, "to end")]) == ()


def test_a_long_chain_is_told_in_part(virtual: Laboratory) -> None:
    chain = refs(virtual, 2_000)
    waits = [Wait(who, whom, "to end") for who, whom in itertools.pairwise(chain)]
    assert find_cycles(waits) == ()
    assert tell_waits(waits).splitlines()[-1] == "and 1949 more waits"
    circle = [*waits, Wait(chain[-1], chain[0], "to end")]
    assert [len(cycle) for cycle in find_cycles(circle)] == [2_000]
