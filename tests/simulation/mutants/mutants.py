"""The deliberate bugs that the simulation has to find: each a mistake that a tired engineer could make."""

from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.mutants_found import FOUND
from tests.simulation.mutants.mutants_of_orders import ORDERS
from tests.simulation.mutants.mutants_of_rules import RULES
from tests.simulation.mutants.mutants_of_safeguards import SAFEGUARDS
from tests.simulation.mutants.mutants_of_supervision import SUPERVISION

MUTANTS: tuple[Mutant, ...] = (*RULES, *ORDERS, *SUPERVISION, *SAFEGUARDS, *FOUND)
