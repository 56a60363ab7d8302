"""Several things that go wrong at once, and that hardly ever meet when each of them is drawn by itself."""

from tests.simulation.mishaps.befalling import Befall
from tests.simulation.mishaps.of_operators import OF_OPERATORS
from tests.simulation.mishaps.of_orders import OF_ORDERS
from tests.simulation.mishaps.of_supervision import OF_SUPERVISION

MISHAPS: dict[tuple[str, str], Befall] = {**OF_ORDERS, **OF_SUPERVISION, **OF_OPERATORS}
"""Kind and place of each, and how it befalls."""
