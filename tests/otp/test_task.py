"""Tasks: OTP rules 85, 86, and where we differ about autostart."""

import pytest

from naive_daemon.otp import NORMAL, Restart, Strategy, Task, task_spec
from tests.otp.laboratory import BoomError, Laboratory, throw


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


def test_a_transient_task_runs_again_with_what_stands_before_it(lab: Laboratory) -> None:
    """Where we differ: autostart runs again on every restart of what stands before it."""
    runs: list[int] = []
    lab.supervisor(
        "a", task_spec("t", lambda _: runs.append(1), Restart.TRANSIENT), strategy=Strategy.REST_FOR_ONE, max_restarts=3
    )
    lab.settle()
    lab.crash("a")
    assert len(runs) == 2
