"""Child specs and flags: OTP rules 1-4, 9, 79."""

import math
import re
from typing import Any

import pytest

from naive_daemon.otp import (
    BRUTAL_KILL,
    INFINITY,
    Actor,
    AutoShutdown,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    Restart,
    StartChild,
    Strategy,
    Supervisor,
)


def test_rule_1_a_missing_id_is_reported_before_a_missing_start() -> None:
    with pytest.raises(ValueError, match="id is missing"):
        ChildSpec()
    with pytest.raises(ValueError, match="id is missing"):
        ChildSpec(id=None, start=Actor)
    with pytest.raises(ValueError, match="'a': start is missing"):
        ChildSpec(id="a")


def test_rule_1_a_mapping_is_a_spec_too() -> None:
    fields: dict[str, Any] = {"start": Actor}
    with pytest.raises(ValueError, match="id is missing"):
        ChildSpec(**fields)
    assert ChildSpec(**fields, id="a").id == "a"


def test_rule_1_any_hashable_is_an_id() -> None:
    assert ChildSpec(id=("symbol", 7), start=Actor).id == ("symbol", 7)


def test_rule_2_defaults() -> None:
    worker = ChildSpec(id="a", start=Actor)
    assert (worker.restart, worker.type, worker.significant) == (Restart.PERMANENT, ChildType.WORKER, False)
    assert worker.grace_s == 5.0
    assert ChildSpec(id="s", start=Actor, type=ChildType.SUPERVISOR).grace_s == INFINITY


@pytest.mark.parametrize("shutdown_s", [0, 0.25, 7, INFINITY, BRUTAL_KILL])
def test_rule_3_good_shutdowns(shutdown_s: float) -> None:
    assert ChildSpec(id="a", start=Actor, shutdown_s=shutdown_s).grace_s == shutdown_s


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", []),
        ("id", ([],)),  # an instance of Hashable, and yet no key
        ("name", {}),
        ("start", "not callable"),
        ("arguments", ["a list"]),
        ("restart", "sometimes"),
        ("restart", "permanent"),  # the text of a member is none: members are compared by identity
        ("type", "boss"),
        ("significant", 1),
        ("shutdown_s", -0.5),
        ("shutdown_s", -1),
        ("shutdown_s", True),
        ("shutdown_s", "soon"),
        ("shutdown_s", math.nan),
    ],
)
def test_rule_3_bad_values_are_named(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"id": "a", "start": Actor} | {field: value}
    with pytest.raises(ValueError, match=re.escape(f"{field}={value!r} is ")):
        ChildSpec(**fields)


@pytest.mark.parametrize(
    ("auto_shutdown", "restart"),
    [
        (AutoShutdown.NEVER, Restart.TRANSIENT),
        (AutoShutdown.NEVER, Restart.PERMANENT),
        (AutoShutdown.ANY_SIGNIFICANT, Restart.PERMANENT),
    ],
)
def test_rule_4_significant_goes_with_auto_shutdown_and_not_with_permanent(
    auto_shutdown: AutoShutdown, restart: Restart
) -> None:
    spec = ChildSpec(id="a", start=Actor, significant=True, restart=restart)
    with pytest.raises(ValueError, match="significant"):
        Supervisor([spec], auto_shutdown=auto_shutdown)


def test_rule_8_the_same_id_twice_refuses_the_supervisor() -> None:
    with pytest.raises(ValueError, match="'a' is there twice"):
        Supervisor([ChildSpec(id="a", start=Actor), ChildSpec(id="a", start=Actor)])


def test_rule_9_defaults_of_flags() -> None:
    supervisor = Supervisor([])
    assert supervisor._strategy is Strategy.ONE_FOR_ONE
    assert supervisor._auto_shutdown is AutoShutdown.NEVER
    assert (supervisor._intensity.max_restarts, supervisor._intensity.period_s) == (1, 5.0)


def test_rule_9_a_dynamic_supervisor_allows_three_restarts_in_five_seconds() -> None:
    supervisor = DynamicSupervisor()
    assert (supervisor._intensity.max_restarts, supervisor._intensity.period_s) == (3, 5.0)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("max_restarts", -1),
        ("max_restarts", 1.0),
        ("max_restarts", True),
        ("period_s", 0),
        ("period_s", -1.0),
        ("period_s", math.nan),
        ("period_s", "5"),
    ],
)
@pytest.mark.parametrize("kind", [lambda **flags: Supervisor([], **flags), DynamicSupervisor])
def test_rule_9_bad_flags_are_named(kind: Any, flag: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{flag}="):
        kind(**{flag: value})


@pytest.mark.parametrize("flag", ["strategy", "auto_shutdown"])
def test_rule_9_bad_choices_are_named(flag: str) -> None:
    flags: dict[str, Any] = {flag: "whatever"}
    with pytest.raises(ValueError, match=f"{flag}='whatever' is none of .*ne"):
        Supervisor([], **flags)


@pytest.mark.parametrize("value", [-1, 1.5, True, "3"])
def test_rule_80_bad_max_children_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match="max_children="):
        DynamicSupervisor(max_children=value)


def test_rule_79_what_is_no_spec_is_refused_in_the_caller() -> None:
    with pytest.raises(TypeError, match="not a ChildSpec"):
        StartChild({"id": "a"})  # type: ignore[arg-type] # what is tested
