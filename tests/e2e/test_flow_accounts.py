"""Many accounts through the installed program: graph, streams and orders are always what a model says.

`make accounts-soak ACCOUNTS=200` does the same with hundreds.
"""

from pathlib import Path

import pytest

from tests.flow.proof import prove
from tests.flow.trial import Trial


@pytest.mark.timeout(240)
def test_works_streams_and_orders_of_many_accounts_are_what_the_model_says(tmp_path: Path) -> None:
    trial = Trial(tmp_path, accounts=12, symbols=3, settings=3, within_s=30.0)
    told: list[str] = []
    try:
        prove(trial, told.append, kills=1)
    finally:
        trial.end()
    assert len(told) == 13
