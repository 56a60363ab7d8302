"""Timers of a live system: one that fails costs the others nothing."""

import threading
from typing import Any

import pytest

from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, throw


def test_a_timer_that_raises_is_told_and_the_others_fire(live: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    fired = threading.Event()
    live.system.timers.after(0, lambda: throw(BoomError("boom")))
    live.system.timers.after(0, lambda: throw(SystemExit(1)))
    live.system.timers.after(0, fired.set)
    assert fired.wait(PATIENCE_S)
    assert [str(arguments.exc_value) for arguments in told] == ["boom", "1"]
