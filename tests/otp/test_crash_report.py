"""What a crash leaves in the log: why, the last messages, the state; bounded, and without secrets."""

from typing import Any

import pytest

from naive_daemon.otp import crash
from naive_daemon.otp.crash_report import REASON_LIMIT, tell_reason
from tests.otp.laboratory import BoomError, Laboratory, Worker, throw


class Keeper(Worker):
    """Has a state worth seeing, and one that nobody may see."""

    def __init__(self, name: str, events: list[Any], outcome: Any = None) -> None:
        super().__init__(name, events, outcome)
        self.price = 65_000
        self.api_key = "hunter2"
        self.database = "postgresql://naive:hunter2@localhost/naive"
        self.history = list(range(1_000_000))
        self.text = "x" * 1_000_000


def _report(logs: list[Any]) -> Any:
    (report,) = [entry for entry in logs if entry["event"] == "actor crashed"]
    return report


def test_a_crash_report_says_why_and_what_came_last(lab: Laboratory, logs: list[Any]) -> None:
    keeper = lab.worker("k", Keeper)
    error = BoomError("boom")
    for number in range(20):
        lab.tell(keeper, number)
    keeper.tell(lambda _: throw(error))
    lab.settle()
    report = _report(logs)
    assert (report["actor"], report["reason"], report["exc_info"]) == ("k", "BoomError: boom", error)
    assert (report["incarnation"], report["handled"]) == (keeper.number, 21)
    assert report["last_messages"][:-1] == [str(number) for number in range(13, 20)]
    assert len(report["last_messages"]) == 8


def test_a_crash_report_counts_what_was_waiting(simulated: Laboratory, logs: list[Any]) -> None:
    keeper = simulated.worker("k", Keeper)
    keeper.tell(lambda _: throw(BoomError("boom")))
    for number in range(5):
        keeper.tell(number)
    simulated.settle()
    assert _report(logs)["waiting"] == 5


def test_a_crash_report_shows_the_state_without_secrets_and_bounded(lab: Laboratory, logs: list[Any]) -> None:
    keeper = lab.worker("k", Keeper)
    lab.tell(keeper, {"password": "hunter2", "price": 5})
    lab.tell(keeper, "y" * 1_000_000)
    lab.crash(keeper)
    report = _report(logs)
    assert report["state"]["price"] == "65000"
    assert set(report["state"]) >= {"price", "api_key", "database", "history", "text"}
    shown = str({**report, "exc_info": None})
    assert "hunter2" not in shown
    assert len(shown) < 20_000


def test_a_state_that_cannot_be_shown_costs_nobody_the_report(lab: Laboratory, logs: list[Any]) -> None:
    class Odd:
        def __repr__(self) -> str:
            return throw(BoomError("repr"))

    keeper = lab.worker("k", Keeper)
    lab.tell(keeper, Odd())
    lab.tell(keeper, lambda actor: setattr(actor, "odd", Odd()))
    lab.crash(keeper)
    assert _report(logs)["reason"] == "BoomError: boom"
    assert not keeper.is_alive()


def test_a_failed_start_is_reported_too(lab: Laboratory, logs: list[Any]) -> None:
    lab.plan("k", None, BoomError("again"))
    lab.supervisor(lab.spec("k", Keeper), max_restarts=3)
    lab.kill("k")
    assert _report(logs)["reason"] == "BoomError: again"


def test_an_orderly_end_leaves_no_report(lab: Laboratory, logs: list[Any]) -> None:
    lab.end(lab.worker("k", Keeper))
    assert logs == []


LONG = "postgresql://naive:hunter2@localhost/naive password=hunter2 " + "x" * 5_000_000


def test_a_reason_is_bounded_and_shows_no_secret_in_any_report(lab: Laboratory, logs: list[Any]) -> None:
    lab.plan("k", None, BoomError(LONG))
    lab.supervisor("k", max_restarts=5)
    lab.crash("k", BoomError(LONG))
    told = [entry for entry in logs if entry["event"] in ("actor crashed", "supervisor report")]
    assert [entry.get("context") for entry in told] == [None, "child_terminated", None, "start_error"]
    for entry in told:
        assert entry["reason"].startswith("BoomError: postgresql://naive:**")
        assert entry["reason"].endswith("…")
        assert len(entry["reason"]) <= REASON_LIMIT
        assert "hunter2" not in entry["reason"]


@pytest.mark.parametrize("password_at", range(REASON_LIMIT - 40, REASON_LIMIT, 3))
def test_a_reason_that_is_cut_inside_of_a_secret_does_not_show_its_beginning(password_at: int) -> None:
    text = "x" * password_at + " password=hunter2hunter2hunter2 " + "y" * 100
    assert "hunter" not in tell_reason(crash(text))


def test_a_watcher_that_raises_is_no_crash_of_who_has_ended(lab: Laboratory, logs: list[Any]) -> None:
    keeper = lab.worker("k", Keeper)
    error = BoomError("watcher")
    lab.system.on_down(keeper, lambda _: throw(error))
    lab.end(keeper)
    assert [(entry["event"], entry["actor"], entry["exc_info"]) for entry in logs] == [("watcher failed", "k", error)]


class SilentError(Exception):
    """Has no text that could be made."""

    def __str__(self) -> str:
        raise ValueError("no")


def test_a_crash_is_reported_though_its_error_has_no_text(lab: Laboratory, logs: list[Any]) -> None:
    keeper = lab.worker("k", Keeper)
    keeper.tell(lambda _: throw(SilentError()))
    lab.settle()
    assert _report(logs)["reason"] == "SilentError: (no text)"
