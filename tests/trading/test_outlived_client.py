"""A manager that is busy with a fill as its supervisors are killed outlives its paper client: the next one is level."""

from typing import Any

from naive_daemon import names
from naive_daemon.domain.events import OrderEvent, OrderFilled
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.otp.ref import CURRENT
from naive_daemon.otp.simulation_dispatcher import STEPS_MAX
from tests.trading.plant import Plant
from tests.trading.table import ACCOUNT


def kill_supervisors_at_next_fill(plant: Plant) -> None:
    """Let everybody go on but the manager, which has the fill in hand."""
    manager: Any = plant.actor(names.execution_manager(ACCOUNT))
    client, take_event = plant.ref(names.client(ACCOUNT)), manager._take_event

    def take_slowly(event: OrderEvent) -> None:
        manager._take_event, actor = take_event, CURRENT.actor
        assert isinstance(event, OrderFilled)
        assert plant.kill(names.ACCOUNTS)
        assert plant.kill(names.account_supervisor(ACCOUNT))
        plant.stepper.run_until_idle(STEPS_MAX)
        assert plant.ref(names.client(ACCOUNT)) is not client
        CURRENT.actor = actor
        take_event(event)

    manager._take_event = take_slowly


def test_the_next_paper_client_has_every_fill_that_is_journaled() -> None:
    plant = Plant("AAAQ")
    plant.fill_model = FillModel.VOLUME
    plant.start().on().trade("100")
    kill_supervisors_at_next_fill(plant)
    for quantity in ("0.5", "0.7", "50"):
        plant.trade("99.5", quantity=quantity)
        plant.wait(20)
    plant.trade("101", quantity="50")
    assert plant.completed() == 1
    plant.check()
    plant.stop()
