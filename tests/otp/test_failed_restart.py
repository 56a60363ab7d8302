"""Restarts that fail, and what is served meanwhile: OTP rules 41-46."""

from typing import Any

import pytest

from naive_daemon.otp import (
    DEFERRED,
    IGNORE,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Actor,
    Call,
    ChildCounts,
    ChildSpec,
    ChildStarted,
    ChildState,
    CountChildren,
    DeleteChild,
    Done,
    RestartChild,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorError,
    TerminateChild,
    WhichChildren,
)
from tests.otp.laboratory import BoomError, Laboratory, Stubborn, Worker, recorder, throw

FOREVER = [None, *[BoomError("again")] * 50]


class Restarting:
    """A child whose restarts fail; `ask` puts a question in between two attempts."""

    def __init__(self, lab: Laboratory) -> None:
        self.lab = lab
        self.answers: list[Any] = []
        self.attempts = 0
        self.question: Any = None
        self.ask_at = 2
        self.supervisor = lab.start(
            Supervisor([ChildSpec(id="a", start=self._make), lab.spec("b")], max_restarts=20, period_s=60)
        )

    def _make(self) -> Worker:
        self.attempts += 1
        if self.attempts > 1:
            if self.attempts == self.ask_at:
                # Sent in the middle of the restart: it must be served before the next attempt.
                self.supervisor.tell(Call(self.question, self.answers.append, self.answers.append))
            throw(BoomError("again"))
        return self.lab.make("a")


@pytest.mark.parametrize(("max_restarts", "starts"), [(0, 1), (1, 2), (3, 4)])
@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_rules_41_and_43_each_attempt_is_charged(
    lab: Laboratory, max_restarts: int, starts: int, is_dynamic: bool
) -> None:
    lab.plan("a", *FOREVER)
    spec = lab.spec("a")
    supervisor = (
        lab.dynamic(spec, max_restarts=max_restarts) if is_dynamic else lab.supervisor(spec, max_restarts=max_restarts)
    )
    lab.crash("a")
    assert lab.starts() == ["a"] * starts
    assert lab.reason_of(supervisor) == SHUTDOWN


@pytest.mark.parametrize("failure", [BoomError("no"), SystemExit(2), SHUTDOWN])
def test_rule_42_a_failed_restart_is_tried_again(lab: Laboratory, failure: Any) -> None:
    lab.plan("a", None, failure, failure)
    supervisor = lab.supervisor("a", max_restarts=3)
    lab.crash("a")
    assert lab.starts() == ["a"] * 4
    assert lab.states(supervisor) == {"a": "running"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (StartChild(ChildSpec(id="a", start=Actor)), SupervisorError("already_present")),
        (RestartChild("a"), SupervisorError("restarting")),
        (DeleteChild("a"), SupervisorError("restarting")),
        (CountChildren(), ChildCounts(specs=2, active=1, supervisors=0, workers=2)),
    ],
)
def test_rules_42_and_44_requests_are_served_between_attempts(
    simulated: Laboratory, question: Any, answer: Any
) -> None:
    restarting = Restarting(simulated)
    restarting.question = question
    simulated.crash(_ref_of(simulated, restarting.supervisor, "a"))
    assert restarting.answers == [answer]


def test_rule_44_terminate_cancels_the_retry(simulated: Laboratory) -> None:
    restarting = Restarting(simulated)
    restarting.question = TerminateChild("a")
    simulated.crash(_ref_of(simulated, restarting.supervisor, "a"))
    assert restarting.answers == [Done()]
    assert restarting.attempts == 2
    assert simulated.states(restarting.supervisor) == {"a": "stopped", "b": "running"}
    assert simulated.ask(restarting.supervisor, RestartChild("a")).kind == "failed"
    assert simulated.states(restarting.supervisor) == {"a": "stopped", "b": "running"}


def test_rule_44_restarting_is_shown(lab: Laboratory) -> None:
    lab.plan("a", None, BoomError("once"), DEFERRED)
    supervisor = lab.supervisor("a", "b", max_restarts=5)
    lab.crash("a")
    assert lab.states(supervisor) == {"a": "starting", "b": "running"}
    lab.tell("a", lambda actor: actor.acknowledge_start())
    assert lab.states(supervisor) == {"a": "running", "b": "running"}


def test_rules_44_61_a_child_between_two_attempts_is_restarting(simulated: Laboratory) -> None:
    restarting = Restarting(simulated)
    restarting.question = WhichChildren()
    simulated.crash(_ref_of(simulated, restarting.supervisor, "a"))
    [infos] = restarting.answers
    assert [(info.id, info.ref is None, info.state) for info in infos] == [
        ("a", True, ChildState.RESTARTING),
        ("b", False, ChildState.RUNNING),
    ]


def test_rule_44_a_retry_that_was_cancelled_does_not_come_back(simulated: Laboratory) -> None:
    """Its note is still in the mailbox when the child is started by hand, and fails again."""
    lab = simulated
    restarting = Restarting(lab)
    restarting.question = TerminateChild("a")
    lab.crash(_ref_of(lab, restarting.supervisor, "a"))
    attempts = restarting.attempts
    assert lab.ask(restarting.supervisor, RestartChild("a")).kind == "failed"
    lab.settle()
    assert restarting.attempts == attempts + 1


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_rule_44_a_supervisor_is_stopped_in_the_middle_of_the_loop(simulated: Laboratory, attempts: int) -> None:
    lab = simulated
    restarting = Restarting(lab)
    restarting.ask_at = 0
    child = _ref_of(lab, restarting.supervisor, "a")
    child.tell(lambda _: throw(BoomError("boom")))
    for _ in range(100):
        lab.system._simulated.step()  # type: ignore[attr-defined] # the simulated system's
        if restarting.attempts > attempts:
            break
    assert lab.end(restarting.supervisor) == SHUTDOWN
    assert restarting.attempts == attempts + 1
    assert lab.system.whereis("b") is None


@pytest.mark.parametrize(
    ("strategy", "starts"),
    [(Strategy.ONE_FOR_ALL, ["a", "b", "a", "b", "c"]), (Strategy.REST_FOR_ONE, ["a", "b", "b", "c"])],
)
def test_rule_45_the_retry_is_a_restart_of_who_failed(lab: Laboratory, strategy: Strategy, starts: list[str]) -> None:
    for max_restarts, survives in ((2, True), (1, False)):
        lab.plan("b", None, BoomError("once"))
        supervisor = lab.supervisor("a", "b", "c", strategy=strategy, max_restarts=max_restarts)
        lab.seen()
        lab.kill("a")
        if survives:
            assert lab.starts() == starts
            assert set(lab.states(supervisor).values()) == {"running"}
            lab.end(supervisor)
        else:
            assert lab.starts() == ["a", "b"]
            assert lab.reason_of(supervisor) == SHUTDOWN


def test_rule_46_an_ignored_restart_is_a_success(lab: Laboratory) -> None:
    lab.plan("a", None, IGNORE)
    supervisor = lab.supervisor("a")
    lab.crash("a")
    assert lab.states(supervisor) == {"a": "stopped"}
    lab.plan("d", None, IGNORE)
    dynamic = lab.dynamic(lab.spec("d"))
    lab.crash("d")
    assert lab.states(dynamic) == {}


def _ref_of(lab: Laboratory, supervisor: Any, child_id: str) -> Any:
    return lab.refs(supervisor)[child_id]


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_a_name_that_an_orphan_holds_is_waited_for(lab: Laboratory, is_dynamic: bool) -> None:
    """A supervisor that was killed comes back while what it has left is still ending."""
    orphan, heir = (
        lab.start(Supervisor([lab.spec("name", Stubborn)])),
        lab.dynamic() if is_dynamic else lab.supervisor(),
    )
    left = lab.find("name")
    client = lab.worker("client")
    lab.kill(orphan)
    request = StartChild(lab.spec("name"))
    lab.tell(client, lambda actor: actor.request(heir, request, recorder(lab, "r"), 60))
    assert lab.states(heir) == {"name": "starting"}
    lab.seen()
    lab.leave(left, NORMAL)
    assert lab.find("name") is not left
    assert lab.seen("answer") == [("answer", "r", ChildStarted(lab.find("name")))]
    assert lab.states(heir) == {"name": "running"}


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_an_orphan_that_does_not_end_is_killed(simulated: Laboratory, is_dynamic: bool) -> None:
    lab = simulated
    orphan, heir = (
        lab.start(Supervisor([lab.spec("name", Stubborn)])),
        lab.dynamic() if is_dynamic else lab.supervisor(),
    )
    left = lab.find("name")
    lab.kill(orphan)
    client = lab.worker("client")
    request = StartChild(lab.spec("name"))
    lab.tell(client, lambda actor: actor.request(heir, request, recorder(lab, "r"), 60))
    lab.advance(5)
    assert lab.reason_of(left) == KILLED
    assert lab.seen("answer") == [("answer", "r", ChildStarted(lab.find("name")))]


@pytest.mark.parametrize("is_dynamic", [False, True], ids=["static", "dynamic"])
def test_a_supervisor_that_waits_for_an_orphan_can_be_stopped(lab: Laboratory, is_dynamic: bool) -> None:
    orphan, heir = (
        lab.start(Supervisor([lab.spec("name", Stubborn)])),
        lab.dynamic() if is_dynamic else lab.supervisor(),
    )
    left, client = lab.find("name"), lab.worker("client")
    lab.kill(orphan)
    request = StartChild(lab.spec("name"))
    lab.tell(client, lambda actor: actor.request(heir, request, recorder(lab, "r"), 60))
    assert lab.end(heir) == SHUTDOWN
    lab.settle()
    assert [event[2].reason for event in lab.seen("answer")] == [SHUTDOWN]
    lab.leave(left, NORMAL)
    assert lab.system.whereis("name") is None
