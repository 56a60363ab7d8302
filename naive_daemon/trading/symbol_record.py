"""The switches' record of one symbol. Owned by them; nobody else sees it but as an `ActualState` or a `SymbolView`."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.money import ZERO
from naive_daemon.domain.settings import SymbolSettings, TradingStatus
from naive_daemon.execution.promises import BROKEN
from naive_daemon.otp import ExitReason, Ref, Timer
from naive_daemon.trading.cause import cause_text
from naive_daemon.trading.desired_state import ActualState

STATES = ("off", "starting", "on", "shutdown", "stopping", "drained", "quarantined")
"""What a symbol may be."""

FAULT_EXPLAINS_S = 60.0
"""Longer than a tree that gives up for a fault takes to end."""


class SymbolView(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol as it is now; `realised_pnl` over all cycles that ended, in the quote asset."""

    account: str
    symbol: str
    state: str
    traders: int
    completed: int
    realised_pnl: Decimal
    restarts: int
    last_error: str | None
    held: str | None = None


class SymbolRecord(msgspec.Struct):
    """One symbol: what is wanted and what is so.

    `state` is one of STATES, or "waiting" for its account: shown as starting, or as quarantined where `account_reason`
    says why the account is down. `market_reason`: why the market gives it nothing, if so. `ref` is its supervisor.
    `last_error`: what has befallen it last; `fault`: since its last start, at `fault_at_s`. `is_read`: its settings
    were read, and not only inferred from what runs. `heard`: the revision of the settings that its leader goes by.
    `has_drained`: it said so, and is being stopped. `told`: what control knows; `told_leader`: the settings that its
    leader was told last, `told_fee`: the maker fee. `is_clearing`: it is off, and the execution manager was told to
    leave no order of it. `may_wait_in_journal`: something that it did, as far as is known.
    """

    settings: SymbolSettings
    state: str = "off"
    ref: Ref | None = None
    traders: int = 0
    completed: int = 0
    realised_pnl: Decimal = ZERO
    restarts: int = 0
    last_error: str | None = None
    fault: str | None = None
    fault_at_s: float = 0.0
    failures: int = 0
    started_at_s: float = 0.0
    retry: Timer | None = None
    retry_at_ns: int | None = None
    told: ActualState | None = None
    told_leader: SymbolSettings | None = None
    told_fee: Decimal | None = None
    is_read: bool = False
    heard: int = 0
    has_drained: bool = False
    is_clearing: bool = False
    may_wait_in_journal: bool = True
    account_reason: str | None = None
    market_reason: str | None = None

    def actual(self, held: str | None) -> ActualState:
        """Give what goes into the database; `held`: why its entries wait, told while it trades or must be looked at."""
        return ActualState(
            account=self.settings.account,
            symbol=self.settings.symbol,
            state=self._shown_state,
            traders=self.traders,
            restarts=self.restarts,
            last_error=self._shown_error,
            retry_at_ns=self.retry_at_ns,
            held=self._told_held(held),
            revision=self.heard if self.state in ("on", "shutdown") else self.settings.revision,
        )

    def view(self, held: str | None) -> SymbolView:
        """Give what is shown to whoever asks the daemon itself; `held` as in `actual`."""
        return SymbolView(
            account=self.settings.account,
            symbol=self.settings.symbol,
            state=self._shown_state,
            traders=self.traders,
            completed=self.completed,
            realised_pnl=self.realised_pnl,
            restarts=self.restarts,
            last_error=self._shown_error,
            held=self._told_held(held),
        )

    def is_looked_at(self, before: SymbolSettings) -> bool:
        """Say whether an operator has just said that it shall trade, and not only how.

        What is read first may have been written long ago, and was told to switches that have died.
        """
        settings = self.settings
        return self.is_read and settings.status is TradingStatus.ON and settings.revision != before.revision

    @property
    def is_started_unheard(self) -> bool:
        """Say whether its start has not been answered yet; its leader may have reported already."""
        return self.ref is None and self.state in ("starting", "on", "shutdown")

    def note_fault(self, reason: str, now_s: float) -> None:
        """Know what has befallen it."""
        self.last_error = self.fault = reason
        self.fault_at_s = now_s

    def why_ended(self, reason: ExitReason, now_s: float) -> str:
        """Say why its tree has ended: one that gives up ends in order, right after what it gives up for."""
        if self.fault is not None and reason.is_orderly and now_s - self.fault_at_s <= FAULT_EXPLAINS_S:
            return self.fault
        return f"did not start: {cause_text(reason)}" if self.state == "starting" else cause_text(reason)

    def rest(self) -> None:
        """Be off, with nothing to try again."""
        self.cancel_retry()
        self.state, self.traders, self.failures = "off", 0, 0

    def cancel_retry(self) -> None:
        """Be tried again at no time of its own."""
        if self.retry is not None:
            self.retry.cancel()
        self.retry = self.retry_at_ns = None

    def wait(self, account_reason: str | None) -> None:
        """Wait, wanted, until the account is up; with a reason that is no moment's matter."""
        self.cancel_retry()
        self.is_clearing = False
        self.state, self.traders, self.account_reason = "waiting", 0, account_reason

    @property
    def _shown_state(self) -> str:
        if self.state != "waiting":
            return self.state
        return "starting" if self.account_reason is None else "quarantined"

    @property
    def _shown_error(self) -> str | None:
        match self.state:
            case "waiting":
                return self.account_reason or self.last_error
            case "starting" | "on" | "shutdown":
                return self.market_reason or self.last_error
        return self.last_error

    def _told_held(self, held: str | None) -> str | None:
        is_told = held is not None and (self.state == "on" or held.startswith(BROKEN))
        return held if is_told else None
