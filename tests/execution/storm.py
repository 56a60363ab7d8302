"""A run of the execution manager through a storm: faults from a seed, then none, then everything must agree."""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

from naive_daemon import names
from naive_daemon.clock import VirtualClock
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.execution.journal import Journal
from naive_daemon.execution.journal_messages import PassOn, PlaceIntent, RecordCycles
from naive_daemon.execution.journal_store import AccountJournal, RiskJournal
from naive_daemon.execution.manager import ExecutionConfig, ExecutionManager
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.messages import CancelOrder
from naive_daemon.otp import (
    KILL,
    Actor,
    ChildSpec,
    ChildStarted,
    ChildType,
    Continue,
    DynamicSupervisor,
    Restart,
    StartChild,
    Strategy,
    Supervisor,
    send_exit,
)
from tests.execution.desk import ACCOUNT, OWNER, START_NS, make_cycle, make_order
from tests.simulation.agenda import Agenda
from tests.simulation.exchange.exchange import SimulatedExchange
from tests.simulation.exchange.exchange_bench import DrivenSystem
from tests.simulation.life import Life
from tests.simulation.odds import USUAL, Odds
from tests.trading.recorder import Recorder

SYMBOLS = ("AAAQ", "BBBQ")
STEPS = 40
CALM_S = 900.0
RATES = {kind: 0.0 if kind.startswith("death") else 2 * rate for kind, rate in USUAL.items()}
"""Rougher than the whole daemon has it; the storm ends processes itself."""
CONFIG = ExecutionConfig(request_timeout_s=10.0, never_placed_after_s=20.0, reconcile_interval_s=60.0)


class Store(MemoryJournal):
    """A journal that goes away for a while."""

    is_away = False

    def write(self, entries: Any) -> None:
        self._refuse()
        super().write(entries)

    def load_account(self, account: str) -> AccountJournal:
        self._refuse()
        return super().load_account(account)

    def load_risk(self, account: str, since_ns: int, sent_since_ns: int) -> RiskJournal:
        self._refuse()
        return super().load_risk(account, since_ns, sent_since_ns)

    def _refuse(self) -> None:
        if self.is_away:
            raise TransientError("away")


class _Starter(Actor):
    """Starts the account's tree, again and again until it runs: its first questions may be lost, too."""

    def __init__(self, spec: ChildSpec) -> None:
        super().__init__()
        self._spec = spec

    def init(self) -> Continue:
        return Continue("start")

    def on_receive(self, message: Any) -> None:
        self.request(self.system.whereis("top"), StartChild(self._spec), self._take, 1_000)

    def _take(self, answer: Any) -> None:
        if isinstance(answer, ChildStarted):
            self.monitor(answer.ref)
        else:
            self.send_after(1, "start")


class Storm:
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = VirtualClock(START_NS)
        self.store = Store()
        self.odds = Odds(seed, usual=RATES)
        self._agenda = Agenda(self.clock)
        self._instruments = {symbol: _instrument(symbol) for symbol in SYMBOLS}
        engine = PaperEngine(
            self._instruments,
            fill_model=FillModel.VOLUME,
            maker_fee=Decimal(0),
            balances={ACCOUNT: {"Q": Decimal(100_000), "AAA": Decimal(10_000), "BBB": Decimal(10_000)}},
        )
        self.exchange = SimulatedExchange(self.clock, self._agenda, self.odds, engine)
        self.arrivals: Counter[str] = Counter()
        self.exchange.on_arrival = lambda order: self.arrivals.update((order.client_order_id,))
        self._draw = random.Random(f"{seed}/storm")
        self._number = self._trade_id = 0
        self._lives = 0
        self._life: Life
        self.system: DrivenSystem
        self._start()

    def _start(self) -> None:
        """Begin a process: it knows what the journal and the exchange know."""
        self._lives += 1
        life = self._life = Life()
        self.system = DrivenSystem(self.clock, self._agenda, self.seed * 1_000 + self._lives)
        self.system.start(Journal(self.store), names.JOURNAL)

        def manager() -> ExecutionManager:
            return ExecutionManager(ACCOUNT, OWNER, self._instruments, CONFIG)

        client, execution, account = names.client(ACCOUNT), names.execution_manager(ACCOUNT), names.account(ACCOUNT)
        children = [
            ChildSpec(id=client, start=lambda: self.exchange.make_client(ACCOUNT, life), name=client),
            ChildSpec(id=execution, start=manager, name=execution),
            ChildSpec(id=account, start=Recorder, name=account),
        ]
        spec = ChildSpec(
            id="tree",
            start=lambda: Supervisor(children, strategy=Strategy.REST_FOR_ONE, max_restarts=1_000, period_s=60),
            type=ChildType.SUPERVISOR,
            restart=Restart.TEMPORARY,
        )
        self.system.start(DynamicSupervisor(), "top")
        self.system.start(_Starter(spec), "starter")

    def run(self) -> None:
        """Go through the storm, then through the calm behind it."""
        for _ in range(STEPS):
            self._act()
            self._pass(self._draw.choice((0.0, 0.1, 1.0, 5.0, 12.0)))
            self.check_safety()
        self.odds.heal()
        self.exchange.heal()
        self.store.is_away = False
        for _ in range(30):
            self._pass(CALM_S / 30)
        self.check_safety()
        self.check_calm()
        self.system.stop()

    def _act(self) -> None:
        generator = self._draw
        match generator.choices(
            ("place", "trade", "cancel", "cut", "halt", "kill client", "kill manager", "die", "away", "back"),
            (12, 8, 4, 1, 0.5, 0.5, 0.7, 0.3, 0.5, 1),
        )[0]:
            case "place":
                for _ in range(generator.randint(1, 4)):
                    self._place()
            case "trade":
                for _ in range(generator.randint(1, 4)):
                    self._trade()
            case "cancel":
                self._cancel()
            case "cut":
                self.exchange.go_away(generator.choice((0.1, 5.0, 30.0)))
            case "halt":
                self.exchange.halt(generator.choice(SYMBOLS), generator.uniform(0, 30))
            case "kill client":
                self._kill(names.client(ACCOUNT))
            case "kill manager":
                self._kill(names.execution_manager(ACCOUNT))
            case "die":
                self._die()
            case "away":
                self.store.is_away = True
            case "back":
                self.store.is_away = False

    def _place(self) -> None:
        generator = self._draw
        self._number += 1
        side, symbol = generator.choice((Side.BUY, Side.SELL)), generator.choice(SYMBOLS)
        price = Decimal(generator.randint(95, 105)) / 100
        order = make_order(self._number, side, symbol, price=price, created_ns=self.clock.now_ns())
        cycle = make_cycle(order)
        for message in (RecordCycles((cycle,)), PlaceIntent(order, cycle.budget)):
            self.system.tell(names.JOURNAL, message)

    def _trade(self) -> None:
        generator = self._draw
        self._trade_id += 1
        price, quantity = Decimal(generator.randint(93, 107)) / 100, Decimal(generator.randint(1, 25))
        trade = Trade(generator.choice(SYMBOLS), price, quantity, self._trade_id, self.clock.now_ns())
        self.exchange.trade(trade)

    def _cancel(self) -> None:
        live = [order for order in self.store.orders() if not order.status.is_terminal]
        if live:
            order = self._draw.choice(live)
            cancel = CancelOrder(order.client_order_id)
            self.system.tell(names.JOURNAL, PassOn(names.execution_manager(ACCOUNT), cancel))

    def _kill(self, name: Any) -> None:
        ref = self.system.whereis(name)
        if ref is not None:
            send_exit(ref, KILL)

    def _die(self) -> None:
        """End as by kill -9, and begin again; what was on its way to the exchange arrives."""
        self._life.end("killed")
        self.system.stop()
        self._start()

    def _pass(self, seconds: float) -> None:
        self.system.pass_until(lambda: False, seconds)

    # What must hold -------------------------------------------------------------------------------------------------

    def check_safety(self) -> None:
        """No order reaches the exchange twice, or without an intent; no fill counts twice."""
        doubled = [name for name, count in self.arrivals.items() if count > 1]
        assert not doubled, f"sent twice: {doubled}"
        known = {order.client_order_id: order for order in self.store.orders()}
        assert self.arrivals.keys() <= known.keys()
        filled = self._fills_by_order()
        for name, order in known.items():
            assert order.filled == sum(filled.get(name, {}).values()) <= order.quantity, order
        manager = self.system.whereis(names.execution_manager(ACCOUNT))
        assert manager is None or not manager._actor._promises_broken  # type: ignore[attr-defined]  # a manager

    def check_calm(self) -> None:
        """Journal and exchange say the same of every order, and nothing is left of what was asked or waited for."""
        known = {order.client_order_id: order for order in self.store.orders()}
        for name, order in known.items():
            there = self.exchange.engine.order(ACCOUNT, name)
            if there is None:
                assert order.status in (OrderStatus.REJECTED, OrderStatus.CANCELLED), order
                assert not order.filled, order
            else:
                assert _facts(order) == _facts(there), f"{order}\n{there}"
        there_fills = {fill.key for symbol in SYMBOLS for fill in self.exchange.engine.fills(ACCOUNT, symbol)}
        assert self.store._fills.keys() == there_fills
        self._check_nothing_left({name for name, order in known.items() if not order.status.is_terminal})

    def _check_nothing_left(self, live: set[str]) -> None:
        ref = self.system.whereis(names.execution_manager(ACCOUNT))
        assert ref is not None
        manager: Any = ref._actor
        assert manager._books.live.keys() == live
        assert len(manager._asking) == 0
        assert manager._asking._inquiries._asking == 0
        assert not manager._asking._inquiries._waiting
        for left in (manager._sending._in_flight, manager._sending._unsent, manager._cancels._wanted):
            assert not left
        assert not manager._sending._waiters
        assert not manager._reconciler._strangers._waiting
        assert manager._reconciler._round is None
        assert manager._view().is_connected

    def _fills_by_order(self) -> dict[str, dict[str, Decimal]]:
        by_order: dict[str, dict[str, Decimal]] = {}
        for _, fill in self.store._fills.values():
            by_order.setdefault(fill.client_order_id, {})[fill.trade_id] = fill.quantity
        return by_order


def _facts(order: Order) -> tuple[Any, ...]:
    return order.status, order.price, order.quantity, order.filled, order.filled_quote


def _instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol, base_asset=symbol[:-1], quote_asset="Q", tick_size=Decimal("0.01"), step_size=Decimal(1)
    )
