"""A world with a daemon in it: the real tree, in virtual time, with everything outside of it drawn from one seed.

The exchange, Postgres, Redis, the operator and the market live on while processes of the daemon die and start. A run
goes through a storm of faults, beat by beat; then all is healed, the market swings until every order can be filled, and
what was promised must be there: nothing lost, doubled or orphaned, every symbol as it is wanted.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from naive_daemon import names
from naive_daemon.account.metadata_keeper import MetadataConfig
from naive_daemon.cache.memory import MemoryStore
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.events import AccountEvent, MarketHealth, OrderFilled, Trade
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.execution.journal import JournalConfig
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry
from naive_daemon.execution.manager import ExecutionConfig
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.otp import ActorSystem, SimulatedSystem
from naive_daemon.otp.deadlock import LivelockError
from naive_daemon.otp.trace import TraceSink
from naive_daemon.trading.quarantine import Quarantine
from naive_daemon.tree import ControlPorts, PaperExchange, Ports, RealExchange
from tests.simulation.accounts import SimulatedOpener
from tests.simulation.actor_faults import ActorFaults
from tests.simulation.agenda import Agenda
from tests.simulation.exchange.exchange import SimulatedExchange
from tests.simulation.life import Life, ProcessEnded
from tests.simulation.managers import entries_of, known_limits
from tests.simulation.market import Market, MarketConnection, Print
from tests.simulation.moments import Moments
from tests.simulation.odds import Fault, Odds, draw_focus
from tests.simulation.plan import draw_plan
from tests.simulation.process import Notifier, Process
from tests.simulation.promises.closings import Heard
from tests.simulation.promises.promises import Promises, Violation
from tests.simulation.promises.unheard import Unheard
from tests.simulation.shown_clock import ShownClock
from tests.simulation.stores.cache import SimulatedCache
from tests.simulation.stores.journal import SimulatedJournal
from tests.simulation.stores.listener import SimulatedListener
from tests.simulation.stores.outages import POSTGRES, Outages
from tests.simulation.stores.settings import SimulatedPresence, SimulatedSettings
from tests.simulation.witness import Witness
from tests.trading.table import Table, TableStore

START_NS = 1_700_000_000 * NS_PER_S
OWNER = "sim"
CONNECTED = MarketHealth(connected=True, reason="connected")
RESTART_S = (0.2, 1.0, 8.0)
START_WITHIN_S = 180.0
WATCHDOG_S = 30.0
FEEDERS = frozenset({"root", "watchman"})
LOOK_S = 5.0
KEEP_S = 5.0
WATCH_PERIOD_S = 10.0
"""Most of an idle daemon's messages are the watchman's."""
EXECUTION = ExecutionConfig(
    request_timeout_s=10.0, never_placed_after_s=20.0, reconcile_interval_s=60.0, awaits_safeguards=True
)
QUARANTINE = Quarantine(first_s=10.0, max_s=60.0)
"""Shorter pauses than the product's own: how often it is tried counts, not how long it waits."""


class World:
    """One seed's world. `given`: the faults that befall it, in place of those that are drawn."""

    def __init__(self, seed: int, given: Iterable[Fault] | None = None, trace: TraceSink | None = None) -> None:
        self.seed = seed
        self.plan = draw_plan(seed)
        self.clock = VirtualClock(START_NS)
        self.shown = ShownClock(self.clock)
        self.odds = Odds(seed, given, now_s=self.passed_s, focus=draw_focus(seed))
        self.agenda = Agenda(self.clock)
        self.market_health = CONNECTED
        self._still_heard: frozenset[str] = frozenset()
        self._unheard = Unheard(self.plan.accounts, self.actor)
        self.outages = Outages(self.clock)
        self.books = MemoryJournal()
        self.table = Table()
        self.market = Market(seed, self.plan.symbols)
        self.store = MemoryStore()
        self.exchange = SimulatedExchange(self.clock, self.agenda, self.odds, self._make_engine())
        self.promises = Promises(self.plan, self.books, self.table, self.exchange, self.shown)
        self.promises.known_limits = lambda account: known_limits(self, account)
        self.promises.manager = lambda account: self.actor(names.execution_manager(account))
        self.promises.is_blind = self._unheard.is_blind
        self.table.kill_switch_seen = Heard(self.table.kill_switch_seen, self._kill_switch_confirmed)
        self.table.hear_drained = lambda key: self._hold(self.promises.symbol_is_drained, key)
        self.exchange.on_departure = lambda order: self._hold(self.promises.order_leaves, order)
        self.exchange.on_arrival = lambda order: self._hold(self.promises.order_arrives, order)
        self.exchange.on_events = self._events_occur
        self.actor_faults = ActorFaults(self.odds, self.agenda)
        self.witness = Witness(self.violated)
        self.process: Process | None = None
        self.violation: Violation | None = None
        self.lives = 0
        self.deaths: list[str] = []
        self.beats = 0
        self.moments = Moments()
        self._tape_s = 0.0
        self._life = Life()
        self._trace = trace
        self._draw = random.Random(f"{seed}/world")
        self._write_settings()

    # What the promises look at --------------------------------------------------------------------------------------

    @property
    def life(self) -> Life:
        """The process that runs, or the last one that did."""
        return self._life

    @property
    def system(self) -> SimulatedSystem | None:
        """The actors that run; None while no process does."""
        return None if self.process is None else self.process.system

    @property
    def steps(self) -> int:
        """How many messages were handled, in all lives."""
        return self.actor_faults.steps

    @property
    def is_up(self) -> bool:
        """Say whether a process runs and has said that it is ready."""
        return self.process is not None and self.process.notifier.is_ready

    def actor(self, name: Any) -> Any:
        """Give the actor that has a name now; None when nobody has."""
        ref = None if self.system is None else self.system.whereis(name)
        return None if ref is None else ref._actor

    def passed_s(self) -> float:
        """Say how many seconds have passed since the world began."""
        return (self.clock.now_ns() - START_NS) / NS_PER_S

    # Lives ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a process, as systemd does; without its database it ends at once, to be started again."""
        self.lives += 1
        if self.outages.is_away(POSTGRES):
            self.deaths.append("Postgres was away at the start")
            self.agenda.after(self._draw.choice(RESTART_S), self.start)
            return
        life = self._life = Life()
        self.actor_faults.begin(life)
        TableStore(self.table).forget_actual()  # what the daemon says before anything runs
        system = ActorSystem.simulated(
            self.clock,
            self.seed * 1_000 + self.lives,
            faults=self.actor_faults,
            trace=self._trace,
            shown=self.shown,
        )
        notifier = Notifier(self.clock, life)
        self.process = Process(system, self._make_ports(life, notifier), notifier, life, self.agenda.after)
        self.agenda.after(LOOK_S, lambda: self._look_after(life))

    def end_process(self, why: str) -> None:
        """Kill the process between two messages."""
        if self.process is not None:
            self._life.end(why)
            self._bury()

    def _bury(self) -> None:
        """See a process off that is over, and have the next one started after a while."""
        process, self.process = self.process, None
        if process is None:
            return
        self.deaths.append(str(process.life.why))
        self.table.deafen()
        process.system.stop()
        self.agenda.after(self._draw.choice(RESTART_S), self.start)

    def _look_after(self, life: Life) -> None:
        """Kill what does not start in time, or feeds its watchdog no more, as systemd does."""
        process = self.process
        if process is None or process.life is not life:
            return
        now_s, notifier = self.clock.monotonic_s(), process.notifier
        if not notifier.is_ready and now_s - process.began_s > START_WITHIN_S:
            self.end_process("it did not start in time")
        elif notifier.is_ready and now_s - notifier.alive_s > WATCHDOG_S:
            # A tree that is being started again, and waits for a server, has nobody to feed it: a fresh start is fine.
            if self.actor(names.WATCHMAN) is not None and not self.actor_faults.has_struck(FEEDERS):
                self.violated("a daemon that is well feeds its watchdog", f"not for {now_s - notifier.alive_s:.0f} s")
            self.end_process("its watchdog was not fed")
        else:
            self.agenda.after(LOOK_S, lambda: self._look_after(life))

    def close(self) -> None:
        """Give up whatever runs."""
        if self.process is not None:
            self._life.end("the world has ended")
            self.process.system.stop()
            self.process = None

    # Time -----------------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let time go by, in the daemon and around it, each thing at its own moment."""
        until_ns = self.clock.now_ns() + round(seconds * NS_PER_S)
        while True:
            self._let(self.agenda.run_due)
            if self.process is not None:
                self._let(self.process.system.run_until_idle)
            if self._is_due_now():
                continue
            if self.clock.now_ns() >= until_ns:
                return
            self._advance_to(min(until_ns, *self._due()))

    def _advance_to(self, time_ns: int) -> None:
        """Go to the next moment at which anything happens; a process that ends on the way stops the clock there."""
        if self.process is None:
            self.clock.advance_to(time_ns)
        else:
            system = self.process.system
            self._let(lambda: system.advance_to(time_ns))

    def _is_due_now(self) -> bool:
        due_ns = self.agenda.due_ns
        return due_ns is not None and due_ns <= self.clock.now_ns()

    def _due(self) -> list[int]:
        dues = [self.agenda.due_ns, None if self.process is None else self.process.system.due_ns]
        return [due_ns for due_ns in dues if due_ns is not None]

    def _let(self, do: Callable[[], None]) -> None:
        """Do what may let actors run; a process that ends meanwhile is buried, a broken promise comes to the caller."""
        try:
            do()
        except ProcessEnded:
            self._bury()
        except LivelockError as error:
            raise Violation("time goes on", str(error)) from error
        if self._life.is_over:
            self._bury()
        if self.violation is not None:
            raise self.violation

    # The market -----------------------------------------------------------------------------------------------------

    def print(self, prints: Sequence[Print]) -> None:
        """Let the market print: the exchange matches, and the daemon hears of it as long as it is connected."""
        for what in prints:
            self.print_now(what)
            self.pass_time(0.02)

    def print_now(self, what: Print) -> None:
        """Let the market print once, in no time."""
        trade = self.market.trade(what, self.clock.now_ns())
        self.promises.market_prints(trade)
        self.exchange.trade(trade)
        is_heard = self.market_health.connected or trade.symbol in self._still_heard
        if is_heard and self.odds.strikes("lost", "trade") is None:
            self._send_print(trade)

    def _send_print(self, trade: Trade) -> None:
        """Send a print on the market's connection: what is late makes late what comes after it."""
        now_s = self.passed_s()
        self._tape_s = max(self._tape_s, now_s + (self.odds.strikes("late", "trade") or 0.0))
        self.agenda.after(self._tape_s - now_s, lambda: self.tell_market(trade))

    def silence(self, seconds: float, still_heard: frozenset[str] = frozenset()) -> None:
        """Let no print reach the daemon for so long, but those of symbols that are on a connection that is left.

        The market says at once that it is not heard, and says when it is over.
        """
        silent = MarketHealth(connected=False, reason="no trades arrive")
        self._still_heard = still_heard
        self._show_health(silent)
        self.agenda.after(seconds, lambda: self._end_silence(silent))

    def end_silence(self) -> None:
        """Bring the market's connection back."""
        self._show_health(CONNECTED)

    def _end_silence(self, silent: MarketHealth) -> None:
        if self.market_health is silent:  # else it was lost again meanwhile, and that lasts longer
            self.end_silence()

    def _show_health(self, health: MarketHealth) -> None:
        self.market_health = health
        self.tell_market(health)

    def tell_market(self, message: Any) -> None:
        """Tell whoever brings the market to the feeds."""
        if self.system is not None:
            self.system.tell(names.PLAYER, message)

    # Promises -------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Hold everything that must be true at any moment against what is there."""
        if self.violation is not None:
            raise self.violation
        self.promises.check(self)

    def expect_orphan(self, order_id: str) -> None:
        """Know of an order with the daemon's mark that it has never placed."""
        self.witness.orphans.add(order_id)
        self.promises.orphans.add(order_id)

    def violated(self, promise: str, detail: str) -> None:
        """Note the first promise that was broken; nothing more happens then."""
        self.violation = self.violation or Violation(promise, detail)
        self._life.end("a promise was broken")

    def _events_occur(self, events: Sequence[AccountEvent]) -> None:
        self._hold(self.promises.events_occur, events)
        for event in events:
            if isinstance(event, OrderFilled):
                self.moments.order_is_filled(event)

    def _hold(self, promise: Callable[[Any], None], what: Any) -> None:
        try:
            promise(what)
        except Violation as violation:
            self.violation = self.violation or violation
            self._life.end("a promise was broken")

    def _kill_switch_confirmed(self, account: str, revision: int) -> None:
        entries, in_flight = entries_of(self, account)
        self._hold(lambda live: self.promises.kill_switch_is_confirmed(account, revision, in_flight, live), entries)

    # Parts ----------------------------------------------------------------------------------------------------------

    def _make_engine(self) -> PaperEngine:
        plan = self.plan
        return PaperEngine(
            plan.instruments,
            fill_model=plan.fill_model,
            maker_fee=plan.fee,
            fee_asset=plan.fee_asset,
            balances=dict.fromkeys(plan.accounts, plan.opening),
        )

    def _write_settings(self) -> None:
        for account in self.plan.accounts:
            if account != self.plan.accounts[0]:
                self.table.set_account(AccountSettings(name=account))
            for symbol in self.plan.symbols:
                self.table.set(symbol, TradingStatus.ON, self.plan.trade, account=account)

    def _make_ports(self, life: Life, notifier: Notifier) -> Ports:
        def written(entries: Sequence[JournalEntry]) -> None:
            self._hold(self.promises.entries_written, entries)
            if any(isinstance(entry, CycleRecorded) and entry.cycle.result is not None for entry in entries):
                self.moments.cycle_ends()

        plan, odds, outages = self.plan, self.odds, self.outages
        return Ports(
            owner=OWNER,
            account=plan.accounts[0],
            instruments=plan.instruments,
            exchange=self._make_exchange(life),
            opener=SimulatedOpener(plan.fee, odds, self.agenda, life, self.exchange),
            open_journal=lambda: SimulatedJournal(
                self.books, odds, outages, life, written, on_wait=self.promises.entries_wait
            ),
            journal=JournalConfig(keep_s=KEEP_S),
            execution=EXECUTION,
            metadata=MetadataConfig(),
            open_cache=lambda: SimulatedCache(self.store, odds, outages, life, self.clock),
            make_player=lambda: MarketConnection(lambda: self.market_health, self._unheard.take),
            control=ControlPorts(
                open_store=lambda: SimulatedSettings(self.table, odds, outages, life),
                make_listener=lambda owner: SimulatedListener(self.table, owner, odds, self.agenda, outages, life),
                heartbeat=SimulatedPresence(odds, outages, life).beat,
            ),
            notifier=notifier,
            watch_period_s=WATCH_PERIOD_S,
            quarantine=QUARANTINE,
            trader_restarts=plan.restarts,
            symbol_restarts=plan.restarts,
        )

    def _make_exchange(self, life: Life) -> PaperExchange | RealExchange:
        plan = self.plan
        if plan.own_exchange:
            return PaperExchange(
                fill_model=plan.fill_model, maker_fee=plan.fee, balances=plan.opening, fee_asset=plan.fee_asset
            )
        return RealExchange(
            maker_fee=plan.fee, make_client=lambda account: self.exchange.make_client(account, life, self.shown)
        )
