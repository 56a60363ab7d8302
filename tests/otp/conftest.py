"""A laboratory for each test: a system of one kind, actors that write down what happens to them, and a captured log."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp import ActorSystem
from tests.otp.laboratory import Laboratory


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """Events that were logged; nothing is printed."""
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture(params=["pool", "thread", "simulated"])
def lab(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """Run the test on shared threads, on a thread for each actor, and on the caller's thread with a virtual clock."""
    if request.param == "simulated":
        system: ActorSystem = ActorSystem.simulated(VirtualClock())
    else:
        system = ActorSystem.live(WallClock(), dispatcher=request.param)
    laboratory = Laboratory(system)
    yield laboratory
    laboratory.close()


@pytest.fixture
def simulated() -> Iterator[Laboratory]:
    """Run the test in virtual time only."""
    laboratory = Laboratory(ActorSystem.simulated(VirtualClock()))
    yield laboratory
    laboratory.close()


@pytest.fixture
def live() -> Iterator[Laboratory]:
    """Run the test on real threads only."""
    laboratory = Laboratory(ActorSystem.live(WallClock()))
    yield laboratory
    laboratory.close()
