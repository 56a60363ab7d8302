"""One account's life: off, opened, up, down, closed. Part of the account desk, and run in its turns only.

It is opened in three steps, each with a deadline: its lock is claimed, so that nobody else writes for it; the opener
finds out whether it may be traded; its tree is started. One that fails in a step, or whose tree gives up, is *down*:
its resting orders stay, and it is tried again after a pause that doubles.
Invariant: the lock is ours as long as the tree runs or an opening is under way, however late that comes back.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.money import plain
from naive_daemon.execution.journal_messages import AccountClaimed, ClaimAccount, ReleaseAccount
from naive_daemon.execution.messages import AskExecution, ExecutionView
from naive_daemon.otp import (
    ChildStarted,
    ExitReason,
    Ref,
    RequestFailed,
    StartChild,
    Timer,
)
from naive_daemon.trading.account_closing import AccountClosing
from naive_daemon.trading.account_life_ports import Desk
from naive_daemon.trading.account_messages import AccountConditionChanged, AccountDown, AccountUp
from naive_daemon.trading.account_opener import AccountRefused, OpenedAccount
from naive_daemon.trading.account_stage import OpeningCame, OpeningLives, OpeningOverdue, Stage, TryAgain
from naive_daemon.trading.cause import cause_text

CLAIM_TIMEOUT_S = 60.0
OPEN_TIMEOUT_S = 60.0
"""Between two signs of life of an opening."""

START_TIMEOUT_S = 300.0
"""Longer than all that an account's processes wait for when they start, so that they say what is wrong."""

BEING_CLOSED = "the account is being closed"
DISABLED = "the account is disabled"
LATE = f"its opening has not come back within {OPEN_TIMEOUT_S:g} s"

_SHOWN = {Stage.OFF: "off", Stage.UP: "up", Stage.DOWN: "down", Stage.CLOSING: "down"}
"""What operators are shown; whatever else an account does they take for opening."""


class AccountLife:
    """See the module."""

    def __init__(self, desk: Desk, settings: AccountSettings) -> None:
        self.settings = settings
        self.is_listed = True
        self.stage = Stage.OFF
        self.attempt = 0
        self.fault: str | None = None
        self.has_failed_here = False
        self._desk = desk
        self._actor = desk.actor
        self._opened: OpenedAccount | None = None
        self._heeded = settings
        self._overdue: int | None = None
        self._is_claimed = False
        self._is_ours = False
        self._closing: AccountClosing | None = None
        self._reason: str | None = None
        self._closes_because: str | None = None
        self._failures = 0
        self._up_since_s = 0.0
        self._was_up_s = 0.0
        self._timer: Timer | None = None
        self._retry_at_ns: int | None = None
        self._told: AccountCondition | None = None

    @property
    def name(self) -> str:
        """The account's name."""
        return self.settings.name

    @property
    def reason(self) -> str | None:
        """Why it is down."""
        return self._reason

    @property
    def is_busy(self) -> bool:
        """Say whether its opening is with the daemon's own actors, and not outside."""
        return self.stage in (Stage.CLAIMING, Stage.STARTING)

    # Seen -----------------------------------------------------------------------------------------------------------

    def condition(self) -> AccountCondition:
        """Give what is shown of it."""
        state = _SHOWN.get(self.stage, "opening")
        return AccountCondition(
            account=self.name,
            state=state,
            reason=self._reason,
            retry_at_ns=self._retry_at_ns,
            revision=self._heeded.revision,
        )

    def standing(self) -> AccountUp | AccountDown:
        """Give what the switches are told of it; no reason means that it is being opened."""
        if self.stage is Stage.UP and self._opened is not None:
            return AccountUp(self.name, self._opened.maker_fee)
        reasons = {Stage.OFF: DISABLED, Stage.CLOSING: BEING_CLOSED}
        return AccountDown(
            self.name,
            self._reason or reasons.get(self.stage),
            is_ours=self._is_ours,
        )

    def tell_control(self, *, again: bool = False) -> None:
        """Tell what is shown, if that is new."""
        condition = self.condition()
        if again or condition != self._told:
            self._told = condition
            self._actor.system.tell(names.CONTROL, AccountConditionChanged(condition))

    def _tell(self) -> None:
        self.tell_control()
        self._actor.system.tell(names.SWITCHES, self.standing())
        self._desk.note(self)

    # Wanted ---------------------------------------------------------------------------------------------------------

    def level(self) -> None:
        """Bring what is so nearer to what is wanted. What waits for an answer is levelled when that comes."""
        match self.stage:
            case Stage.OFF if self._is_wanted:
                self._enter()
            case Stage.OFF:
                self._release()  # what a former desk has claimed
                self._heed()
            case Stage.DOWN if self._is_wanted and self._heeded != self.settings:
                self._failures = 0
                self._enter()
            case Stage.DOWN | Stage.QUEUED if not self._is_wanted:
                self._rest()
            case Stage.UP if not self._is_wanted or self._heeded.credentials != self.settings.credentials:
                self._close(None)
            case Stage.UP:
                self._heed()

    def _heed(self) -> None:
        """Know that it is as it is wanted, and say so where that is news."""
        is_new, self._heeded = self._told is None, self.settings
        if is_new:
            self._tell()
        else:
            self.tell_control()

    def inherit_claim(self) -> None:
        """Know that its lock is ours since a former desk: kept if it is wanted, and given back else."""
        self._is_claimed = True

    def retry(self) -> None:
        """Open again what has been down for as long as it should."""
        if self.stage is Stage.DOWN:
            self._enter()

    @property
    def _is_wanted(self) -> bool:
        return self.is_listed and self.settings.is_enabled

    def _enter(self) -> None:
        self._cancel_timer()
        self.stage, self._reason = Stage.QUEUED, None
        self._tell()
        self._desk.enter(self)

    def _rest(self) -> None:
        """Be off, and let others trade it, once no opening is under way any more."""
        self._cancel_timer()
        self.stage, self._reason, self._failures = Stage.OFF, None, 0
        self._opened, self._heeded = None, self.settings
        self._release()
        self._tell()

    def _release(self) -> None:
        if self._is_claimed and self._overdue is None:
            self._desk.opener.close(self.name)  # what a former desk has opened, too
            self._is_claimed = self._is_ours = False
            self._actor.system.tell(names.JOURNAL, ReleaseAccount(self.name))

    # Opening --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Claim the account: there is room for its opening."""
        self._heeded = self.settings
        if self._overdue is not None:
            self._fail(f"{LATE}, and still does not")
            return
        self.stage = Stage.CLAIMING
        self.attempt += 1
        self._is_claimed = True
        journal = self._actor.system.whereis(names.JOURNAL)
        self._actor.request(journal, ClaimAccount(self.name), self._take_claim, CLAIM_TIMEOUT_S)

    def _take_claim(self, answer: AccountClaimed | RequestFailed) -> None:
        if isinstance(answer, RequestFailed):
            self._fail(f"the journal does not say who trades it: {cause_text(answer.reason)}", is_passing=True)
        elif answer.held_by is not None:
            self._is_claimed = self._is_ours = False
            self._fail(f"traded by {answer.held_by}", is_passing=True)
        else:
            self._is_ours = True
            self._tell()  # no entry leaves it yet, and it can be answered for
            self._go_on(self._open)

    def _go_on(self, step: Callable[[], None]) -> None:
        if self._is_wanted:
            step()
        else:
            self._turn_back()

    def _turn_back(self) -> None:
        """Rest instead of going on: it is not wanted any more."""
        self._desk.leave(self)
        self._rest()

    def _open(self) -> None:
        self.stage, self._heeded = Stage.OPENING, self.settings
        me, account, attempt = self._actor.ref, self.name, self.attempt
        self.wait_for_opening(attempt)
        self._desk.opener.open(
            self.settings,
            lambda opening: me.tell(OpeningCame(account, attempt, opening)),
            lambda: me.tell(OpeningLives(account, attempt)),
        )

    def wait_for_opening(self, attempt: int) -> None:
        """Give an opening its time, from now on."""
        if self.stage is Stage.OPENING and attempt == self.attempt:
            self._cancel_timer()
            self._timer = self._actor.send_after(OPEN_TIMEOUT_S, OpeningOverdue(self.name, attempt))

    def give_up_opening(self, attempt: int) -> None:
        """Wait no more for an opening: what it brings will be given back. The lock is kept until then."""
        if self.stage is Stage.OPENING and attempt == self.attempt:
            self._overdue = attempt
            self._fail(LATE)

    def take_opening(self, came: OpeningCame) -> None:
        """Start the tree, or say why not."""
        if came.attempt == self._overdue:
            self._overdue = None
            self._desk.opener.close(self.name)
            if self.stage is Stage.OFF:
                self._release()
        elif self.stage is Stage.OPENING and came.attempt == self.attempt:
            self._cancel_timer()
            if isinstance(came.opening, AccountRefused):
                refused = came.opening
                self._fail(refused.reason, is_passing=refused.is_passing, is_defect=refused.is_defect)
            else:
                self._go_on(partial(self._start, came.opening))

    def _start(self, opened: OpenedAccount) -> None:
        self.stage, self._opened, self.fault = Stage.STARTING, opened, None
        start = StartChild(self._desk.make_spec(self.name, opened))
        self._actor.request(self._actor.system.whereis(names.ACCOUNTS), start, self._take_start, START_TIMEOUT_S)

    def _take_start(self, answer: Any) -> None:
        if isinstance(answer, ChildStarted):
            self._run(answer.ref)
            return
        holder = self._actor.system.whereis(names.account_supervisor(self.name))
        if holder is None:
            self._fail(self.fault or f"it did not start: {_told(answer)}")
        else:  # somebody has the name: its start was not answered in time
            self._run(holder)

    def _run(self, ref: Ref) -> None:
        self._desk.leave(self)
        self._up_since_s = self._actor.system.clock.monotonic_s()
        self._be_up(ref)
        self._actor.log.info("account is up", account=self.name)
        self.level()

    def _be_up(self, ref: Ref) -> None:
        self.stage, self._reason = Stage.UP, None
        self._closing = AccountClosing(self._actor, self.name, ref)
        self._desk.adopt(self, ref)
        self._tell()

    def adopt(self, ref: Ref, opened: OpenedAccount) -> None:
        """Go on with a tree that a former desk has started, or with closing it."""
        self._opened, self._is_claimed, self._is_ours = opened, True, True
        self._up_since_s = self._actor.system.clock.monotonic_s()
        self._be_up(ref)
        self._look_at_adopted(None)

    def take_fee(self, maker_fee: Decimal) -> None:
        """Know what its orders pay now."""
        if self.stage is Stage.UP and self._opened is not None and self._opened.maker_fee != maker_fee:
            was, now = plain(self._opened.maker_fee), plain(maker_fee)
            self._desk.opener.note_fee(self.name, maker_fee)
            self._opened = self._desk.opener.opened(self.name)
            self._actor.log.warning("maker fee changed", account=self.name, was=was, now=now)
            self._tell()

    def _look_at_adopted(self, view: ExecutionView | RequestFailed | None) -> None:
        """Ask until it says so whether it drains; one that is starting may have been told, and heed that afterwards."""
        manager = self._actor.system.whereis(names.execution_manager(self.name))
        if isinstance(view, ExecutionView) and view.is_draining and self.stage is Stage.UP:
            self._close(None)
        elif not isinstance(view, ExecutionView) and manager is not None and self.stage is Stage.UP:
            self._actor.request(manager, AskExecution(), self._look_at_adopted)

    # Down -----------------------------------------------------------------------------------------------------------

    def _fail(self, reason: str, *, is_passing: bool = False, is_defect: bool = False) -> None:
        """Be down, unless an operator has meanwhile asked for another try, or does not want it any more.

        The lock is kept: the account is still ours to trade. Its key and what a killed client has left are given back.
        """
        self._desk.opener.close(self.name)
        self._desk.leave(self)
        self._cancel_timer()
        self.has_failed_here = is_defect or self.is_busy
        self.stage, self._reason = Stage.DOWN, cause_text(reason)
        self.level()
        if self.stage is Stage.DOWN:
            self._wait(self._desk.quarantine.pause_s(1) if is_passing else self._pause_s())
        else:
            self._actor.log.warning("account failed", account=self.name, reason=cause_text(reason))

    def _wait(self, pause_s: float) -> None:
        """Be tried again after a pause."""
        self._timer = self._actor.send_after(pause_s, TryAgain(self.name))
        self._retry_at_ns = self._actor.system.clock.now_ns() + round(pause_s * NS_PER_S)
        self._actor.log.error("account is down", account=self.name, reason=self._reason, retry_s=pause_s)
        self._tell()

    def _pause_s(self) -> float:
        """Give the pause before the next try: doubled each time, until the account was up for longer than that."""
        quarantine = self._desk.quarantine
        has_recovered = self._failures > 0 and self._was_up_s > quarantine.pause_s(self._failures)
        self._failures = 1 if has_recovered else self._failures + 1
        self._was_up_s = 0.0
        return quarantine.pause_s(self._failures)

    def fail(self, reason: str) -> None:
        """Close an account that can not be traded as it is, and try it again after a pause."""
        if self.stage is Stage.UP:
            self._close(reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._retry_at_ns = None

    # Closing --------------------------------------------------------------------------------------------------------

    def _close(self, because: str | None) -> None:
        """End the tree, and be down with a reason, or off without one, when it has ended."""
        self._leave_up(Stage.CLOSING)
        self._closes_because = self._reason = because
        self._tell()
        if self._closing is not None:
            self._closing.begin()

    def stop_again(self, ref: Ref) -> None:
        """End what could not be ended before."""
        if self._closing is not None:
            self._closing.stop_again(ref)

    def take_end(self, reason: ExitReason) -> None:
        """Take it that the tree has ended. One that gives up ends in order, right after what it gives up for."""
        self._closing = None
        if self.stage is Stage.UP:
            self._leave_up(Stage.CLOSING)
            self._fail(self.fault if self.fault and reason.is_orderly else cause_text(reason))
        elif self._closes_because is not None:
            self._fail(self._closes_because)
        else:
            self._rest()
            self.level()

    def _leave_up(self, stage: Stage) -> None:
        self.stage = stage
        self._was_up_s = self._actor.system.clock.monotonic_s() - self._up_since_s


def _told(answer: Any) -> str:
    return cause_text(answer.reason) if isinstance(answer, RequestFailed) else cause_text(str(answer))
