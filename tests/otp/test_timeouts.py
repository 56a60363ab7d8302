"""What waits from outside: for a time that is one, and for nothing that a stopped system would never bring."""

import threading
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp import ActorSystem
from tests.otp.laboratory import PATIENCE_S, Laboratory, ThreadWorker, Worker

WAITING = {
    "start of Worker": lambda system, _, time_s: system.start(Worker("other", []), timeout_s=time_s),
    "ask": lambda system, ref, time_s: system.ask(ref, "ping", time_s),
    "inspect": lambda system, ref, time_s: system.inspect(ref, lambda _: None, time_s),
    "terminate": lambda system, ref, time_s: system.terminate(ref, time_s),
    "settle": lambda system, _, time_s: system.settle(timeout_s=time_s),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", WAITING)
def test_what_waits_is_refused_at_once_after_the_stop(what: str) -> None:
    live = {ActorSystem.live(WallClock()), ActorSystem.live(WallClock(), dispatcher="thread")}
    for system in (ActorSystem.simulated(VirtualClock()), *live):
        worker = system.start(Worker("w", []))
        system.stop(PATIENCE_S)
        with pytest.raises(RuntimeError, match=f"^{what}: the system has been stopped$"):
            WAITING[what](system, worker, 60.0)


def test_a_thread_of_ones_own_may_not_settle_after_the_stop() -> None:
    held, said = threading.Event(), []
    over, is_stopped = threading.Event(), threading.Event()

    def wait(actor: Worker) -> None:
        held.set()
        assert is_stopped.wait(PATIENCE_S)
        try:
            actor.system.settle(0, PATIENCE_S)
        except RuntimeError as refused:
            said.append(str(refused))
        over.set()

    system = ActorSystem.live(WallClock())
    system.start(ThreadWorker("w", [])).tell(wait)
    assert held.wait(PATIENCE_S)
    system.stop(0.0)
    is_stopped.set()
    assert over.wait(PATIENCE_S)
    assert said == ["settle: the system has been stopped"]


@pytest.mark.parametrize("time_s", [-1, float("nan"), float("-inf"), None, "5", True])
@pytest.mark.parametrize("what", WAITING)
def test_no_time_to_wait_is_refused_and_leaves_all_as_it_was(lab: Laboratory, what: str, time_s: Any) -> None:
    worker = lab.worker()
    with pytest.raises(ValueError, match="is not a number of seconds >= 0") as refused:
        WAITING[what](lab.system, worker, time_s)
    assert str(refused.value).startswith(f"timeout_s={time_s!r} ")
    lab.settle()
    assert lab.seen() == [("start", "w")]
    assert lab.ask(worker, "ping") == "ping"


@pytest.mark.parametrize("what", WAITING)
def test_for_ever_is_a_time_to_wait(lab: Laboratory, what: str) -> None:
    WAITING[what](lab.system, lab.worker(), float("inf"))
    for ref in lab.system.roots():
        lab.kill(ref)
