"""What a fault hook can do to a message, what it may not, and the faults that are drawn."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import KILL, ActorSystem, Call, RequestFailed, StartFailedError, send_exit
from naive_daemon.otp.faults import (
    Busy,
    Crash,
    Delay,
    Drop,
    Fault,
    Faults,
    InjectedError,
    Kill,
    RandomFaults,
    Reorder,
    Step,
)
from naive_daemon.otp.messages import Begin, Down, Reply, RequestTimedOut
from naive_daemon.otp.timers import NS_PER_S
from tests.otp.laboratory import Laboratory, Trapper, later, recorder


class On:
    """Lets the first message go wrong that fits; writes down what it was asked."""

    def __init__(self, fits: Callable[[Step], bool], fault: Any) -> None:
        self.asked: list[Step] = []
        self._fits = fits
        self._fault = fault
        self._done = False

    def fault(self, step: Step) -> Fault | None:
        self.asked.append(step)
        if self._done or not self._fits(step):
            return None
        self._done = True
        fault: Fault = self._fault
        return fault


def struck(message: Any, fault: Any, seed: int | None = None) -> Laboratory:
    """Give a laboratory in which the first such message goes wrong."""
    return laboratory(On(lambda step: step.message == message, fault), seed)


def struck_kind(kind: type, fault: Any) -> Laboratory:
    return laboratory(On(lambda step: isinstance(step.message, kind), fault))


def laboratory(faults: Faults, seed: int | None = None) -> Laboratory:
    return Laboratory(ActorSystem.simulated(VirtualClock(), seed, faults=faults))


def test_the_hook_sees_each_step_before_it_happens() -> None:
    hook = On(lambda _: False, None)
    lab = Laboratory(ActorSystem.simulated(VirtualClock(5), faults=hook))
    worker = lab.worker("w")
    lab.tell(worker, "hello")
    begin, hello = hook.asked
    assert (begin.number, begin.is_signal, type(begin.message)) == (1, True, Begin)
    assert (hello.number, hello.time_ns, hello.label, hello.actor_number) == (2, 5, "w", 1)
    assert (hello.message, hello.is_signal, hello.may_be_lost) == ("hello", False, True)
    assert not begin.may_be_lost


# Crash and kill ------------------------------------------------------------------------------------------------------


def test_a_crash_ends_the_actor_in_place_of_the_message(logs: list[Any]) -> None:
    lab = struck("fatal", Crash(InjectedError("boom")))
    supervisor = lab.supervisor("w")
    lab.tell("w", "fatal")
    assert lab.seen() == [("start", "w"), ("end", "w", "crash"), ("start", "w")]
    assert lab.states(supervisor) == {"w": "running"}
    assert ("actor crashed", "InjectedError: boom") in [(event["event"], event.get("reason")) for event in logs]


def test_a_crash_of_a_begin_is_a_failed_start() -> None:
    lab = struck_kind(Begin, Crash(InjectedError("boom")))
    with pytest.raises(StartFailedError, match="InjectedError: boom"):
        lab.worker()
    assert lab.seen() == [("end", "w", "crash")]


def test_rule_73_who_asked_the_crashed_gets_the_reason() -> None:
    error = InjectedError("boom")
    lab = struck_kind(Call, Crash(error))
    server, client = lab.worker("server"), lab.worker("client")
    lab.tell(client, lambda actor: actor.request(server, "ask", recorder(lab, "client")))
    [(_, _, answer)] = lab.seen("answer")
    assert isinstance(answer, RequestFailed)
    assert answer.reason.detail is error


def test_a_kill_ends_without_a_word() -> None:
    lab = struck("fatal", Kill())
    worker = lab.worker()
    lab.tell(worker, "fatal")
    assert lab.seen() == [("start", "w")]
    assert str(lab.reason_of(worker)) == "killed"


# Delay ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 1])
def test_a_delayed_actor_stalls_and_the_others_go_on(seed: int | None) -> None:
    lab = struck("late", Delay(2.0), seed)
    slow, quick = lab.worker("slow"), lab.worker("quick")
    slow.tell("late")
    lab.tell(slow, "behind")
    lab.tell(quick, "word")
    assert lab.seen("got") == [("got", "quick", "word")]
    lab.advance(1.9)
    assert not lab.seen("got")
    lab.advance(0.1)
    assert lab.seen("got") == [("got", "slow", "late"), ("got", "slow", "behind")]
    lab.tell(slow, "after")
    assert lab.seen("got") == [("got", "slow", "after")]


def test_an_exit_waits_for_a_stalled_actor_and_a_kill_does_not() -> None:
    lab = struck("late", Delay(2.0))
    first = lab.worker("first")
    lab.tell(first, "late")
    assert lab.end(first) is None
    lab.advance(2.0)
    assert not first.is_alive()
    lab = struck("late", Delay(2.0))
    second = lab.worker("second")
    lab.tell(second, "late")
    send_exit(second, KILL)
    assert not second.is_alive()
    lab.advance(2.0)
    assert not lab.seen("got")


def test_a_delayed_begin_is_a_slow_start() -> None:
    lab = struck_kind(Begin, Delay(2.0))
    top = lab.make("top")  # by hand, since `start` waits for it, and time stands still meanwhile
    top.attach(lab.system, "top", None)
    top.begin(None)
    lab.settle()
    assert not lab.seen("start")
    lab.advance(2.0)
    assert lab.seen("start") == [("start", "top")]


# Busy ----------------------------------------------------------------------------------------------------------------


def test_a_busy_actor_still_handles_its_message_though_it_was_told_to_end_meanwhile() -> None:
    lab = struck("long", Busy(2.0))
    supervisor = lab.supervisor("w")
    worker = lab.find("w")
    worker.tell("long")
    lab.tell(worker, "behind")
    lab.advance(1.0)
    send_exit(supervisor, KILL)
    lab.settle()
    assert worker.is_alive()
    assert not lab.seen("got")
    lab.advance(1.0)
    assert lab.seen("got") == [("got", "w", "long")]
    assert not worker.is_alive()


def test_a_busy_actor_goes_on_with_what_has_come_meanwhile() -> None:
    lab = struck("long", Busy(2.0))
    worker = lab.worker()
    worker.tell("long")
    lab.tell(worker, "behind")
    lab.advance(2.0)
    assert lab.seen("got") == [("got", "w", "long"), ("got", "w", "behind")]
    lab.tell(worker, "after")
    assert lab.seen("got") == [("got", "w", "after")]


def test_a_kill_does_not_wait_for_a_busy_actor() -> None:
    lab = struck("long", Busy(2.0))
    worker = lab.worker()
    lab.tell(worker, "long")
    send_exit(worker, KILL)
    assert not worker.is_alive()
    lab.advance(2.0)
    assert not lab.seen("got")


# Drop ----------------------------------------------------------------------------------------------------------------


def test_a_dropped_message_is_lost() -> None:
    lab = struck("lost", Drop())
    worker = lab.worker()
    for word in ("before", "lost", "after"):
        worker.tell(word)
    lab.settle()
    assert [event[2] for event in lab.seen("got")] == ["before", "after"]


@pytest.mark.parametrize("lost", [Call, Reply])
def test_rule_71_a_lost_request_or_answer_ends_by_its_time_out(lost: type) -> None:
    lab = struck_kind(lost, Drop())
    server, client = lab.worker("server"), lab.worker("client")
    lab.tell(client, lambda actor: actor.request(server, "ask", recorder(lab, "client"), 3.0))
    assert not lab.seen("answer")
    lab.advance(3.0)
    [(_, _, answer)] = lab.seen("answer")
    assert str(answer.reason) == "timeout"


@pytest.mark.parametrize("fault", [Drop(), Reorder()])
@pytest.mark.parametrize("kind", [Begin, Down, RequestTimedOut])
def test_a_promise_of_the_runtime_is_neither_dropped_nor_overtaken(kind: type, fault: Fault) -> None:
    lab = struck_kind(kind, fault)
    with pytest.raises(ValueError, match=rf"step \d+: .* is refused, {kind.__name__} to .*#\d is a promise"):
        _let_all_kinds_happen(lab)


def test_a_refused_fault_leaves_the_message_where_it_was() -> None:
    lab = struck_kind(Begin, Drop())
    with pytest.raises(ValueError, match="promise"):
        lab.worker()
    lab.settle()
    assert lab.seen() == [("start", "w")]


def _let_all_kinds_happen(lab: Laboratory) -> None:
    watcher, mute = lab.worker("watcher", Trapper), lab.worker("mute")
    lab.tell(watcher, lambda actor: actor.monitor(mute))
    lab.tell(watcher, lambda actor: actor.request(mute, later, recorder(lab, "watcher"), 1.0))
    lab.advance(1.0)
    lab.kill(mute)


# Reorder -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("places", "order"), [(1, "bacd"), (2, "bcad"), (9, "bcda")])
def test_a_reordered_message_is_overtaken(places: int, order: str) -> None:
    lab = struck("a", Reorder(places))
    worker = lab.worker()
    for letter in "abcd":
        worker.tell(letter)
    lab.settle()
    assert "".join(event[2] for event in lab.seen("got")) == order


def test_a_promise_of_the_runtime_is_not_overtaken_by_what_stands_behind_it() -> None:
    lab = struck("a", Reorder(5))
    watcher, watched = lab.worker("watcher"), lab.worker("watched")
    lab.tell(watcher, lambda actor: actor.monitor(watched))
    lab.seen()
    for letter in "ab":
        watcher.tell(letter)
    send_exit(watched, KILL)
    watcher.tell("c")
    lab.settle()
    got = [event[2] for event in lab.seen("got")]
    assert (got[0], got[1], got[3], type(got[2])) == ("b", "a", "c", Down)


def test_a_message_that_is_always_reordered_is_handled_all_the_same() -> None:
    class Always:
        def fault(self, step: Step) -> Fault | None:
            return Reorder() if step.may_be_lost else None

    lab = Laboratory(ActorSystem.simulated(VirtualClock(), faults=Always()))
    worker = lab.worker()
    for letter in "abc":
        worker.tell(letter)
    lab.settle()
    assert sorted(event[2] for event in lab.seen("got")) == ["a", "b", "c"]


# Hooks ---------------------------------------------------------------------------------------------------------------


def test_what_is_no_fault_is_refused() -> None:
    lab = struck("x", "crash")
    worker = lab.worker()
    with pytest.raises(TypeError, match="'crash' is no fault"):
        lab.tell(worker, "x")


@pytest.mark.parametrize("delay_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_delay_is_a_time_to_come(delay_s: float) -> None:
    for fault in (Delay, Busy):
        with pytest.raises(ValueError, match="is not a number of seconds > 0"):
            fault(delay_s)


def test_a_reordering_is_by_a_place_at_least() -> None:
    with pytest.raises(ValueError, match="places=0 is not a whole number >= 1"):
        Reorder(0)


def test_a_hook_may_kill_by_itself() -> None:
    class Killer:
        def fault(self, step: Step) -> None:
            if step.message == "fatal":
                send_exit(step.ref, KILL)

    lab = Laboratory(ActorSystem.simulated(VirtualClock(), faults=Killer()))
    worker = lab.worker()
    lab.tell(worker, "fatal")
    assert lab.seen() == [("start", "w")]


def draws(seed: int, **rates: Any) -> list[Fault | None]:
    faults = RandomFaults(seed, **rates)
    lab = Laboratory(ActorSystem.simulated(VirtualClock()))
    ref = lab.worker()
    return [faults.fault(Step(number, NS_PER_S, ref, "word", is_signal=False)) for number in range(2_000)]


def test_faults_are_drawn_at_their_rates_and_the_same_for_a_seed() -> None:
    rates = {"crash": 0.1, "kill": 0.1, "delay": 0.1, "drop": 0.1, "reorder": 0.1}
    drawn = draws(1, **rates)
    counts = Counter(type(fault) for fault in drawn)
    assert counts.keys() == {Crash, Kill, Delay, Drop, Reorder, type(None)}
    assert all(150 < counts[kind] < 250 for kind in (Crash, Kill, Delay, Drop, Reorder))
    assert [str(type(fault)) for fault in draws(1, **rates)] == [str(type(fault)) for fault in drawn]
    assert draws(2, kill=0.5) != draws(3, kill=0.5)


def test_sizes_of_faults_have_their_bounds() -> None:
    delays = [fault.delay_s for fault in draws(1, delay=1.0, longest_delay_s=2.0) if isinstance(fault, Delay)]
    assert 0 < min(delays) < 0.1
    assert 1.9 < max(delays) <= 2.0
    assert {fault.places for fault in draws(1, reorder=1.0, furthest=3) if isinstance(fault, Reorder)} == {1, 2, 3}


def test_faults_meet_only_who_is_chosen_and_end_when_healed() -> None:
    faults = RandomFaults(1, kill=1.0, only=lambda step: step.label == "prey" and not step.is_signal)
    lab = Laboratory(ActorSystem.simulated(VirtualClock(), 1, faults=faults))
    prey, other = lab.worker("prey"), lab.worker("other")
    lab.tell(prey, "word")
    lab.tell(other, "word")
    assert (prey.is_alive(), other.is_alive()) == (False, True)
    faults.heal()
    lab.tell(lab.worker("prey"), "word")
    assert lab.find("prey").is_alive()


def test_what_may_not_be_lost_is_not_drawn_to_be() -> None:
    faults = RandomFaults(1, drop=0.5, reorder=0.5)
    lab = Laboratory(ActorSystem.simulated(VirtualClock(), 1, faults=faults))
    lab.worker()
    assert lab.seen() == [("start", "w")]


@pytest.mark.parametrize("rates", [{"crash": -0.1}, {"kill": 1.1}, {"drop": float("nan")}])
def test_a_rate_is_a_probability(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not a probability from 0 to 1"):
        RandomFaults(1, **rates)  # type: ignore[arg-type] # each is a rate


def test_rates_are_one_together_at_most() -> None:
    with pytest.raises(ValueError, match="more than 1 together"):
        RandomFaults(1, crash=0.6, drop=0.6)


# Actors that do not read one message after the other ------------------------------------------------------------------


class Collector(Trapper):
    """Takes what has gathered at once."""

    batches = True

    def on_batch(self, messages: list[Any]) -> None:
        self.events.append(("batch", self.called, list(messages)))


def test_of_a_batch_the_first_is_what_goes_wrong() -> None:
    lab = struck("a", Drop())
    worker = lab.worker("w", Collector)
    for letter in "abc":
        worker.tell(letter)
    lab.settle()
    assert lab.seen("batch") == [("batch", "w", ["b", "c"])]


def test_a_suspended_actor_takes_no_step() -> None:
    hook = On(lambda _: False, None)
    lab = laboratory(hook, 1)
    worker = lab.worker()
    lab.system.suspend(worker, 5.0)
    lab.tell(worker, "word")
    assert [step.message for step in hook.asked if not step.is_signal] == []
    lab.advance(5.0)
    assert lab.seen("got") == [("got", "w", "word")]
    assert [step.message for step in hook.asked if not step.is_signal] == ["word"]


def test_a_hook_that_raises_leaves_everything_as_it_was() -> None:
    class Broken:
        def __init__(self) -> None:
            self.is_broken = True

        def fault(self, step: Step) -> None:
            if self.is_broken and step.message == "word":
                raise OSError("the hook is broken")

    hook = Broken()
    lab = laboratory(hook)
    worker = lab.worker()
    with pytest.raises(OSError, match="the hook is broken"):
        lab.tell(worker, "word")
    hook.is_broken = False
    lab.settle()
    assert lab.seen("got") == [("got", "w", "word")]


def test_who_dies_while_it_stalls_leaves_nothing_behind() -> None:
    lab = struck("late", Delay(2.0), 1)
    worker = lab.worker()
    lab.tell(worker, "late")
    dispatcher: Any = lab.system.dispatcher_of(type(worker._actor))  # type: ignore[arg-type] # it lives
    assert len(dispatcher._spared) == 1
    lab.kill(worker)
    assert not dispatcher._spared
    lab.advance(2.0)
    assert lab.system.busy == 0
