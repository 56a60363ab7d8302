"""Supervisors that end with their significant children: OTP rules 53-57."""

import pytest

from naive_daemon.otp import (
    NORMAL,
    SHUTDOWN,
    AutoShutdown,
    ChildSpec,
    ChildType,
    ExitReason,
    Restart,
    RestartChild,
    Strategy,
    Supervisor,
    TerminateChild,
    shutdown,
)
from tests.otp.laboratory import Laboratory

CRASH = ExitReason("crash", "odd")


@pytest.mark.parametrize(
    ("restart", "reason", "ends"),
    [
        (Restart.TRANSIENT, NORMAL, True),
        (Restart.TRANSIENT, shutdown("detail"), True),
        (Restart.TRANSIENT, CRASH, False),
        (Restart.TEMPORARY, NORMAL, True),
        (Restart.TEMPORARY, CRASH, True),
    ],
)
def test_rules_53_and_54_any_significant(lab: Laboratory, restart: Restart, reason: ExitReason, ends: bool) -> None:
    supervisor = lab.supervisor(
        "a", lab.spec("s", restart=restart, significant=True), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT
    )
    lab.seen()
    lab.leave("s", reason)
    assert supervisor.is_alive() is not ends
    if ends:
        assert lab.reason_of(supervisor) == SHUTDOWN
        assert lab.seen("end")[-1] == ("end", "a", "shutdown")


def test_rule_55_all_significant_waits_for_the_last(lab: Laboratory) -> None:
    specs = [lab.spec(name, restart=Restart.TRANSIENT, significant=True) for name in "st"]
    supervisor = lab.supervisor("a", *specs, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    lab.leave("s", NORMAL)
    assert supervisor.is_alive()
    lab.leave("t", NORMAL)
    assert lab.reason_of(supervisor) == SHUTDOWN


def test_rule_55_one_that_was_started_again_counts(lab: Laboratory) -> None:
    specs = [lab.spec(name, restart=Restart.TRANSIENT, significant=True) for name in "st"]
    supervisor = lab.supervisor(*specs, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    lab.leave("s", NORMAL)
    lab.ask(supervisor, RestartChild("s"))
    lab.leave("t", NORMAL)
    assert supervisor.is_alive()


@pytest.mark.parametrize("auto_shutdown", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
def test_rule_56_terminate_and_siblings_do_not_trigger_it(lab: Laboratory, auto_shutdown: AutoShutdown) -> None:
    supervisor = lab.supervisor(
        "a",
        lab.spec("plain", restart=Restart.TRANSIENT),
        lab.spec("s", restart=Restart.TEMPORARY, significant=True),
        lab.spec("t", restart=Restart.TRANSIENT, significant=True),
        auto_shutdown=auto_shutdown,
        strategy=Strategy.REST_FOR_ONE,
    )
    lab.leave("plain", NORMAL)
    lab.ask(supervisor, TerminateChild("t"))
    lab.crash("a")  # stops s and forgets it
    assert lab.states(supervisor) == {"a": "running", "plain": "running", "t": "running"}


@pytest.mark.parametrize("is_significant", [True, False])
def test_rule_57_it_cascades_through_significant_supervisors_only(lab: Laboratory, is_significant: bool) -> None:
    inner = ChildSpec(
        id="inner",
        start=lambda: Supervisor(
            [lab.spec("s", restart=Restart.TRANSIENT, significant=True)], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT
        ),
        type=ChildType.SUPERVISOR,
        restart=Restart.TRANSIENT,
        significant=is_significant,
    )
    outer = lab.supervisor("a", inner, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    lab.leave("s", NORMAL)
    assert outer.is_alive() is not is_significant
    if not is_significant:
        assert lab.states(outer) == {"a": "running", "inner": "stopped"}
