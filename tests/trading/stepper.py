"""A simulated dispatcher that counts its steps, may draw whose turn it is, and lets a test strike before any step."""

import random
from typing import TYPE_CHECKING

from naive_daemon.otp import ActorSystem, SimulatedSystem
from naive_daemon.otp.clock import MovableClock
from naive_daemon.otp.simulation_dispatcher import SimulatedDispatcher

if TYPE_CHECKING:
    from collections.abc import Callable


class Stepper(SimulatedDispatcher):
    """One step is one message of one actor. With `order`, any runnable actor may be next, as on threads."""

    def __init__(self, order: random.Random | None) -> None:
        super().__init__()
        self.steps = 0
        self.strike: Callable[[int], None] | None = None
        self._order = order

    def run_until_idle(self, steps_max: int) -> bool:
        runnable = self._runnable
        while runnable:
            self.steps += 1
            if self.strike is not None:
                self.strike(self.steps)
            if self._order is not None and len(runnable) > 1:
                runnable.rotate(-self._order.randrange(len(runnable)))
            actor = runnable.popleft()
            actor.run_batch(1)
            if actor.actor_inbox.release():
                runnable.append(actor)
        return True


def stepped_system(clock: MovableClock, order: random.Random | None = None) -> tuple[SimulatedSystem, Stepper]:
    system = ActorSystem.simulated(clock)
    stepper = Stepper(order)
    system._simulated = stepper
    system._dispatchers = {"pool": stepper, "thread": stepper}
    return system, stepper
