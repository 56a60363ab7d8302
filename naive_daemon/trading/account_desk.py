"""The account desk: which accounts are traded; opens and closes them, one beside the other, while all others go on.

Receives: AccountsRead and ControlStarted (from control), TellAccounts (from the switches), AccountShaken,
AccountFailed, MakerFeeRead, what openings bring, Down of account trees; requests AskAccounts, and of all
accounts at once AskExecutions, AskAccountViews, DrainAccounts and FlushAccounts.
Sends: StartChild and TerminateChild to the accounts' supervisor, AskClaims, ClaimAccount and ReleaseAccount to the
journal, Drain, FlushMetadata and questions to accounts' processes, AccountsTold, AccountUp and AccountDown to the
switches, ReadAccounts and AccountConditionChanged to control.
State: each account's life (`account_life.py`). The configured account is always wanted.

`OPENINGS_MAX` openings are under way at once, so that a thousand accounts that are added together keep nobody's order
waiting; one that says nothing for a while makes room for the next. A desk that starts again adopts the trees that run,
and gives back what its predecessor has claimed and nobody wants any more.
Crashes when: the accounts' supervisor does not answer, or no account is up or about to be and the tree of one could
not be started: what none can do without, a journal that can not be read, is not mended by waiting. While any account
trades, one that does not start is down alone.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.account import FlushMetadata
from naive_daemon.account.view import AccountQuery
from naive_daemon.domain.account import AccountSettings
from naive_daemon.execution.journal_messages import AskClaims
from naive_daemon.execution.messages import AccountFailed, AskExecution, Drain, MakerFeeRead
from naive_daemon.otp import (
    DEFERRED,
    Actor,
    Call,
    ChildInfo,
    Deferred,
    Down,
    Ref,
    RequestFailed,
    TerminateChild,
    WhichChildren,
    crash,
)
from naive_daemon.trading.account_life import CLAIM_TIMEOUT_S, AccountLife
from naive_daemon.trading.account_life_ports import MakeSpec
from naive_daemon.trading.account_messages import (
    AccountDown,
    AccountsRead,
    AccountsTold,
    AccountUp,
    AllAccounts,
    AskAccounts,
    AskAccountViews,
    AskExecutions,
    DrainAccounts,
    FlushAccounts,
    ReadAccounts,
    TellAccounts,
)
from naive_daemon.trading.account_opener import AccountOpener
from naive_daemon.trading.account_rounds import answered, ask_all, not_done
from naive_daemon.trading.account_stage import OpeningCame, OpeningLives, OpeningOverdue, Stage, StopAgain, TryAgain
from naive_daemon.trading.account_supervisor import AccountShaken
from naive_daemon.trading.cause import cause_text, end_of
from naive_daemon.trading.quarantine import Quarantine
from naive_daemon.trading.switch_messages import ControlStarted

OPENINGS_MAX = 16
ROOM_AFTER_S = 5.0
PAUSE_S = 0.05
"""Between openings that begin together: a market that is played goes on whenever the daemon has come to rest."""


class _Room(msgspec.Struct, frozen=True):
    """An opening has taken long enough to make room for the next."""

    account: str
    attempt: int


class _Advance(msgspec.Struct, frozen=True):
    pass


class _AskClaimsAgain(msgspec.Struct, frozen=True):
    pass


class Beginning:
    """The beginning of a process: over once a desk of it has started. Desks come and go after that."""

    def __init__(self) -> None:
        self.is_over = False


class AccountDesk(Actor):
    """See the module. `configured` is the account that is traded whatever the table says."""

    def __init__(
        self,
        configured: str,
        opener: AccountOpener,
        make_spec: MakeSpec,
        quarantine: Quarantine | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        super().__init__()
        self.actor: Actor = self
        self.opener = opener
        self.make_spec = make_spec
        self.quarantine = quarantine or Quarantine()
        self._configured = configured
        self._beginning = beginning or Beginning()
        self._lives: dict[str, AccountLife] = {}
        self._by_ref: dict[Ref, AccountLife] = {}
        self._queue: deque[AccountLife] = deque()
        self._under_way: set[str] = set()
        self._at_work: set[str] = set()
        self._early: list[Any] | None = []
        self._shall_advance = False
        self._has_started = False
        self._has_read = False

    def init(self) -> Deferred:
        """Find out what runs since before; the start is over when it is known how the configured account is."""
        self.opener.begin()
        self.request(self.system.whereis(names.ACCOUNTS), WhichChildren(), self._take_children)
        return DEFERRED

    def on_receive(self, message: Any) -> Any:
        """Answer, or go on with an account."""
        match message:
            case AskAccounts() | DrainAccounts() | FlushAccounts() | AskExecutions() | AskAccountViews():
                self._take_when_known(self.caller())
                return DEFERRED
            case _:
                self._take_when_known(message)
                return None

    def _take_when_known(self, message: Any) -> None:
        """Keep what comes before it is known what runs: a question, too, would be answered as if nothing did."""
        if self._early is None:
            self._take(message)
        else:
            self._early.append(message)

    def _ask_all(self, message: AllAccounts, call: Call) -> None:
        """Pass a question on to all accounts whose tree runs."""
        question, name_of, gist = _questions(message)
        running = [life.name for life in self._by_ref.values()]

        def reply(answers: Mapping[str, Any]) -> None:
            call.reply(gist(answers))

        ask_all(self, running, name_of, question, timeout_s=message.timeout_s, then=reply)

    def _take(self, message: Any) -> None:
        match message:
            case Call(message=AskAccounts()):
                message.reply(tuple(self._lives[name].condition() for name in sorted(self._lives)))
            case Call(message=question):
                self._ask_all(question, message)
            case AccountsRead(rows):
                self._take_rows(rows)
            case TellAccounts():
                self._tell_switches()
            case ControlStarted():
                self.system.tell(names.CONTROL, ReadAccounts())
                for life in self._lives.values():
                    life.tell_control(again=True)
            case Down(ref=ref):
                if ref in self._by_ref:
                    self._by_ref.pop(ref).take_end(end_of(ref, message.reason))
            case AccountShaken(account, reason) if account in self._lives:
                self._lives[account].fault = reason
            case AccountFailed(account, reason) if account in self._lives:
                self._lives[account].fail(reason)
            case MakerFeeRead(account, maker_fee) if account in self._lives:
                self._lives[account].take_fee(maker_fee)
            case _Advance():
                self._advance()
            case _:
                self._take_time(message)

    def _take_time(self, message: Any) -> None:
        match message:
            case OpeningCame(account):
                self._lives[account].take_opening(message)
            case OpeningLives(account, attempt):
                self._lives[account].wait_for_opening(attempt)
                self._at_work.add(account)
            case OpeningOverdue(account, attempt):
                self._lives[account].give_up_opening(attempt)
            case TryAgain(account):
                self._lives[account].retry()
            case StopAgain(account, ref):
                self._lives[account].stop_again(ref)
            case _Room():
                self._make_room(message)
            case _AskClaimsAgain():
                self._ask_claims()
            case _:
                super().on_receive(message)

    # Start ----------------------------------------------------------------------------------------------------------

    def _take_children(self, children: Sequence[ChildInfo] | RequestFailed) -> None:
        """Adopt what runs, open the configured account, and hear of the others."""
        if isinstance(children, RequestFailed):
            self.exit(crash(f"what runs is not known: {cause_text(children.reason)}"))
        self._life_of(AccountSettings(name=self._configured))
        for child in children:
            self._adopt(str(child.id), child.ref)
        self._tell_switches()
        self._lives[self._configured].level()
        self._ask_claims()
        self.system.tell(names.CONTROL, ReadAccounts())
        early, self._early = self._early or [], None
        for message in early:
            self._take(message)

    def _adopt(self, account: str, ref: Ref | None) -> None:
        opened = self.opener.opened(account)
        if ref is None or not ref.is_alive():
            return
        if opened is None:  # nobody knows any more what it was opened with
            self.request(self.system.whereis(names.ACCOUNTS), TerminateChild(ref), lambda _: None)
            return
        self._life_of(AccountSettings(name=account, credentials=opened.credentials)).adopt(ref, opened)

    def _ask_claims(self) -> None:
        journal = self.system.whereis(names.JOURNAL)
        self.request(journal, AskClaims(), self._take_claims, CLAIM_TIMEOUT_S)

    def _take_claims(self, claimed: frozenset[str] | RequestFailed) -> None:
        """Know what a former desk has claimed, and have read whether it is still wanted."""
        if isinstance(claimed, RequestFailed):
            self.send_after(ROOM_AFTER_S, _AskClaimsAgain())
            return
        opened = {account for account in claimed if self.opener.is_under_way(account)}
        if opened:  # for the former desk perhaps; the lock is ours until that has come back
            self.send_after(ROOM_AFTER_S, _AskClaimsAgain())
        for account in sorted(claimed - opened):
            life = self._lives.get(account) or self._life_of(AccountSettings(name=account, is_enabled=False))
            life.inherit_claim()
        self.system.tell(names.CONTROL, ReadAccounts())

    # Wanted ---------------------------------------------------------------------------------------------------------

    def _take_rows(self, rows: Sequence[AccountSettings]) -> None:
        """Take what operators want; the configured account's row, if it has one, says nothing."""
        read = {row.name: row for row in rows if row.name != self._configured}
        for row in read.values():
            life = self._life_of(row)
            life.settings, life.is_listed = row, True
        for name, life in list(self._lives.items()):
            life.is_listed = name in read or name == self._configured
            life.level()
        self._has_read = True
        self._refuse_to_stand_alone()

    def _life_of(self, settings: AccountSettings) -> AccountLife:
        life = self._lives.get(settings.name)
        if life is None:
            life = self._lives[settings.name] = AccountLife(self, settings)
        return life

    def _tell_switches(self) -> None:
        standings = [life.standing() for life in self._lives.values()]
        up = tuple(standing for standing in standings if isinstance(standing, AccountUp))
        down = tuple(standing for standing in standings if isinstance(standing, AccountDown))
        self.system.tell(names.SWITCHES, AccountsTold(up, down))

    # For lives ------------------------------------------------------------------------------------------------------

    def enter(self, life: AccountLife) -> None:
        """Have its opening begin when there is room, in a turn of its own: it may fail at once, and so enter again."""
        self._queue.append(life)
        if not self._shall_advance:
            self._shall_advance = True
            self.ref.tell(_Advance())

    def leave(self, life: AccountLife) -> None:
        """Make room for the next."""
        self._under_way.discard(life.name)
        self._at_work.discard(life.name)
        self._advance_later()

    def note(self, life: AccountLife) -> None:
        """End the start when it is known how the configured account is."""
        self._refuse_to_stand_alone()
        if self._has_started or life.name != self._configured or life.stage not in (Stage.UP, Stage.DOWN):
            return
        self._has_started = self._beginning.is_over = True
        self.acknowledge_start()

    def _refuse_to_stand_alone(self) -> None:
        """Crash when nobody trades, nor is about to, and one failed here: then it is what no account can do without.

        As long as any other account trades, none ends for one that fails. Who there is, is known once the rows have
        been read; with the first desk of a process it is the configured account alone.
        """
        if self._beginning.is_over and not self._has_read:
            return
        lives = [life for life in self._lives.values() if life.stage is not Stage.OFF]
        failed = next((life for life in lives if life.has_failed_here and life.stage is Stage.DOWN), None)
        if failed is not None and all(life.stage is Stage.DOWN for life in lives):
            self.exit(crash(f"account {failed.name} did not start: {failed.reason}"))

    def adopt(self, life: AccountLife, ref: Ref) -> None:
        """Hear of the end of its tree."""
        self._by_ref[ref] = life
        self.monitor(ref)

    def _advance(self) -> None:
        """Begin what there is room for, unless those that began last keep the daemon busy."""
        self._shall_advance = False
        if any(self._lives[name].is_busy for name in self._under_way):
            self._advance_later()
            return
        while self._queue and len(self._under_way) < OPENINGS_MAX:
            life = self._queue.popleft()
            if life.stage is Stage.QUEUED:
                self._under_way.add(life.name)
                life.begin()
                self.send_after(ROOM_AFTER_S, _Room(life.name, life.attempt))

    def _make_room(self, room: _Room) -> None:
        """Let the next begin beside one that says nothing; one at work waits for its turn outside, as they would."""
        life = self._lives[room.account]
        if life.attempt != room.attempt or life.name not in self._under_way:
            return
        if life.name in self._at_work:
            self._at_work.discard(life.name)
            self.send_after(ROOM_AFTER_S, room)
        else:
            self.leave(life)

    def _advance_later(self) -> None:
        if self._queue and not self._shall_advance:
            self._shall_advance = True
            self.send_after(PAUSE_S, _Advance())


def _questions(
    message: AllAccounts,
) -> tuple[Any, Callable[[str], names.Name], Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """Give what is asked, of whom, and what is made of the answers."""
    match message:
        case DrainAccounts():
            return Drain(), names.execution_manager, not_done
        case FlushAccounts():
            return FlushMetadata(), names.account, not_done
        case AskExecutions():
            return AskExecution(), names.execution_manager, answered
        case AskAccountViews(timeout_s):
            return AccountQuery(within_s=timeout_s / 2), names.account, answered
