"""Accounts that come and go in the middle of everything: for one that was given back nothing is written any more."""

import random
from collections.abc import Sequence
from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.events import Trade
from naive_daemon.execution.journal_messages import ClaimAccount, ReleaseAccount
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from tests.trading.accounts_plant import AccountsPlant

PRICES = ("98", "99", "99.5", "100.3", "101")
OTHERS = ("second", "third")


class StrictJournal(MemoryJournal):
    """Notes what is written for an account that nobody has claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: set[str] = set()
        self.stray: list[JournalEntry] = []

    def write(self, entries: Sequence[JournalEntry]) -> None:
        for entry in entries:
            key = entry.cycle.key if isinstance(entry, CycleRecorded) else entry.order.key
            if key.account not in self.claimed:
                self.stray.append(entry)
        super().write(entries)

    def claim(self, account: str) -> str | None:
        self.claimed.add(account)
        return super().claim(account)

    def release(self, account: str) -> None:
        self.claimed.discard(account)


class Restless(AccountsPlant):
    """Anybody may have the next turn; before any of them an account may be switched, or the market may print."""

    def __init__(self, seed: int) -> None:
        super().__init__(order=random.Random(seed + 1_000))
        self.journal = self.strict = StrictJournal()
        self.generator = random.Random(seed)

    def disturb(self, _: int) -> None:
        draw = self.generator
        if draw.random() < 0.02:
            is_enabled = draw.random() < 0.6
            self.table.set_account(AccountSettings(name=draw.choice(OTHERS), is_enabled=is_enabled))
        if draw.random() < 0.05:
            self.trade_id += 1
            trade = Trade("AAAQ", Decimal(draw.choice(PRICES)), Decimal(1), self.trade_id, self.clock.now_ns())
            for message in (TradeArrived(trade), DeliverTrade()):
                self.system.tell(names.feed("AAAQ"), message)


# Each of these seeds has an order or a cycle that comes too late.
@pytest.mark.parametrize("seed", [17, 24, 28, 34])
def test_while_accounts_come_and_go_nothing_is_written_for_one_that_is_not_ours(seed: int) -> None:
    plant = Restless(seed)
    plant.trade_all()
    plant.trades("100", "99.8")
    plant.stepper.strike = plant.disturb
    for _ in range(3):
        plant.trade(plant.generator.choice(PRICES))
    plant.stepper.strike = None
    assert plant.strict.stray == []
    for account in OTHERS:
        plant.set_account(account)
    plant.trades("101", "90", "104", "90")
    for account in plant.accounts:
        assert (plant.condition(account).state, plant.state_of(account)) == ("up", "on")
        plant.check_books(account)


def test_who_traded_on_for_an_account_that_was_given_back_begins_anew_from_the_journal() -> None:
    plant = AccountsPlant("AAAQ", others=("second",))
    plant.trade_all()
    plant.trades("100", "99.8")
    before = plant.ref(names.leader("second", "AAAQ"))
    plant.system.tell(names.JOURNAL, ReleaseAccount("second"))
    plant.trades("99", "100.5", "98", "101")
    plant.system.ask(names.JOURNAL, ClaimAccount("second"))
    plant.wait(70)
    plant.trades("90", "104", "90", "104")
    leader = plant.ref(names.leader("second", "AAAQ"))
    assert leader is not before
    opened = plant.journal.load_symbol("second", "AAAQ").open_cycles
    assert {one.cycle.key for one in opened} == {slot.position.cycle.key for slot in leader._actor._crew.slots.values()}
    plant.stop()
