"""The runtime against the model: random trees and random crashes, compared each time that everything is at rest.

A failure prints its scenario as Python. `OTP_MODEL_EXAMPLES=20000` plays that many instead of a few
hundred (with `--timeout 0`).
"""

import os
from collections import Counter
from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp import ActorSystem
from tests.otp.laboratory import Laboratory
from tests.otp.model import Model
from tests.otp.model_comparison import play
from tests.otp.model_scenarios import scenarios
from tests.otp.model_script import (
    Ask,
    Dynamic,
    Leaf,
    RestartChild,
    Scenario,
    Start,
    StartChild,
    Static,
    Strike,
    TerminateChild,
)

EXAMPLES = int(os.environ.get("OTP_MODEL_EXAMPLES", "300"))
LIVE_EXAMPLES = max(1, EXAMPLES // 10)
REACHED_EXAMPLES = 500
"""How many scenarios the model alone plays to see what they reach: each situation some seven times and more."""

SITUATIONS = {
    "a failed init",
    "a failed restart",
    "a restart that has aged out",
    "a supervisor is started again",
    "an ignored restart",
    "auto-shutdown",
    "auto-shutdown of a significant supervisor",
    "give up",
    "give-up cascade",
    "group restart with a failing sibling",
    "several at the same moment",
    "stopped in the restart loop",
    "terminate_child cancels a restart",
    "the top fails to start",
}
"""What the scenarios must reach, or they prove nothing about it."""

# Scenarios are large and drawn with the model at hand, which refuses some: that is slow, and meant so.
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

TOP = ("top",)
CRASH_A = Strike(at=TOP, ids=("a",), ways=("crash",))


def play_in(system: ActorSystem, scenario: Scenario) -> None:
    lab = Laboratory(system)
    try:
        for situation in +play(lab, scenario).seen:
            event(situation)
    finally:
        lab.close()


@given(scenario=scenarios())
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=UNHURRIED)
def test_the_tree_is_what_the_rules_say(scenario: Scenario) -> None:
    play_in(ActorSystem.simulated(VirtualClock()), scenario)


@given(scenario=scenarios(in_order=False), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=max(1, EXAMPLES // 3), suppress_health_check=UNHURRIED)
def test_it_is_so_in_whatever_order_actors_run(scenario: Scenario, seed: int) -> None:
    play_in(ActorSystem.simulated(VirtualClock(), seed=seed), scenario)


@pytest.mark.parametrize("dispatcher", ["pool", "thread"])
@given(scenario=scenarios(virtual=False, in_order=False))
@settings(deadline=None, max_examples=LIVE_EXAMPLES, suppress_health_check=UNHURRIED)
def test_it_is_so_on_threads(dispatcher: Literal["pool", "thread"], scenario: Scenario) -> None:
    play_in(ActorSystem.live(WallClock(), dispatcher=dispatcher), scenario)


def test_the_scenarios_reach_what_matters() -> None:
    seen: Counter[str] = Counter()

    @given(scenario=scenarios())
    @settings(
        deadline=None,
        max_examples=REACHED_EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=UNHURRIED,
    )
    def collect(scenario: Scenario) -> None:
        model = Model(scenario.tree)
        for number, step in enumerate(scenario.steps):
            model.step(number, step)
        seen.update((+model.seen).keys())

    collect()
    assert seen.keys() == SITUATIONS


# What the model has found ------------------------------------------------------------------------------------------


def test_rule_44_a_retry_that_was_cancelled_is_not_charged(lab: Laboratory) -> None:
    starts = (Start(), Start(does="raise", asks=(TerminateChild(id="a"),)))
    for tree, start in (
        (Static(id="top", children=(Leaf(id="a", starts=starts),)), ()),
        (Dynamic(id="top", max_restarts=1), (Ask(at=TOP, request=StartChild(child=Leaf(id="a", starts=starts))),)),
    ):
        play(lab, Scenario(tree=tree, steps=(*start, CRASH_A)))


def test_rule_45_who_is_not_retried_itself_is_not_shown_as_restarting(lab: Laboratory) -> None:
    a = (Start(), Start(), Start(does="raise", asks=(TerminateChild(id="a"),)))
    tree = Static(
        id="top",
        strategy="one_for_all",
        max_restarts=3,
        children=(Leaf(id="a", starts=a), Leaf(id="b", starts=(Start(), Start(does="raise")))),
    )
    play(lab, Scenario(tree=tree, steps=(CRASH_A, Ask(at=TOP, request=RestartChild(id="b")))))


def test_rule_46_who_was_ignored_and_is_started_by_hand_at_once_can_be_stopped(lab: Laboratory) -> None:
    starts = (Start(), Start(does="ignore", asks=(RestartChild(id="a"),)))
    tree = Static(id="top", children=(Leaf(id="a", starts=starts),))
    play(lab, Scenario(tree=tree, steps=(CRASH_A, Ask(at=TOP, request=TerminateChild(id="a")))))


def test_rule_27_an_end_that_a_group_restart_has_seen_to_is_not_looked_at_again(in_order: Laboratory) -> None:
    b = Leaf(id="b", restart="transient", starts=(Start(), Start(does="raise")))
    tree = Static(id="top", strategy="rest_for_one", max_restarts=2, children=(Leaf(id="a"), b))
    play(in_order, Scenario(tree=tree, steps=(Strike(at=TOP, ids=("a", "b"), ways=("crash", "normal")),)))


def test_rules_3_and_79_a_bad_spec_is_refused_whatever_is_there(lab: Laboratory) -> None:
    bad = Ask(at=TOP, request=StartChild(child=Leaf(id="a", restart="transient", significant=True)))
    play(lab, Scenario(tree=Static(id="top", children=(Leaf(id="a"),)), steps=(bad,)))
    play(lab, Scenario(tree=Dynamic(id="top", max_children=0), steps=(bad,)))
