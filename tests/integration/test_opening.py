"""Openings of accounts: what is found out first, on threads that may hang without anybody waiting for them."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from naive_daemon.clock import WallClock
from naive_daemon.config import load_config
from naive_daemon.config.credentials import Credentials
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import ConfigError, UnreachableError
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.opening import GIVEN_UP, NO_THREAD, THREADS_MAX, TOO_MANY, Openings
from naive_daemon.restoration import ExchangeHistory, Restoration
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.trading.account_opener import AccountRefused, OpenedAccount, Opening
from naive_daemon.venues import ClaimVenue, PaperVenue, Venue
from naive_daemon.witness import Witness
from tests.claimed_venue import claim_venue

PATIENCE_S = 30.0
FEE = Decimal("0.001")


class Gate:
    """Implements Venue: each opening waits until it is let go; notes what was given back."""

    address = None

    def __init__(self) -> None:
        self.entered: queue.Queue[str] = queue.Queue()
        self.go_on: dict[str, threading.Event] = {}
        self.closed: list[str] = []
        self.error: Exception | None = None

    def open(
        self,
        settings: AccountSettings,
        credentials: Credentials | None,
        journal: JournalStore,
        claim: ClaimVenue,
        *,
        shall_end: Callable[[], bool],
    ) -> OpenedAccount:
        event = self.go_on.setdefault(settings.name, threading.Event())
        self.entered.put(settings.name)
        assert event.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        return OpenedAccount(FEE, credentials=settings.credentials)

    def history(
        self, account: str, credentials: Credentials | None, shall_end: Callable[[], bool]
    ) -> ExchangeHistory | None:
        return None

    def close(self, account: str) -> None:
        self.closed.append(account)

    def end(self) -> None:
        self.closed.append("all")


class SlowGate(Gate):
    """What comes too late is given back slowly, on the opening's own thread."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closing, self.may_close = threading.Event(), threading.Event()

    def close(self, account: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.is_closing.set()
            assert self.may_close.wait(PATIENCE_S)
        super().close(account)


class Told:
    """What openings have told, by account."""

    def __init__(self, openings: Openings) -> None:
        self._openings = openings
        self._answers: dict[str, queue.Queue[Opening]] = {}

    def begin(self, account: str, credentials: str | None = None) -> None:
        answers = self._answers.setdefault(account, queue.Queue())
        self._openings.open(AccountSettings(name=account, credentials=credentials), answers.put, lambda: None)

    def next(self, account: str) -> Opening:
        return self._answers[account].get(timeout=PATIENCE_S)

    def has(self, account: str) -> bool:
        return not self._answers[account].empty()


@contextmanager
def no_threads() -> Iterator[None]:
    """Have the machine give no thread to anybody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse_thread)
        yield


def _refuse_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


MakeOpenings = Callable[[Venue], Openings]


@pytest.fixture
def make(migrated_url: str, tmp_path: Path) -> Iterator[MakeOpenings]:
    restoration = Restoration(migrated_url, Witness(tmp_path), WallClock())
    restoration.recognise()
    made: list[Openings] = []

    def make_openings(venue: Venue) -> Openings:
        made.append(Openings(load_config(None, {"home": tmp_path}), migrated_url, {}, venue, restoration))
        return made[-1]

    yield make_openings
    for openings in made:
        openings.end()
    restoration.close()


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_the_configured_account_is_opened_before_anything_runs_and_at_once_for_who_asks_first(
    make: MakeOpenings, gate: Gate, migrated_url: str
) -> None:
    openings = make(gate)
    gate.go_on["main"] = threading.Event()
    gate.go_on["main"].set()
    journal = PostgresJournal(migrated_url, claim=AccountClaim(["main"]))
    opened = openings.open_first(journal, lambda: False)
    told = Told(openings)
    told.begin("main")
    assert told.next("main") == opened
    assert gate.entered.qsize() == 1
    openings.close("main")
    told.begin("main")
    assert told.next("main") == opened
    assert gate.entered.qsize() == 2, "whoever opens it again finds out again"
    journal.close()


def test_what_an_opened_account_pays_now_is_given_to_who_asks_later(make: MakeOpenings, gate: Gate) -> None:
    openings = make(gate)
    told = Told(openings)
    told.begin("main")
    gate.entered.get(timeout=PATIENCE_S)
    gate.go_on["main"].set()
    told.next("main")
    openings.note_fee("main", Decimal("0.002"))
    assert openings.opened("main") == OpenedAccount(Decimal("0.002"))


def test_an_account_on_paper_that_has_traded_elsewhere_is_refused_and_the_next_one_is_not(
    make: MakeOpenings, migrated_url: str, tmp_path: Path
) -> None:
    claim_venue(migrated_url, "live", "binance mainnet")
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("INSERT INTO order_totals (account, orders) VALUES ('live', 1)")
    told = Told(make(PaperVenue(load_config(None, {"home": tmp_path}), {})))
    told.begin("live")
    told.begin("fresh")
    refused = told.next("live")
    assert isinstance(refused, AccountRefused)
    assert refused.reason == "account live trades on binance mainnet, not on paper: its orders and positions are there"
    assert told.next("fresh") == OpenedAccount(FEE)


def test_one_that_hangs_keeps_no_other_waiting(make: MakeOpenings, gate: Gate) -> None:
    told = Told(make(gate))
    for account in ("hangs", "quick"):
        told.begin(account)
        gate.entered.get(timeout=PATIENCE_S)
    gate.go_on["quick"].set()
    assert told.next("quick") == OpenedAccount(FEE)
    assert not told.has("hangs")
    gate.go_on["hangs"].set()
    told.next("hangs")


def test_what_an_opening_brings_that_was_given_up_is_given_back_and_told_once(make: MakeOpenings, gate: Gate) -> None:
    openings = make(gate)
    told = Told(openings)
    told.begin("late")
    gate.entered.get(timeout=PATIENCE_S)
    openings.close("late")
    assert openings.is_under_way("late"), "its lock is kept until it has come back"
    gate.go_on["late"].set()
    assert told.next("late") == AccountRefused(GIVEN_UP, is_passing=True)
    assert not openings.is_under_way("late")
    assert openings.opened("late") is None
    assert gate.closed == ["late", "late"]
    assert not told.has("late")


def test_a_fresh_desk_takes_over_and_its_opening_waits_for_the_former_one(make: MakeOpenings, gate: Gate) -> None:
    openings = make(gate)
    former, fresh = Told(openings), Told(openings)
    former.begin("a")
    gate.entered.get(timeout=PATIENCE_S)
    openings.begin()
    fresh.begin("a")
    gate.go_on["a"].set()
    assert former.next("a") == AccountRefused(GIVEN_UP, is_passing=True)
    assert fresh.next("a") == OpenedAccount(FEE)
    assert openings.opened("a") == OpenedAccount(FEE)


def test_what_came_too_late_is_given_back_before_the_account_is_opened_again(make: MakeOpenings) -> None:
    gate = SlowGate()
    openings = make(gate)
    former, fresh = Told(openings), Told(openings)
    former.begin("a")
    gate.entered.get(timeout=PATIENCE_S)
    openings.close("a")
    gate.go_on["a"].set()
    assert gate.is_closing.wait(PATIENCE_S)
    assert openings.is_under_way("a")
    fresh.begin("a")
    assert gate.entered.empty()
    gate.may_close.set()
    assert former.next("a") == AccountRefused(GIVEN_UP, is_passing=True)
    assert fresh.next("a") == OpenedAccount(FEE)
    assert gate.closed == ["a", "a"], "by who gave it up, and when it came; the fresh one is nobody's to give back"


def test_there_are_never_more_threads_than_a_bound(make: MakeOpenings, gate: Gate) -> None:
    told = Told(make(gate))
    crowd = [f"a{number}" for number in range(THREADS_MAX)]
    for account in crowd:
        told.begin(account)
    told.begin("one more")
    assert told.next("one more") == AccountRefused(TOO_MANY, is_passing=True)
    for _ in crowd:
        gate.go_on[gate.entered.get(timeout=PATIENCE_S)].set()
    assert {told.next(account) for account in crowd} == {OpenedAccount(FEE)}
    told.begin("one more")
    gate.go_on[gate.entered.get(timeout=PATIENCE_S)].set()
    assert told.next("one more") == OpenedAccount(FEE)


@pytest.mark.usefixtures("quiet")
def test_an_opening_that_gets_no_thread_is_refused_for_now(make: MakeOpenings, gate: Gate) -> None:
    openings = make(gate)
    told = Told(openings)
    with no_threads():
        told.begin("a")
    assert told.next("a") == AccountRefused(NO_THREAD, is_passing=True)
    assert not openings.is_under_way("a")
    told.begin("a")
    gate.go_on[gate.entered.get(timeout=PATIENCE_S)].set()
    assert told.next("a") == OpenedAccount(FEE)


@pytest.mark.usefixtures("quiet")
def test_an_abandoned_opening_is_under_way_until_it_comes_back_though_a_fresh_one_gets_no_thread(
    make: MakeOpenings, gate: Gate
) -> None:
    openings = make(gate)
    former, fresh = Told(openings), Told(openings)
    former.begin("a")
    gate.entered.get(timeout=PATIENCE_S)
    openings.begin()
    with no_threads():
        fresh.begin("a")
    assert openings.is_under_way("a")
    gate.go_on["a"].set()
    assert former.next("a") == AccountRefused(GIVEN_UP, is_passing=True)
    assert not openings.is_under_way("a")


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ConfigError("Binance refuses the API key", hint="check it"), AccountRefused("Binance refuses the API key")),
        (ZeroDivisionError("a defect"), AccountRefused("ZeroDivisionError: a defect", is_defect=True)),
        (UnreachableError("no answer"), AccountRefused("no answer", is_passing=True)),
    ],
)
def test_what_goes_wrong_with_one_account_is_said_of_it(
    make: MakeOpenings, gate: Gate, error: Exception, refused: AccountRefused
) -> None:
    gate.error = error
    told = Told(make(gate))
    told.begin("a")
    gate.go_on[gate.entered.get(timeout=PATIENCE_S)].set()
    assert told.next("a") == refused


def test_credentials_that_are_not_there_are_missed_in_one_line_before_anything_is_asked(
    make: MakeOpenings, gate: Gate
) -> None:
    told = Told(make(gate))
    told.begin("a", credentials="env:NOBODY_HAS_SET_THIS")
    refused = told.next("a")
    assert isinstance(refused, AccountRefused)
    assert refused.reason == "credentials env:NOBODY_HAS_SET_THIS: NOBODY_HAS_SET_THIS_API_KEY is not set"
    assert gate.entered.empty()
