"""The journal actor: makes things durable first and passes them on then. Intents that gather share a commit.

Receives: PlaceIntent, RecordEvent, RecordCycles, PassOn, ReleaseAccount; requests ClaimAccount, AskClaims, LoadSymbol,
LoadAccount, LoadCycle, LoadOrder, LoadRisk, AskJournal.
Sends: OpenOrder and CyclesEnded to execution managers, OrderRecorded to accounts, after the commit and in order of
arrival.
State: what could not be written yet, and which accounts were claimed and given back. While the store is away nothing is
passed on; entries that had to wait are refused rather than sent late, exits go out when it is back. For an account that
was given back nothing is written or sent until it is claimed again: traders of it may still be ending, and others write
for it. A leader that trades on all the same is ended, and begins anew from the journal; until then nothing that it did
is written, also when the account was claimed again meanwhile.
Crashes when: the store refuses something for good, or is away for so long that too much waits, or another daemon has
taken an account that was ours, while the connection was lost. It stands first in the tree, so everything starts again
after it; of all that was claimed, only what that daemon has taken is then not traded here any more.

Who writes what others rely on (execution managers, leaders, traders) holds on to the one that it has read
(`the_journal`). Should one of them outlive it for a moment, nothing of that reaches the next one, from which everybody
else has begun: what follows there would rest on something that was never written.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.events import OrderRejected
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.execution.journal_messages import (
    AccountClaimed,
    AskClaims,
    ClaimAccount,
    CyclesEnded,
    LoadAccount,
    LoadCycle,
    LoadOrder,
    LoadRisk,
    LoadSymbol,
    OpenOrder,
    PassOn,
    PlaceIntent,
    RecordCycles,
    RecordEvent,
    ReleaseAccount,
)
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry, JournalStore, OrderRecorded
from naive_daemon.execution.messages import AskJournal, JournalHealth
from naive_daemon.otp import DEFERRED, Actor, Call, Deferred, ExitReason, Ref, Timer, crash, send_exit

UNAVAILABLE = "the journal was unavailable: no new entries"
LOADS_MAX = 200
"""So many requests are read at once, at most: what comes meanwhile does not wait for long."""


class _Refusal(RecordEvent, frozen=True):
    """An entry that had to wait, turned down."""


class _Retry(msgspec.Struct, frozen=True):
    pass


class _Keep(msgspec.Struct, frozen=True):
    pass


class _Answer(msgspec.Struct, frozen=True):
    pass


def the_journal(actor: Actor) -> Ref:
    """Give the journal that runs now, for as long as `actor` lives; ends it when there is none."""
    journal = actor.system.whereis(names.JOURNAL)
    if journal is None:
        actor.exit(crash("there is no journal"))
    return journal


class JournalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Batches and retries; times in seconds. `keep_s`: how often an idle journal looks after its store, if at all.

    `waiting_max`: messages that may wait for a store that is away; one takes about 2 kB.
    """

    batch_max: int = 500
    waiting_max: int = 100_000
    retry_first_s: float = 0.125
    retry_max_s: float = 5.0
    keep_s: float | None = None


class Journal(Actor):
    """See the module."""

    runs_on = "thread"
    batches = True

    def __init__(self, store: JournalStore, config: JournalConfig | None = None) -> None:
        super().__init__()
        self._store = store
        self._config = config or JournalConfig()
        self._waiting: deque[Any] = deque()
        self._claimed: set[str] = set()
        self._released: set[str] = set()
        self._disowned: set[tuple[str, str]] = set()  # their leaders went on from what is not written, until they load
        self._retry: Timer | None = None
        self._shall_answer = False
        self._pause_s = self._config.retry_first_s
        self._away: str | None = None
        self._away_since_ns: int | None = None

    def init(self) -> None:
        """Begin to look after the store."""
        self._keep_later()

    def on_batch(self, messages: list[Any]) -> None:
        """Write what has gathered in as few commits as `batch_max` allows."""
        for message in messages:
            if isinstance(message, _Retry):
                self._retry = None
            elif isinstance(message, _Answer):
                self._shall_answer = False
            else:
                self._waiting.append(message if self._retry is None else self._kept(message))
        self._work_off()
        self._refuse_too_much()

    def on_receive(self, message: Any) -> JournalHealth | Deferred:
        """Say how it is; queue any other request behind what came before it, so that it reads what was written.

        A request comes by itself, never in a batch. Those that are here already are queued before the one message that
        has them answered.
        """
        if isinstance(message, AskJournal):
            return JournalHealth(away=self._away, since_ns=self._away_since_ns, waiting=len(self._waiting))
        self._waiting.append(self.caller())
        if not self._shall_answer:
            self._shall_answer = True
            self.ref.tell(_Answer())
        self._refuse_too_much()
        return DEFERRED

    def on_terminate(self, reason: ExitReason) -> None:
        """Give the connection back."""
        self._store.close()

    def _work_off(self) -> None:
        while self._waiting and self._retry is None:
            try:
                self._work_off_some()
            except TransientError as error:
                self._wait_for_store(error)
                return
            if self._away is not None:
                self.log.info("journal is back", waiting=len(self._waiting))
                self._away = self._away_since_ns = None
                self._pause_s = self._config.retry_first_s

    def _work_off_some(self) -> None:
        if isinstance(self._waiting[0], Call):
            self._answer_all(self._alike())
            return
        if isinstance(self._waiting[0], ReleaseAccount):
            self._release(self._waiting[0].account)
            self._waiting.popleft()
            return
        batch: list[Any] = []
        for message in self._waiting:
            if isinstance(message, Call | ReleaseAccount) or len(batch) >= self._config.batch_max:
                break
            batch.append(message)
        entries = [entry for message in batch if self._is_ours(message) for entry in _entries(message)]
        if entries:
            self._store.write(entries)
        elif any(isinstance(message, _Keep) for message in batch):
            self._store.keep()
        for message in batch:
            self._waiting.popleft()
            if self._is_ours(message):
                self._pass_on(message)
            else:
                self._refuse_stray(message)

    def _refuse_stray(self, message: Any) -> None:
        """Write nothing for an account that was given back; whoever traded on with it begins anew from the journal.

        Else it would go on from what nobody has written, once the account is ours again. What it did before it ends may
        stand behind the next claim already, and is disowned.
        """
        self.log.warning("not written: the account was given back", account=_account(message))
        symbol = _acted_on(message)
        if symbol is not None:
            self._disowned.add(symbol)
            leader = self.system.whereis(names.leader(*symbol))
            if leader is not None:
                send_exit(leader, crash(f"{symbol[0]} was given back: what it did is not written"))

    def _is_ours(self, message: Any) -> bool:
        if self._released and _account(message) in self._released:
            return False
        return not self._disowned or _acted_on(message) not in self._disowned

    def _alike(self) -> list[Call]:
        """Give the requests that stand first and can be read at once: a start asks for thousands of cycles."""
        kind = type(self._waiting[0].message)
        most = LOADS_MAX if kind in (LoadSymbol, LoadCycle, LoadOrder) else 1
        calls = takewhile(lambda one: isinstance(one, Call) and type(one.message) is kind, self._waiting)
        return list(islice(calls, most))

    def _answer_all(self, calls: list[Call]) -> None:
        """Answer the requests that stand first; what can not be read is the affair of who asked, and of nobody else."""
        try:
            answers = self._load([call.message for call in calls])
        except TransientError:
            raise
        except Exception as error:
            if len(calls) > 1:
                for call in calls:
                    self._answer_all([call])
                return
            self.log.exception("journal can not be read", request=repr(calls[0].message))
            self._waiting.popleft()
            calls[0].fail(crash(error))
            return
        for call, answer in zip(calls, answers, strict=True):
            self._waiting.popleft()
            call.reply(answer)

    def _load(self, requests: list[Any]) -> Sequence[Any]:
        match requests:
            case [LoadSymbol(), *_]:
                keys = [(request.account, request.symbol) for request in requests]
                loaded = self._store.load_symbols(keys)
                self._disowned.difference_update(keys)
                return loaded
            case [LoadCycle(), *_]:
                return self._store.load_cycles([request.key for request in requests])
            case [LoadOrder(), *_]:
                ids = [request.client_order_id for request in requests]
                found = {order.client_order_id: order for order in self._store.load_orders(ids)}
                return [found.get(name) for name in ids]
            case [LoadAccount(account)]:
                return (self._store.load_account(account),)
            case [LoadRisk(account, since_ns, sent_since_ns)]:
                return (self._store.load_risk(account, since_ns, sent_since_ns),)
            case [ClaimAccount(account)]:
                return (self._claim(account),)
            case [AskClaims()]:
                return (frozenset(self._claimed),)
        raise TypeError(f"the journal is not asked {type(requests[0]).__name__}")

    def _claim(self, account: str) -> AccountClaimed:
        held_by = self._store.claim(account)
        if held_by is None:
            self._claimed.add(account)
            self._released.discard(account)
        return AccountClaimed(account, held_by)

    def _release(self, account: str) -> None:
        self._store.release(account)
        self._claimed.discard(account)
        self._released.add(account)

    def _pass_on(self, message: Any) -> None:
        match message:
            case PlaceIntent(order, budget):
                until_s = self.system.clock.monotonic_s() + SEND_WITHIN_S
                self.system.tell(names.execution_manager(order.key.account), OpenOrder(order, budget, until_s))
                self.system.tell(names.account(order.key.account), OrderRecorded(order))
            case RecordEvent(order, event):
                self.system.tell(names.account(order.key.account), OrderRecorded(order, event))
            case RecordCycles(cycles):
                ended = tuple(cycle for cycle in cycles if cycle.result is not None)
                if ended:
                    self.system.tell(names.execution_manager(ended[0].key.account), CyclesEnded(ended))
            case PassOn(name, passed):
                self.system.tell(name, passed)
            case _Keep():
                self._keep_later()

    def _keep_later(self) -> None:
        if self._config.keep_s is not None:
            self.send_after(self._config.keep_s, _Keep())

    def _refuse_too_much(self) -> None:
        if len(self._waiting) > self._config.waiting_max:
            self.exit(crash(f"{len(self._waiting)} messages wait for the store"))

    def _wait_for_store(self, error: TransientError) -> None:
        if self._away is None:
            self.log.warning("journal unavailable", reason=str(error), waiting=len(self._waiting))
            self._away_since_ns = self.system.clock.now_ns()
        self._away = str(error)
        self._waiting = deque(self._kept(message) for message in self._waiting)
        self._retry = self.send_after(self._pause_s, _Retry())
        self._pause_s = min(self._pause_s * 2, self._config.retry_max_s)

    def _kept(self, message: Any) -> Any:
        """Turn an entry that has to wait into its refusal, written over what a commit with a lost answer has left."""
        if not isinstance(message, PlaceIntent) or message.order.side is not Side.BUY:
            return message
        order = message.order
        event = order.event(OrderRejected, self.system.clock.now_ns(), UNAVAILABLE)
        return _Refusal(order.apply(event), event)


def _account(message: Any) -> str | None:
    """Say for whom something is to be written; None for what writes nothing."""
    match message:
        case PlaceIntent(order) | RecordEvent(order):
            return order.key.account
        case RecordCycles([first, *_]):
            return first.key.account
    return None


def _acted_on(message: Any) -> tuple[str, str] | None:
    """Say of which (account, symbol) it is what a leader or its traders did."""
    match message:
        case PlaceIntent(Order(key=key)) | _Refusal(Order(key=key)) | RecordCycles([Cycle(key=key), *_]):
            return key.account, key.symbol
    return None


def _entries(message: Any) -> list[JournalEntry]:
    match message:
        case PlaceIntent(order):
            return [OrderRecorded(order)]
        case RecordEvent(order, event):
            return [OrderRecorded(order, event)]
        case RecordCycles(cycles):
            return [CycleRecorded(cycle) for cycle in cycles]
    return []
