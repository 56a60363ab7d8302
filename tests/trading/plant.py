"""The whole tree on one thread and a virtual clock, with a table of settings, a journal, and a market by hand."""

import random
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from naive_daemon import names
from naive_daemon.cache.memory import MemoryCacheDatabase
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.settings import RestingOrders, TradeSettings, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.otp import KILL, Actor, Ref, WhichChildren, crash, send_exit
from naive_daemon.trading.switch_messages import AskSymbols
from naive_daemon.trading.symbol_record import SymbolView
from naive_daemon.tree import ControlPorts, PaperExchange, Ports, root
from tests.trading.invariants import check_rest, check_safety
from tests.trading.stepper import stepped_system
from tests.trading.table import ACCOUNT, Table, TableStore

if TYPE_CHECKING:
    from naive_daemon.exchange.paper.fee_asset import FeeAsset
    from naive_daemon.exchange.paper.ledger import Balance
    from naive_daemon.execution.journal_store import JournalStore

START_NS = 1_700_000_000 * NS_PER_S
STEP_NS = NS_PER_S // 10
TRADE = TradeSettings(
    chunks=3,
    budget=Decimal(300),
    buy_down_interval=Decimal("0.001"),
    profit_interval=Decimal("0.001"),
    rebuy_interval=Decimal("0.004"),
)
FEE = Decimal("0.001")


class BoomError(Exception):
    """A crash that a test has asked for."""


def instrument(symbol: str = "AAAQ") -> Instrument:
    return Instrument(
        symbol=symbol,
        base_asset=symbol[:-1],
        quote_asset=symbol[-1:],
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
        min_notional=Decimal(5),
    )


def walk(seed: int, count: int, start: str = "100") -> list[Decimal]:
    """Give prices that swing about the start, wide enough for entries, exits and rebuys."""
    draw = random.Random(seed)
    middle = Decimal(start)
    offset, prices = 0, []
    for _ in range(count):
        offset = offset * 98 // 100 + draw.randint(-25, 25)
        prices.append(middle + offset * Decimal("0.01"))
    return prices


class Notifier:
    """Implements ServiceNotifier."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self) -> None:
        self.said.append("ready")

    def alive(self) -> None:
        self.said.append("alive")

    def status(self, text: str) -> None:
        self.said.append(text)


class Plant:
    """A daemon without its servers. `order` draws whose turn it is; nothing is checked while `is_checked` is False."""

    def __init__(
        self, *symbols: str, order: random.Random | None = None, is_checked: bool = True, **ports: Any
    ) -> None:
        self.symbols = symbols or ("AAAQ",)
        self.journal = MemoryJournal()
        self.table = Table()
        self.clock = VirtualClock(START_NS)
        self.opening = {"Q": Decimal(1_000_000)}
        self.fill_model = FillModel.THROUGH
        self.fee_asset: FeeAsset | None = None
        self.trade_id = 0
        self.is_checked = is_checked
        self._order = order
        self._ports = ports
        self.open_journal: Callable[[], JournalStore] = lambda: self.journal

    # Life -----------------------------------------------------------------------------------------------------------

    def start(self) -> "Plant":
        """Start the tree; again after `die`, as a new process would."""
        self.notifier = Notifier()
        self.system, self.stepper = stepped_system(self.clock, self._order)
        self.top = self.system.start(root(self._make_ports()))
        self.settle()
        return self

    def die(self) -> None:
        """End as by kill -9: nobody says a last word, and only the journal and the table are left."""
        self.table.deafen()
        self.system.stop()

    def stop(self) -> None:
        assert self.system.terminate(self.top, 10) is not None
        self.system.stop()

    def _make_ports(self) -> Ports:
        fields: dict[str, Any] = {
            "owner": "test",
            "account": ACCOUNT,
            "instruments": {symbol: instrument(symbol) for symbol in self.symbols},
            "exchange": PaperExchange(
                fill_model=self.fill_model, maker_fee=FEE, balances=self.opening, fee_asset=self.fee_asset
            ),
            "open_journal": self.open_journal,
            "open_cache": MemoryCacheDatabase,
            "control": ControlPorts(
                open_store=lambda: TableStore(self.table),
                make_listener=self.table.listen,
                heartbeat=lambda: None,
            ),
            "notifier": self.notifier,
        }
        return Ports(**(fields | self._ports))

    # Switches -------------------------------------------------------------------------------------------------------

    def switch(
        self,
        status: TradingStatus,
        symbol: str = "",
        trade: TradeSettings | None = None,
        *,
        stop: RestingOrders | None = None,
        entries: RestingOrders | None = None,
    ) -> None:
        """Write the row as an operator does, and let the daemon follow."""
        symbol = symbol or self.symbols[0]
        known = self.table.rows.get((ACCOUNT, symbol))
        self.table.set(symbol, status, trade or (known.trade if known else TRADE), stop=stop, entries=entries)
        self.settle()

    def on(self, *symbols: str, trade: TradeSettings | None = None) -> "Plant":
        for symbol in symbols or self.symbols:
            self.switch(TradingStatus.ON, symbol, trade)
        return self

    # Market ---------------------------------------------------------------------------------------------------------

    def trade(self, price: str | Decimal, symbol: str = "", quantity: str = "1") -> None:
        """Let the market print a trade, 100 ms after the one before, and carry it to its end."""
        symbol = symbol or self.symbols[0]
        self.trade_id += 1
        self.system.advance_to(self.clock.now_ns() + STEP_NS)
        trade = Trade(symbol, Decimal(price), Decimal(quantity), self.trade_id, self.clock.now_ns())
        for message in (TradeArrived(trade), DeliverTrade()):
            self.system.tell(names.feed(symbol), message)
            self.system.run_until_idle()
        if self.is_checked:
            check_safety(self)

    def trades(self, *prices: str | Decimal, symbol: str = "") -> None:
        for price in prices:
            self.trade(price, symbol)

    def play(self, prices: Iterable[Decimal]) -> None:
        """Let every symbol's market print each price."""
        for price in prices:
            for symbol in self.symbols:
                self.trade(price, symbol)

    def wait(self, seconds: float) -> None:
        self.system.advance_to(self.clock.now_ns() + round(seconds * NS_PER_S))
        self.settle()

    def settle(self) -> None:
        self.system.run_until_idle()

    # Harm -----------------------------------------------------------------------------------------------------------

    def kill(self, name: Hashable) -> bool:
        """Kill whoever has the name now; False when nobody has."""
        ref = self.system.whereis(name)
        if ref is not None:
            send_exit(ref, KILL)
        return ref is not None

    def crash(self, name: Hashable) -> bool:
        """Let whoever has the name raise at its next message; False when nobody has it."""
        ref = self.system.whereis(name)
        if ref is None:
            return False
        actor: Any = ref._actor

        def explode(*_: object) -> None:
            raise BoomError(str(name))

        if ref.actor_inbox.empty():
            actor._end(crash(BoomError(str(name))))
        else:
            for handler in ("on_receive", "on_batch", "_handle_receive"):
                setattr(actor, handler, explode)
        return True

    # See ------------------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> PaperEngine:
        """The books as the exchange has them."""
        engine: PaperEngine = self.actor(names.client(ACCOUNT))._engine
        return engine

    @property
    def accounts(self) -> tuple[str, ...]:
        return (ACCOUNT,)

    @property
    def instruments(self) -> dict[str, Instrument]:
        return dict(self._make_ports().instruments)

    def open_orders(self, account: str) -> list[Order] | None:
        ref = self.system.whereis(names.client(account))
        engine = None if ref is None else getattr(ref._actor, "_engine", None)
        return None if engine is None else engine.open_orders(account)

    def balances(self, account: str) -> "dict[str, Balance]":
        return self.engine.balances(account)

    def foreign(self, account: str) -> dict[str, Decimal]:
        return {}

    def actor(self, name: Hashable) -> Any:
        return self.ref(name)._actor

    def ref(self, name: Hashable) -> Ref:
        ref = self.system.whereis(name)
        assert ref is not None, f"nobody is called {name}"
        return ref

    def traders(self, symbol: str = "") -> list[Any]:
        return self.traders_of(ACCOUNT, symbol or self.symbols[0])

    def traders_of(self, account: str, symbol: str) -> list[Any]:
        supervisor = self.system.whereis(names.traders(account, symbol))
        if supervisor is None:
            return []
        children = self.system.ask(supervisor, WhichChildren())
        return [child.ref._actor for child in children if child.ref is not None]

    def refs_of(self, symbol: str) -> dict[Hashable, Ref]:
        """Give every actor of one symbol's tree."""
        slots = [names.trader(ACCOUNT, symbol, trader._position.cycle.key.trader) for trader in self.traders(symbol)]
        own = [names.symbol_supervisor(ACCOUNT, symbol), names.traders(ACCOUNT, symbol), names.leader(ACCOUNT, symbol)]
        return {name: self.ref(name) for name in [*own, names.feed(symbol), *slots]}

    def view(self, symbol: str = "") -> SymbolView:
        views: tuple[SymbolView, ...] = self.system.ask(names.SWITCHES, AskSymbols())
        return next(view for view in views if view.symbol == (symbol or self.symbols[0]))

    def orders(self, *statuses: OrderStatus, side: Side | None = None) -> list[Order]:
        return [
            order
            for order in self.journal.orders()
            if (not statuses or order.status in statuses) and (side is None or order.side is side)
        ]

    def shown(self) -> list[str]:
        """Write every order of the journal in a word: leg, price, status."""
        return [f"{order.leg} {order.price} {order.status.value}" for order in self.journal.orders()]

    def completed(self) -> int:
        return sum(
            cycle.result is not None and cycle.result.outcome.value == "completed" for cycle in self.journal.cycles()
        )

    def check(self) -> None:
        """See that all is at rest and agrees."""
        self.settle()
        check_safety(self)
        check_rest(self)


def with_trade(**changes: Any) -> TradeSettings:
    return msgspec.structs.replace(TRADE, **changes)


def is_actor(value: object) -> bool:
    return isinstance(value, Actor)
