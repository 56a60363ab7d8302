"""An account actor on a virtual clock, with everybody whom it asks scripted: journal, client, feeds and cache."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from naive_daemon import names
from naive_daemon.account.account import Account, AccountQuery, AccountView
from naive_daemon.account.metadata_keeper import MetadataConfig
from naive_daemon.cache.messages import LoadDocument, SaveDocument
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import BalanceUpdated, LastPrice, Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import AskBalances
from naive_daemon.execution.journal_messages import LoadAccount, LoadRisk
from naive_daemon.execution.journal_store import AccountJournal, RiskJournal
from naive_daemon.otp import DEFERRED, Actor, ActorSystem, Call, ChildSpec, Supervisor, crash
from tests.trading.recorder import Recorder

ACCOUNT = "main"
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base_asset=symbol[:-1],
        quote_asset=symbol[-1],
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
    )
    for symbol in ("AAAQ", "BBBQ")
}


class ScriptedCache(Actor):
    """Holds documents; answers them as `does` says, or keeps the calls until somebody answers. Notes the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, bytes] = {}
        self.does: defaultdict[type, str] = defaultdict(lambda: "answer")
        self.calls: list[Call] = []
        self.told: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, LoadDocument | SaveDocument):
            self.told.append(message)
            return None
        if self.does[type(message)] == "hold":
            self.calls.append(self.caller())
            return DEFERRED
        if self.does[type(message)] == "fail":
            self.caller().fail(crash("it is away"))
            return DEFERRED
        return self.do(message)

    def do(self, message: LoadDocument | SaveDocument) -> bytes | None:
        if isinstance(message, LoadDocument):
            return self.documents.get(message.key)
        self.documents[message.key] = message.value
        return None

    def answer(self) -> None:
        """Do what the oldest call that was held asks for, and answer it."""
        call = self.calls.pop(0)
        call.reply(self.do(call.message))

    def take(self, kind: type) -> list[Any]:
        """Give what of a kind has been told since the last look."""
        found = [message for message in self.told if isinstance(message, kind)]
        self.told = [message for message in self.told if not isinstance(message, kind)]
        return found


class Desk:
    """The account and whom it asks. `orders` are those of open cycles. `started` is empty until its start is over."""

    def __init__(
        self,
        cache: ScriptedCache | None = None,
        config: MetadataConfig | None = None,
        *,
        orders: tuple[Order, ...] = (),
        balances: tuple[BalanceUpdated, ...] = (),
    ) -> None:
        self.clock = VirtualClock(NS_PER_S)
        self.system = ActorSystem.simulated(self.clock)
        self.cache = cache
        live = tuple(order for order in orders if not order.status.is_terminal)
        journal = AccountJournal(live_orders=live, totals=(), commissions={}, orders_count=0, fills_count=0)
        recorder = Recorder(
            {LoadAccount: lambda _: journal, LoadRisk: lambda _: RiskJournal(open_cycle_orders=orders, realised_pnl={})}
        )
        self.system.start(recorder, names.JOURNAL)
        self.client = Recorder({AskBalances: lambda _: balances})
        self.system.start(self.client, names.client(ACCOUNT))
        if cache is not None:
            self.system.start(cache, names.CACHE)
        config = config or MetadataConfig()
        spec = ChildSpec(id="account", start=lambda: Account(ACCOUNT, INSTRUMENTS, config), name=names.account(ACCOUNT))
        self.started: list[Any] = []
        supervisor = Supervisor([spec])
        self.top = supervisor.attach(self.system, None, None)
        supervisor.begin(self.started.append)
        self.system.run_until_idle()

    def feed(self, symbol: str, price: str | None) -> None:
        """Have a feed that knows a last price; one that knows none for None."""
        trade = None if price is None else Trade(symbol, Decimal(price), Decimal(1), 1, 1)
        self.system.start(Recorder({LastPrice: lambda _: trade}), names.feed(symbol))

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.system.tell(names.account(ACCOUNT), message)
        self.system.run_until_idle()

    def wait(self, seconds: float) -> None:
        self.system.advance_to(self.clock.now_ns() + round(seconds * NS_PER_S))

    def view(self) -> AccountView:
        view: AccountView = self.system.ask(names.account(ACCOUNT), AccountQuery())
        return view

    def end(self) -> None:
        assert self.system.terminate(self.top, 5) is not None
        self.system.run_until_idle()


def order(
    number: int = 1,
    side: Side = Side.BUY,
    *,
    symbol: str = "AAAQ",
    trader: int = 1,
    cycle: int = 1,
    price: str = "10",
    quantity: str = "2",
    created_ns: int = 1,
    status: OrderStatus = OrderStatus.IN_FLIGHT,
) -> Order:
    return Order(
        client_order_id=f"id{number}",
        key=CycleKey(ACCOUNT, symbol, trader, cycle),
        leg=Leg(side),
        price=Decimal(price),
        quantity=Decimal(quantity),
        created_ns=created_ns,
        status=status,
    )


def balance(asset: str, free: str, time_ns: int = 1) -> BalanceUpdated:
    return BalanceUpdated(account=ACCOUNT, asset=asset, free=Decimal(free), locked=Decimal(0), time_ns=time_ns)


def cycle(key: CycleKey) -> Cycle:
    return Cycle(key=key, budget=Decimal(1), fee=Decimal(0), settings=TradeSettings(), started_ns=1)
