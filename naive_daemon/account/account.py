"""The account actor: keeps the account's state and tells each trader what became of its orders.

Receives: OrderRecorded (from the journal, so it is durable), BalanceUpdated; request AccountQuery.
Sends: the order event to the trader whose order it is, or to its leader while that trader does not run; publishes
AccountStarted under its own name, so that traders ask the journal for what they missed.
State: an AccountStateStore, which comes back from journal and exchange.
"""

from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.store import AccountStateStore, Balance
from naive_daemon.domain.events import BalanceUpdated, OrderEvent
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.execution.client import AskBalances
from naive_daemon.execution.journal import LoadAccount
from naive_daemon.execution.journal_store import AccountJournal, OrderRecorded
from naive_daemon.otp import Actor, RequestFailed, crash

LOAD_TIMEOUT_S = 60.0
"""As long as its neighbours wait: a journal whose store is away must not use up the restarts of the account."""


class OrderNotice(msgspec.Struct, frozen=True):
    """What became of an order of this cycle; durable by now."""

    key: CycleKey
    event: OrderEvent


class AccountQuery(msgspec.Struct, frozen=True):
    """Request: what has the account? Answered by AccountView."""


class AccountView(msgspec.Struct, frozen=True):
    """Balances by asset and live orders, as of now."""

    balances: dict[str, Balance]
    orders: tuple[Order, ...]


class AccountStarted(msgspec.Struct, frozen=True):
    """The account has started again: events may have been lost on the way to traders, the journal has them."""

    account: str


class Account(Actor):
    """See the module."""

    def __init__(self, account: str) -> None:
        super().__init__()
        self._account = account
        self._store = AccountStateStore[SymbolMetadata]()

    def log_context(self) -> dict[str, object]:
        """Say whose state this is."""
        return {"account": self._account}

    def init(self) -> None:
        """Fill the store, and let traders know."""
        self.request(self.system.whereis(names.JOURNAL), LoadAccount(self._account), self._take_orders, LOAD_TIMEOUT_S)
        client = self.system.whereis(names.client(self._account))
        self.request(client, AskBalances(), self._take_balances, LOAD_TIMEOUT_S)
        self.system.pubsub.publish(names.account(self._account), AccountStarted(self._account))

    def on_receive(self, message: Any) -> Any:
        """Take an event or show the state."""
        match message:
            case OrderRecorded(order, event) if event is not None:
                self._store.orders.upsert(order)
                key = order.key
                notice = OrderNotice(key, event)
                if not self.system.tell(names.trader(key.account, key.symbol, key.trader), notice):
                    self.system.tell(names.leader(key.account, key.symbol), notice)
            case BalanceUpdated():
                self._store.balances.set(message)
            case AccountQuery():
                return AccountView(self._store.balances.all(), self._store.orders.all())
            case _:
                super().on_receive(message)
        return None

    def _take_orders(self, journal: AccountJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal of {self._account} could not be read: {journal.reason}"))
        for order in journal.live_orders:
            self._store.orders.upsert(order)

    def _take_balances(self, balances: tuple[BalanceUpdated, ...] | RequestFailed) -> None:
        if isinstance(balances, RequestFailed):
            self.exit(crash(f"the exchange does not say what {self._account} owns: {balances.reason}"))
        for balance in balances:
            self._store.balances.set(balance)
