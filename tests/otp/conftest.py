"""A laboratory for each test, on each kind of system, and a captured log.

`lab` runs a test on shared threads (`pool`), on a thread for each actor (`thread`), and in virtual time (`simulated`),
there first in the order of arrival and then on the seeds of `--seeds`. A failing test carries its seed in its name:
`test_x[simulated-seed-7]` is run again by `--seeds 7-7`.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import pytest
import structlog

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp import ActorSystem
from tests.otp.laboratory import Laboratory

SEEDS = range(1, 3)
"""What simulated tests run on when nobody asks for more."""


class Place(msgspec.Struct, frozen=True):
    """What a test's actors run on; without a seed, `simulated` runs them in the order in which they woke."""

    dispatcher: Literal["pool", "thread", "simulated"]
    seed: int | None = None

    def system(self) -> ActorSystem:
        if self.dispatcher == "simulated":
            return ActorSystem.simulated(VirtualClock(), seed=self.seed)
        return ActorSystem.live(WallClock(), dispatcher=self.dispatcher)

    def parameter(self) -> Any:
        """Give it as pytest wants it, with the mark by which one chooses and the seed in the test's name."""
        mark = pytest.mark.virtual_time if self.dispatcher == "simulated" else pytest.mark.real_threads
        name = self.dispatcher if self.seed is None else f"{self.dispatcher}-seed-{self.seed}"
        return pytest.param(self, id=name, marks=mark)


def seed_range(text: str) -> range:
    """Read `N` as the seeds 1 to N, and `A-B` as those from A to B."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(1, int(first) + 1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("otp").addoption(
        "--seeds", type=seed_range, default=SEEDS, metavar="N|A-B", help="run simulated tests on these seeds, too"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_threads: what runs on threads, where each run may be another")
    config.addinivalue_line("markers", "virtual_time: what runs on a simulated system, the same for a seed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    seeds = metafunc.config.getoption("seeds", default=SEEDS)  # without default when this folder is found late
    threads = [Place("pool"), Place("thread")]
    virtual = [Place("simulated"), *(Place("simulated", seed) for seed in seeds)]
    places = {"lab": threads + virtual, "live": threads, "simulated": virtual, "in_order": virtual[:1]}
    for fixture in places.keys() & set(metafunc.fixturenames):
        metafunc.parametrize(fixture, [place.parameter() for place in places[fixture]], indirect=True)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """Events that were logged; nothing is printed."""
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


def laboratory_at(place: Place) -> Iterator[Laboratory]:
    laboratory = Laboratory(place.system())
    yield laboratory
    laboratory.close()


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """Run the test on shared threads, on a thread for each actor, and in virtual time."""
    yield from laboratory_at(request.param)


@pytest.fixture
def live(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """Run the test on real threads only."""
    yield from laboratory_at(request.param)


@pytest.fixture
def simulated(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """Run the test in virtual time only."""
    yield from laboratory_at(request.param)


@pytest.fixture
def in_order(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """Run the test in virtual time, where actors run in the order in which they became runnable."""
    yield from laboratory_at(request.param)
