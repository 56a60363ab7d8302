"""Tasks: OTP rules 85, 86, and where we differ about autostart."""

from typing import Any

import pytest

from naive_daemon.otp import NORMAL, SHUTDOWN, ChildSpec, Restart, Strategy, Task, task_spec
from tests.otp.laboratory import BoomError, Laboratory, later, recorder, throw


def test_a_task_works_and_ends_normally(lab: Laboratory) -> None:
    witness = lab.worker("witness")
    task = lab.start(Task(lambda actor: witness.tell(actor.label)), "task")
    lab.settle()
    assert lab.reason_of(task) == NORMAL
    assert ("got", "witness", "task") in lab.seen()


def test_rule_85_temporary_by_default_and_its_failure_fails_no_start(lab: Laboratory) -> None:
    spec = task_spec("t", lambda _: throw(BoomError("no")))
    assert spec.restart is Restart.TEMPORARY
    supervisor = lab.supervisor("a", spec, "b", max_restarts=0)
    lab.settle()
    assert lab.states(supervisor) == {"a": "running", "b": "running"}


@pytest.mark.parametrize(("restart", "survives"), [(Restart.TEMPORARY, True), (Restart.TRANSIENT, False)])
def test_rule_86_a_failing_transient_task_consumes_intensity(lab: Laboratory, restart: Restart, survives: bool) -> None:
    runs: list[int] = []

    def fail(_: Task) -> None:
        runs.append(1)
        throw(BoomError("no"))

    supervisor = lab.supervisor(task_spec("t", fail, restart), max_restarts=2)
    lab.settle()
    assert supervisor.is_alive() is survives
    assert len(runs) == (1 if survives else 3)


def test_a_task_lives_until_what_it_has_asked_is_answered(lab: Laboratory) -> None:
    server = lab.worker("server")
    task = lab.start(Task(lambda actor: actor.request(server, later, recorder(lab, "r"))), "task")
    lab.settle()
    assert task.is_alive()
    lab.tell(server, lambda actor: actor.kept.reply("pong"))
    assert (lab.reason_of(task), lab.seen("answer")) == (NORMAL, [("answer", "r", "pong")])


def test_a_task_asks_on_from_an_answer(lab: Laboratory) -> None:
    server = lab.worker("server")

    def work(task: Task) -> None:
        task.request(server, 1, lambda one: task.request(server, one + 1, recorder(lab, "r")))

    task = lab.start(Task(work))
    lab.settle()
    assert (lab.reason_of(task), lab.seen("answer")) == (NORMAL, [("answer", "r", 2)])


def test_a_task_whose_server_dies_or_is_too_slow_ends_too(simulated: Laboratory) -> None:
    lab = simulated
    server = lab.worker("server")
    tasks = [
        lab.start(Task(lambda actor, name=name, for_s=for_s: actor.request(server, later, recorder(lab, name), for_s)))
        for name, for_s in (("slow", 1.0), ("dead", 60.0))
    ]
    lab.advance(1.0)
    lab.kill(server)
    assert [lab.reason_of(task) for task in tasks] == [NORMAL, NORMAL]
    assert [(event[1], event[2].reason.kind) for event in lab.seen("answer")] == [
        ("slow", "timeout"),
        ("dead", "killed"),
    ]


def test_a_task_that_fails_at_an_answer_has_failed(lab: Laboratory) -> None:
    server = lab.worker("server")
    task = lab.start(Task(lambda actor: actor.request(server, "ping", lambda _: throw(BoomError("no")))))
    lab.settle()
    assert str(lab.reason_of(task)) == "BoomError: no"


def test_a_task_that_waits_ignores_what_else_comes_and_ends_when_told(lab: Laboratory, logs: list[Any]) -> None:
    server = lab.worker("server")
    supervisor = lab.supervisor(
        ChildSpec(id="t", start=lambda: Task(lambda actor: actor.request(server, later, print)))
    )
    (task,) = [ref for ref in lab.refs(supervisor).values() if ref is not None]
    lab.tell(task, lambda _: throw(BoomError("no work")))
    assert task.is_alive()
    assert [entry["event"] for entry in logs] == ["unexpected message"]
    lab.end(supervisor)
    assert lab.reason_of(task) == SHUTDOWN


def test_a_transient_task_runs_again_with_what_stands_before_it(lab: Laboratory) -> None:
    """Where we differ: autostart runs again on every restart of what stands before it."""
    runs: list[int] = []
    lab.supervisor(
        "a", task_spec("t", lambda _: runs.append(1), Restart.TRANSIENT), strategy=Strategy.REST_FOR_ONE, max_restarts=3
    )
    lab.settle()
    lab.crash("a")
    assert len(runs) == 2
