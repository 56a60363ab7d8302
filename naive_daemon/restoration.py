"""A journal that was restored from a back-up: how that is noticed, and how what was lost comes back.

Noticed by the home's witness, who counts the daemon's signs of life beside the database; or told by `naive-daemon db
restored`. Then fresh cycles get numbers that were never used, and the exchange is asked for every order of ours that
the journal does not know, before anything acts on it.
Owned by the world, under the home's lock and the account's. Invariant: an account is called level only after its
journal holds what the exchange remembers; a process that dies on the way does it again.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import structlog

from naive_daemon.clock import Clock
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.execution.client import ExchangeOrder, OrderReport
from naive_daemon.execution.journal_store import JournalStore, SymbolJournal
from naive_daemon.execution.order_id import is_ours
from naive_daemon.execution.rebuilding import Rebuilder, Rebuilt
from naive_daemon.storage.postgres.identity import PostgresIdentity
from naive_daemon.witness import Witness

_ADOPTED_LOGGED_MAX = 100


class Restoration:
    """Knows whether the journal was restored, and keeps database and witness counting."""

    def __init__(self, url: str, witness: Witness, clock: Clock) -> None:
        self._identity = PostgresIdentity(url)
        self._witness = witness
        self._clock = clock
        self._known = self._identity.read(random.SystemRandom())
        self._is_blind = False

    @property
    def owner(self) -> str:
        """The daemon's mark in client order ids."""
        return self._known.owner

    @property
    def cycle_floor(self) -> int:
        """The lowest number that a fresh cycle may have."""
        return self._known.cycle_floor

    def recognise(self) -> str:
        """Compare with the witness, and give the journal's owner mark. A journal that is older has its floor raised."""
        owner = self._known.owner
        seen, known = self._witness.signs(owner), self._known.signs
        if seen > known:
            floor = self._identity.raise_floor(self._clock.now_ns(), seen)
            self._known = self._identity.read(random.SystemRandom())
            _log().error(
                "journal is older than the daemon",
                signs_in_journal=known,
                signs_seen=seen,
                cycles_go_on_from=floor,
                hint="it was restored from a back-up: what it lost is asked of the exchange",
            )
        return owner

    def is_level(self, account: str) -> bool:
        """Say whether the journal of an account holds what the exchange remembers."""
        return self._identity.is_level(account)

    def note_level(self, account: str) -> None:
        """Note that it does."""
        self._identity.note_level(account, self._known.cycle_floor)

    def note_start(self) -> None:
        """Give a sign of life, in the database first; raises PermanentError when the home can not be written."""
        self._witness.note(self._known.owner, self._identity.note_sign())

    def note_life(self) -> None:
        """Give one more: a back-up that was taken before it is known by it. Goes on where the home takes no writes."""
        signs = self._identity.note_sign()
        try:
            self._witness.note(self._known.owner, signs)
        except PermanentError as error:
            if not self._is_blind:
                _log().warning("home takes no notes", reason=error.message, hint=error.hint)
            self._is_blind = True
        else:
            self._is_blind = False

    def close(self) -> None:
        """Give up the connection; may be called twice."""
        self._identity.close()


class ExchangeHistory(Protocol):
    """What an exchange remembers of an account."""

    def resting(self) -> tuple[ExchangeOrder, ...]:
        """Give all orders that rest."""

    def reports(
        self, symbol: str, first_order_id: int | None, is_wanted: Callable[[ExchangeOrder], bool]
    ) -> tuple[OrderReport, ...]:
        """Give the wanted orders of a symbol with their fills, oldest first, from one on, else all."""


class LostJournal(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose journal has lost something. `newest`: how far it goes, by symbol.

    An order that was over before `purged_before_ns` (UTC) was not lost: it may have been purged, and is counted.
    """

    account: str
    owner: str
    instruments: Mapping[str, Instrument]
    fee: Decimal
    newest: Mapping[str, int | None]
    settings: Sequence[SymbolSettings]
    purged_before_ns: int = 0

    def rebuild(self, journal: JournalStore, history: ExchangeHistory) -> None:
        """Bring it level with the exchange, one symbol at a time, each in one commit."""
        log = _log()
        trade = {row.symbol: row.trade for row in self.settings}
        for symbol in self._symbols(history):
            if symbol not in self.instruments:
                log.warning("symbol not rebuilt: the exchange does not list it", symbol=symbol)
                continue
            known = journal.load_symbol(self.account, symbol)
            reports = history.reports(symbol, self._first(symbol, known), self._is_wanted)
            rebuilder = Rebuilder(
                account=self.account,
                owner=self.owner,
                instrument=self.instruments[symbol],
                fee=self.fee,
                trade=trade.get(symbol, TradeSettings()),
            )
            rebuilt = rebuilder.rebuild(known, _known_orders(journal, reports), reports)
            journal.write(rebuilt.entries)
            _tell(log, symbol, rebuilt)
        log.info("journal is level with the exchange", account=self.account)

    def _symbols(self, history: ExchangeHistory) -> list[str]:
        """Name every symbol that may have been traded since: it is on, was traded before, or has orders of ours."""
        is_on = {row.symbol for row in self.settings if row.status is not TradingStatus.OFF}
        resting = {order.symbol for order in history.resting() if self._is_ours(order)}
        return sorted(is_on | resting | set(self.newest))

    def _first(self, symbol: str, known: SymbolJournal) -> int | None:
        """Give the exchange's number from which on to read: the oldest order that lives here, or behind the newest."""
        live = [order for opened in known.open_cycles for order in opened.orders if not order.status.is_terminal]
        numbers = [int(number) for order in live if (number := order.exchange_order_id) and number.isdecimal()]
        newest = self.newest.get(symbol)
        return min(numbers, default=None if newest is None else newest + 1)

    def _is_wanted(self, order: ExchangeOrder) -> bool:
        return self._is_ours(order) and not (order.status.is_terminal and order.time_ns < self.purged_before_ns)

    def _is_ours(self, order: ExchangeOrder) -> bool:
        return is_ours(order.client_order_id, self.owner)


def _known_orders(journal: JournalStore, reports: Sequence[OrderReport]) -> dict[str, Order]:
    found = journal.load_orders([report.client_order_id for report in reports])
    return {order.client_order_id: order for order in found}


def _tell(log: Any, symbol: str, rebuilt: Rebuilt) -> None:
    open_cycles = [cycle for cycle in rebuilt.cycles if cycle.result is None]
    ended = len(rebuilt.cycles) - len(open_cycles)
    if rebuilt.entries:
        log.warning(
            "journal rebuilt", symbol=symbol, orders=rebuilt.orders, fills=rebuilt.fills, cycles_ended=ended,
            cycles_adopted=len(open_cycles),
        )  # fmt: skip
    for cycle in open_cycles[:_ADOPTED_LOGGED_MAX]:
        log.warning("cycle adopted", symbol=symbol, trader=cycle.key.trader, cycle=cycle.key.cycle)


def _log() -> Any:
    return structlog.get_logger("naive_daemon").bind(actor="restoration")
