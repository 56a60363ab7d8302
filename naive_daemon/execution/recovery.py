"""The start of an execution manager, at boot and after every crash alike: the one code path of recovery.

Part of the execution manager. The journal says which orders live, then what risk they are (once more where the day has
changed meanwhile), then the exchange what it has of them. What the manager is sent meanwhile waits, and is handed over
in the order in which it came.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from naive_daemon import names
from naive_daemon.execution.client import AccountSnapshot, AskSnapshot
from naive_daemon.execution.gatekeeper import Gatekeeper
from naive_daemon.execution.journal_messages import CyclesEnded, LoadAccount, LoadRisk, OpenOrder
from naive_daemon.execution.journal_store import AccountJournal, RiskJournal
from naive_daemon.execution.order_books import OrderBooks
from naive_daemon.execution.promise_watch import PromiseWatch
from naive_daemon.execution.risk import NS_PER_MIN, day_began_ns
from naive_daemon.execution.sending import Sending
from naive_daemon.otp import Actor, Ref, RequestFailed, crash

LOAD_TIMEOUT_S = 60.0


class Recovery:
    """Belongs to one execution manager, `actor`, which crashes where journal or client do not answer.

    `on_done` is given the exchange's snapshot once the manager's other parts know the journal's orders.
    """

    _journal: Ref

    def __init__(
        self,
        actor: Actor,
        *,
        account: str,
        books: OrderBooks,
        gate: Gatekeeper,
        watch: PromiseWatch,
        sending: Sending,
        on_done: Callable[[AccountSnapshot], None],
    ) -> None:
        self._actor = actor
        self._account = account
        self._books = books
        self._gate = gate
        self._watch = watch
        self._sending = sending
        self._on_done = on_done
        self._waiting: list[Any] = []
        self.is_done = False

    def begin(self, journal: Ref) -> None:
        """Ask the journal which orders live; it is the one that the manager holds on to."""
        self._journal = journal
        self._actor.request(journal, LoadAccount(self._account), self._take_journal, LOAD_TIMEOUT_S)

    def keep(self, message: Any) -> None:
        """Keep what came before the start is done."""
        self._waiting.append(message)

    def take_waiting(self) -> list[Any]:
        """Give what has waited, but for orders that were committed before the journal was read.

        Those are in the books, and may have left already: they are asked for, not sent.
        """
        waiting, self._waiting = self._waiting, []
        return [message for message in waiting if not self._is_inherited(message)]

    def _take_journal(self, journal: AccountJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self._give_up(f"the journal of {self._account} could not be read: {journal.reason}")
        for order in journal.live_orders:
            self._books.put(order)
        self._sending.inherit(journal.live_orders)
        self._ask_risk()

    def _ask_risk(self) -> None:
        now_ns = self._now_ns()
        today_ns = day_began_ns(now_ns)
        load = LoadRisk(self._account, today_ns, now_ns - NS_PER_MIN)
        self._actor.request(self._journal, load, partial(self._take_risk, today_ns), LOAD_TIMEOUT_S)

    def _take_risk(self, asked_day_ns: int, risk: RiskJournal | RequestFailed) -> None:
        if isinstance(risk, RequestFailed):
            self._give_up(f"the risk of {self._account} could not be read: {risk.reason}")
        if day_began_ns(self._now_ns()) != asked_day_ns:  # it adds up what two days have brought
            self._ask_risk()
            return
        self._gate.open(risk)
        self._watch.inherit(list(self._books.live.values()), risk.open_cycle_orders)
        # The journal has told of ended cycles before it answered, so they are in its answer, and count once.
        self._waiting = [message for message in self._waiting if not isinstance(message, CyclesEnded)]
        client = self._actor.system.whereis(names.client(self._account))
        self._actor.request(client, AskSnapshot(), self._take_snapshot, LOAD_TIMEOUT_S)

    def _take_snapshot(self, snapshot: AccountSnapshot | RequestFailed) -> None:
        if isinstance(snapshot, RequestFailed):
            self._give_up(f"the exchange does not say what it has of {self._account}: {snapshot.reason}")
        self.is_done = True
        self._on_done(snapshot)

    def _now_ns(self) -> int:
        return self._actor.system.clock.now_ns()

    def _give_up(self, reason: str) -> NoReturn:
        self._actor.exit(crash(reason))

    def _is_inherited(self, message: Any) -> bool:
        return isinstance(message, OpenOrder) and self._books.get(message.order.client_order_id) is not None
