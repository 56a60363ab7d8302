"""The proof: many accounts start, half of them change settings, a third stops, the daemon is killed, all go on."""

import time
from collections.abc import Callable

from tests.flow.trial import Trial


def prove(trial: Trial, tell: Callable[[str], object], kills: int = 2) -> None:
    """Do all of it, and compare after each step; raises AssertionError. `tell` hears of each step that agreed."""
    began = time.monotonic()

    def agreed(step: str, still_at: str | None = None) -> None:
        told = trial.await_agreement(still_at)
        tell(f"{time.monotonic() - began:6.1f} s  {step}: {told}")

    trial.start()
    agreed("started")
    trial.trade("100")
    agreed("a trade: all buy", still_at="100")
    trial.change((account, symbol) for account in trial.accounts[1::2] for symbol in trial.symbols)
    agreed("half change their settings, with orders open")
    trial.trade("99")
    agreed("bought: all sell")
    trial.trade("105")
    agreed("sold: changed works have moved")
    trial.trade("105")  # again: who has begun anew before the last one came has bought at the same price
    agreed("a trade: all buy", still_at="105")
    stopped = trial.accounts[::6]
    trial.stop_all(trial.symbols[-1:])
    trial.stop_each(stopped, trial.symbols[:-1])
    agreed("a third stops")
    for number in range(kills):
        trial.kill_daemon()
        if number:
            trial.trade("104")  # while nobody is there
        trial.start_daemon()
        agreed("killed and started")
    trial.trade("104")
    agreed("bought: who is on sells")
    trial.go_on_all(trial.symbols[-1:])
    trial.go_on_each(stopped, trial.symbols[:-1])
    agreed("all on: all sell")
    trial.trade("110")
    agreed("sold")
    trial.trade("110")
    agreed("a trade: all buy", still_at="110")
    assert trial.command("flow") == trial.shown()
    tell(trial.audit())
