"""A graph against a plain model, over random walks; `make flow-soak` goes further."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.redflow.walk import Walk


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_a_graph_is_what_the_model_says_after_each_step(seed: int) -> None:
    Walk(seed).run(100)


def test_a_walk_does_everything_there_is_to_do() -> None:
    walk = Walk(1)
    walk.run(1000)
    assert min(walk.counts.values()) > 10
    assert len(walk.counts) == 12
