"""What a figure says of its peers: a rate must be high enough, a cost low enough, a skipped peer says nothing."""

import json

import pytest

from tests.benchmarks import report
from tests.benchmarks.figure import Comparison, Figure

SKIPPED = Comparison(peer="nobody", goal=2.0, skipped="not installed")


@pytest.mark.parametrize(
    ("value", "is_cost", "goal", "ratio", "met"),
    [
        (20.0, False, 2.0, 2.0, True),
        (19.0, False, 2.0, 1.9, False),
        (20.0, True, 2.0, 2.0, True),
        (21.0, True, 2.0, 2.1, False),
        (20.0, False, None, 2.0, None),
    ],
)
def test_the_goal_is_the_least_ratio_of_a_rate_and_the_greatest_of_a_cost(
    value: float, is_cost: bool, goal: float | None, ratio: float, met: bool | None
) -> None:
    peer = Comparison(peer="other", value=10.0, goal=goal)
    figure = Figure(name="figure", value=value, unit="1/s", is_cost=is_cost, peers=(peer,))
    assert figure.ratio(peer) == ratio
    assert figure.meets_goal(peer) is met


def test_a_skipped_peer_says_nothing_of_the_goal() -> None:
    figure = Figure(name="figure", value=1.0, unit="1/s", peers=(SKIPPED,))
    assert figure.ratio(SKIPPED) is None
    assert figure.meets_goal(SKIPPED) is None


@pytest.mark.parametrize(("value", "met"), [(1.0, True), (1.1, False)])
def test_a_limit_holds_for_the_value_itself(value: float, met: bool) -> None:
    assert Figure(name="figure", value=value, unit="s", is_cost=True, limit=1.0).meets_limit is met


def test_the_json_carries_ratios_goals_and_who_was_skipped() -> None:
    peers = (Comparison(peer="other", value=4.0, goal=0.25), SKIPPED)
    figure = Figure(name="figure", value=2.0, unit="1/s", peers=peers)
    (written,) = json.loads(report.encode([figure]))["figures"]
    assert [(peer["ratio"], peer["met"], peer["skipped"]) for peer in written["peers"]] == [
        (0.5, True, ""),
        (None, None, "not installed"),
    ]
    assert report.table([figure]).row_count == 2
