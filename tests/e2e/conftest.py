"""Places for the program to run in; whatever happens, nothing of them is left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.place import Place

MakePlace = Callable[..., Place]


@pytest.fixture(scope="module")
def make_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakePlace]:
    """Give what makes places; their homes do not exist yet. All are cleared after the module."""
    places: list[Place] = []

    def make(**environment: str) -> Place:
        places.append(Place(tmp_path_factory.mktemp("place") / "home", **environment))
        return places[-1]

    yield make
    for made in places:
        made.clear()


@pytest.fixture
def elsewhere(make_place: MakePlace) -> Place:
    """Give one more place, for one test."""
    return make_place()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Give a place for one test."""
    made = Place(tmp_path / "home")
    yield made
    made.clear()
