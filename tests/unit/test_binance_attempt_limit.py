"""Attempts to connect: no more than the exchange allows in any period, whoever asks."""

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.exchange.binance.attempt_limit import ATTEMPTS_MAX, PERIOD_S, AttemptLimit


def test_fewer_than_binance_allows() -> None:
    assert ATTEMPTS_MAX < 300
    assert PERIOD_S == 300


@given(st.lists(st.floats(min_value=0, max_value=4), max_size=60))
def test_in_no_period_begin_more_than_allowed(pauses_s: list[float]) -> None:
    limit, now_s, began = AttemptLimit(attempts_max=3, period_s=10), 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        wait_s = limit.wait_s(now_s)
        if wait_s == 0:
            began.append(now_s)
        else:
            assert 0 < wait_s <= 10
    for first, fourth in zip(began, began[3:], strict=False):
        assert fourth - first >= 10


def test_who_waited_may_begin() -> None:
    limit = AttemptLimit(attempts_max=1, period_s=10)
    assert limit.wait_s(5.0) == 0
    assert limit.wait_s(8.0) == 7.0
    assert limit.wait_s(15.0) == 0
