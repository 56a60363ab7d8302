"""What an actor does for its callers: OTP rules 70-75, batches, topics and timers."""

import threading
from typing import Any

import pytest

from naive_daemon.otp import (
    DEFERRED,
    IGNORE,
    KILL,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    ActorDiedError,
    Continue,
    Down,
    ExitReason,
    Ref,
    RequestFailed,
    StartFailedError,
    Task,
    send_exit,
)
from tests.otp.laboratory import (
    PATIENCE_S,
    BoomError,
    Laboratory,
    Outcome,
    ThreadWorker,
    Worker,
    later,
    recorder,
    throw,
)

KINDS = pytest.mark.parametrize("kind", [Worker, ThreadWorker], ids=["pool", "thread"])
TIMEOUT = ExitReason("timeout")


def _request(lab: Laboratory, target: Ref | None, message: Any, timeout_s: float = 5.0) -> Ref:
    client = lab.worker(("client", len(lab.events)))
    lab.tell(client, lambda actor: actor.request(target, message, recorder(lab, "r"), timeout_s))
    return client


def _answers(lab: Laboratory) -> list[Any]:
    return [event[2] for event in lab.seen("answer")]


@KINDS
def test_rule_70_a_continuation_comes_before_queued_messages(lab: Laboratory, kind: type[Worker]) -> None:
    actor = kind("w", lab.events, Continue("continued"))
    actor.attach(lab.system, None, None)
    actor.ref.tell("queued")
    actor.begin(lambda _: lab.events.append(("acknowledged",)))
    lab.settle()
    assert lab.seen() == [("start", "w"), ("acknowledged",), ("got", "w", "continued"), ("got", "w", "queued")]
    lab.kill(actor.ref)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (None, None),
        (Continue("go on"), None),
        (IGNORE, "ignore"),
        (NORMAL, "normal"),
        (SHUTDOWN, "shutdown"),
        (ExitReason("crash", "odd"), "odd"),
        (BoomError("init"), "BoomError: init"),
        (SystemExit(1), "SystemExit: 1"),
    ],
    ids=str,
)
def test_rule_70_what_init_says_is_what_the_starter_learns(lab: Laboratory, outcome: Outcome, told: str | None) -> None:
    actor = Worker("w", lab.events, outcome)
    if told is None:
        assert lab.start(actor, "w").is_alive()
        return
    with pytest.raises(StartFailedError, match=f"w failed to start: {told}"):
        lab.system.start(actor, "w")
    assert lab.system.whereis("w") is None


def test_rule_70_a_crash_of_the_continuation_is_a_crash_and_no_failed_start(lab: Laboratory) -> None:
    def crash(_: Worker) -> None:
        throw(BoomError("later"))

    ref = lab.start(Worker("w", lab.events, Continue(crash)), "w")
    lab.settle()
    assert str(lab.reason_of(ref)) == "BoomError: later"


def test_rule_70_the_starter_waits_for_init(live: Laboratory) -> None:
    entered, go_on, started = threading.Event(), threading.Event(), threading.Event()

    class Slow(Worker):
        def init(self) -> None:
            entered.set()
            assert go_on.wait(PATIENCE_S)

    def start() -> None:
        live.start(Slow("slow", live.events), "slow")
        started.set()

    starter = threading.Thread(target=start)
    starter.start()
    assert entered.wait(PATIENCE_S)
    assert not started.is_set()
    go_on.set()
    starter.join(PATIENCE_S)
    assert started.is_set()


@KINDS
def test_rule_71_a_request_is_answered_by_a_message(lab: Laboratory, kind: type[Worker]) -> None:
    _request(lab, lab.worker("server", kind), "ping")
    assert _answers(lab) == ["ping"]


def test_rule_71_a_dead_or_absent_target_is_noproc_at_once(lab: Laboratory) -> None:
    dead = lab.worker("dead")
    lab.kill(dead)
    for target in (dead, None):
        _request(lab, target, "ping")
        assert _answers(lab) == [RequestFailed(NOPROC)]


def test_rule_71_to_ask_oneself_is_an_error(lab: Laboratory) -> None:
    worker = lab.worker()
    lab.tell(worker, lambda actor: actor.request(actor.ref, "ping", recorder(lab, "r")))
    reason = lab.reason_of(worker)
    assert reason is not None
    assert str(reason) == "RuntimeError: w asks itself"


def test_rule_71_the_time_out_is_5_s(simulated: Laboratory) -> None:
    _request(simulated, simulated.worker("server"), later)
    simulated.advance(4.999)
    assert _answers(simulated) == []
    simulated.advance(0.001)
    assert _answers(simulated) == [RequestFailed(TIMEOUT)]


def test_rule_71_a_time_out_on_threads(live: Laboratory) -> None:
    server = live.worker("server")

    def ask_the_silent(actor: Worker) -> Any:
        deferred = later(actor)
        call = actor.caller()
        actor.request(server, later, call.reply, 0.01)
        return deferred

    assert live.ask(live.worker("client"), ask_the_silent) == RequestFailed(TIMEOUT)


def test_rule_72_the_server_still_does_the_work_and_the_late_reply_is_dropped(simulated: Laboratory) -> None:
    server = simulated.worker("server")
    _request(simulated, server, later, 1.0)
    simulated.advance(1.0)
    assert _answers(simulated) == [RequestFailed(TIMEOUT)]
    simulated.tell(server, lambda actor: actor.kept.reply("late"))
    simulated.advance(10.0)
    assert _answers(simulated) == []
    assert server.is_alive()


def test_an_answer_in_time_leaves_no_time_out_and_no_monitor(simulated: Laboratory) -> None:
    server = simulated.worker("server")
    client = _request(simulated, server, "ping", 1.0)
    simulated.advance(10.0)
    simulated.kill(server)
    assert _answers(simulated) == ["ping"]
    actor: Any = client._actor
    assert (actor._pending, actor._monitored) == ({}, {})
    assert simulated.monitors_of(server) == 0


@KINDS
@pytest.mark.parametrize("error", [BoomError("bug"), SystemExit(1)])
def test_rule_73_an_exception_crashes_the_server_and_tells_the_caller(
    lab: Laboratory, kind: type[Worker], error: BaseException
) -> None:
    server = lab.worker("server", kind)
    client = _request(lab, server, lambda _: throw(error))
    assert [answer.reason.detail for answer in _answers(lab)] == [error]
    assert not server.is_alive()
    assert client.is_alive()


def test_rule_73_from_outside(lab: Laboratory) -> None:
    server = lab.worker("server")
    with pytest.raises(ActorDiedError, match="BoomError: bug"):
        lab.ask(server, lambda _: throw(BoomError("bug")))
    assert not server.is_alive()


def test_a_server_that_ends_in_a_request_tells_its_reason(lab: Laboratory) -> None:
    server = lab.worker("server")
    _request(lab, server, lambda actor: actor.exit(NORMAL))
    assert _answers(lab) == [RequestFailed(NORMAL)]


@pytest.mark.parametrize("message", ["queued", later], ids=["queued", "deferred"])
def test_a_server_that_dies_before_it_answers_fails_what_waits(lab: Laboratory, message: Any) -> None:
    server = lab.worker("server")
    client = lab.worker("client")

    def ask_and_break(actor: Worker) -> None:
        actor.request(server, message, recorder(lab, "r"))
        server.tell(lambda _: throw(BoomError("before")))

    server.tell(lambda _: client.tell(ask_and_break))
    lab.settle()
    answers = _answers(lab)
    assert len(answers) == 1
    assert answers == ["queued"] or isinstance(answers[0], RequestFailed)


def test_a_request_in_a_killed_servers_mailbox_fails_with_killed(simulated: Laboratory) -> None:
    server, client = simulated.worker("server"), simulated.worker("client")

    def ask_and_kill(actor: Worker) -> None:
        actor.request(server, "never read", recorder(simulated, "r"))
        send_exit(server, KILL)

    simulated.tell(client, ask_and_kill)
    assert _answers(simulated) == [RequestFailed(ExitReason("killed"))]


def test_a_deferred_answer_comes_later_and_once(lab: Laboratory) -> None:
    server = lab.worker("server")
    _request(lab, server, later)
    assert _answers(lab) == []
    lab.tell(server, lambda actor: (actor.kept.reply(1), actor.kept.reply(2), actor.kept.fail(NORMAL)))
    assert _answers(lab) == [1]


def test_a_task_gets_no_answer_to_what_it_asked_since_it_has_ended(lab: Laboratory) -> None:
    server = lab.worker("server")
    task = lab.start(Task(lambda actor: actor.request(server, "ping", recorder(lab, "r"))))
    lab.settle()
    assert (lab.reason_of(task), _answers(lab)) == (NORMAL, [])
    assert server.is_alive()


def test_caller_outside_of_a_request_is_an_error(lab: Laboratory) -> None:
    worker = lab.worker()
    lab.tell(worker, later)
    assert "not handling a request" in str(lab.reason_of(worker))


def test_rule_75_stray_messages_are_logged(lab: Laboratory, logs: list[Any]) -> None:
    class Deaf(Worker):
        def on_receive(self, message: Any) -> Any:
            return super(Worker, self).on_receive(message)

    deaf = lab.worker("deaf", Deaf)
    lab.tell(deaf, "what?")
    assert deaf.is_alive()
    assert [(entry["event"], entry["actor"], entry["message"]) for entry in logs] == [
        ("unexpected message", "deaf", "'what?'")
    ]


@pytest.mark.parametrize("call", ["ask", "start", "terminate", "stop"])
def test_what_waits_is_refused_inside_an_actor(lab: Laboratory, call: str) -> None:
    calls: dict[str, Any] = {
        "ask": lambda: lab.system.ask("other", "x"),
        "start": lambda: lab.system.start(lab.make("new")),
        "terminate": lambda: lab.system.terminate(lab.find("other"), 1.0),
        "stop": lab.system.stop,
    }
    lab.worker("other")
    worker = lab.worker()
    lab.tell(worker, lambda _: calls[call]())
    assert "refused inside the actor w" in str(lab.reason_of(worker))
    assert lab.find("other").is_alive()


def test_rule_74_clean_up_runs_once_at_each_end_but_a_kill(lab: Laboratory) -> None:
    def tell_to_end(ref: Ref) -> None:
        send_exit(ref, ExitReason("crash", "odd"), lab.worker("stranger"))
        lab.settle()

    ends: dict[str, Any] = {
        "stopped": lab.end,
        "left": lambda ref: lab.leave(ref, NORMAL),
        "crashed": lab.crash,
        "told": tell_to_end,
        "killed": lab.kill,
    }
    for name, end in ends.items():
        end(lab.worker(name))
    assert lab.seen("end") == [
        ("end", "stopped", "shutdown"),
        ("end", "left", "normal"),
        ("end", "crashed", "crash"),
        ("end", "told", "crash"),
    ]


@pytest.mark.parametrize("call", ["ask", "stop", "proxy"])
def test_pykkas_own_ways_to_wait_are_refused(lab: Laboratory, call: str) -> None:
    ref: Any = lab.worker()
    with pytest.raises(TypeError, match=f"pykka's {call} of w"):
        ref.ask("x") if call == "ask" else getattr(ref, call)()


def test_an_actor_starts_once(lab: Laboratory) -> None:
    actor = lab.make("w")
    ref = lab.start(actor, "w")
    with pytest.raises(RuntimeError, match="was started before"):
        lab.system.start(actor)
    assert lab.ask(ref, "ping") == "ping"


def test_a_start_that_takes_too_long_is_killed(lab: Laboratory) -> None:
    actor = lab.make("slow")
    actor.outcome = DEFERRED  # never acknowledged
    with pytest.raises(TimeoutError, match="slow to start"):
        lab.system.start(actor, "slow", 0.01)
    assert lab.system.whereis("slow") is None


def test_an_ignored_start_from_outside_is_told(lab: Laboratory) -> None:
    with pytest.raises(StartFailedError, match="ignore"):
        lab.system.start(Worker("w", lab.events, IGNORE), "w")


def test_batches_hand_over_what_has_gathered_and_nothing_else(simulated: Laboratory) -> None:
    class Batching(Worker):
        batches = True

        def on_batch(self, messages: list[Any]) -> None:
            self.events.append(("batch", list(messages)))

    lab = simulated
    batching, watched = lab.worker("b", Batching), lab.worker("watched")
    lab.ask(batching, lambda actor: actor.monitor(watched))
    client = lab.worker("client")
    lab.seen()

    def flood(actor: Worker) -> None:
        for number in range(3):
            batching.tell(number)
        actor.request(batching, "question", recorder(lab, "r"))
        send_exit(watched, KILL)
        batching.tell(3)

    lab.tell(client, flood)
    events = lab.seen()
    assert [event[1] for event in events if event[0] == "batch"] == [[0, 1, 2], [3]]
    assert ("answer", "r", "question") in events
    assert any(event[0] == "got" and isinstance(event[2], Down) for event in events)


def test_send_after_comes_at_its_time_and_cancel_stops_it(simulated: Laboratory) -> None:
    worker = simulated.worker()
    kept: list[Any] = []
    simulated.tell(worker, lambda actor: kept.extend(actor.send_after(delay_s, delay_s) for delay_s in (2.0, 1.0, 1.5)))
    kept[2].cancel()
    simulated.advance(1.999)
    assert [event[2] for event in simulated.seen("got")] == [1.0]
    simulated.advance(0.001)
    assert [event[2] for event in simulated.seen("got")] == [2.0]
    assert not any(timer.is_pending for timer in kept)


def test_virtual_time_stops_at_each_timer(simulated: Laboratory) -> None:
    class Ticking(Worker):
        def on_receive(self, message: Any) -> Any:
            if message != "tick":
                return super().on_receive(message)
            self.events.append(("tick", self.system.clock.monotonic_s()))
            self.send_after(1.0, "tick")
            return None

    simulated.tell(simulated.worker("t", Ticking), "tick")
    simulated.advance(3.5)
    assert simulated.seen("tick") == [("tick", 0.0), ("tick", 1.0), ("tick", 2.0), ("tick", 3.0)]
    assert simulated.system.clock.monotonic_s() == 3.5


def test_timers_on_threads_fire_in_order(live: Laboratory) -> None:
    class Waiting(Worker):
        def on_receive(self, message: Any) -> Any:
            if not isinstance(message, int):
                return super().on_receive(message)
            self.events.append(("tick", message))
            if message == 2:
                self.kept.reply([event[1] for event in self.events if event[0] == "tick"])  # type: ignore[attr-defined] # set by this test
            return None

    def go(actor: Worker) -> Any:
        for number, delay_s in ((2, 0.02), (1, 0.01), (0, 0.0)):
            actor.send_after(delay_s, number)
        actor.send_after(0.015, 7).cancel()
        return later(actor)

    assert live.ask(live.worker("w", Waiting), go) == [0, 1, 2]
