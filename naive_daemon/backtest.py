"""A backtest: the daemon's own tree on the caller's thread, with a virtual clock and a journal in memory.

The same actors decide, journal, send and match as in live trading; nothing is left out but the servers. One event is
carried to its end before the next, so the same trades with the same settings give the same orders, always.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from naive_daemon import names
from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.market.alerts import NOWHERE, PriceBand
from naive_daemon.market.candle_source import CandlesFromOutside
from naive_daemon.market.columns import Stretch, lists_of
from naive_daemon.market.feed import AskQuiet, DeliverTrade, TradeArrived
from naive_daemon.market.signaller import Signaller
from naive_daemon.market.signals_in_bulk import BulkSignals
from naive_daemon.market.told import CandlesTold, Message, NothingTold, SignalsTold, Told
from naive_daemon.market.told_signaller import ToldSignaller
from naive_daemon.otp import ActorSystem, SimulatedSystem
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import MarketNeeds
from naive_daemon.strategy.settings import needs_of
from naive_daemon.trading.summary import Summary, summarise
from naive_daemon.trading.switch_messages import AskSymbols, SettingsRead
from naive_daemon.tree import PaperExchange, Ports, root

ACCOUNT = "backtest"
OWNER = "backtest"
PROGRESS_TRADES = 10_000
FOR_EVER_NS = 2**63
BUDGET_RESERVE = 10**12
"""The account starts with so many times the budget: no cycle loses more than one, and no recording has so many."""


class BacktestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is tested. `fee` is a ratio; `shutdown_at` counts trades from 0."""

    instrument: Instrument
    settings: TradeSettings
    fee: Decimal = Decimal("0.001")
    fill_model: FillModel = FillModel.THROUGH
    shutdown_at: int | None = None


class BacktestResult(msgspec.Struct, frozen=True):
    """What came of it; orders and cycles oldest first. `last` is the trade that the recording ended with."""

    summary: Summary
    orders: tuple[Order, ...]
    cycles: tuple[Cycle, ...]
    last: Trade | None


def run_backtest(
    trades: Iterable[Trade], plan: BacktestPlan, on_progress: Callable[[int], None] = lambda _: None
) -> BacktestResult:
    """Trade through `trades`; `on_progress` gets the number of trades every now and then.

    Raises PermanentError when a part of the daemon crashed on the way: its figures would be worth nothing.
    """
    return run_stretches(lists_of(trades), plan, on_progress)


def run_stretches(
    stretches: Iterable[Stretch],
    plan: BacktestPlan,
    on_progress: Callable[[int], None] = lambda _: None,
    signals: BulkSignals | None = None,
) -> BacktestResult:
    """Do the same with stretches of trades: those of a recording that is read in columns are passed over in bulk.

    `signals`: those of the plan's strategy on this recording, where they have been computed already.
    """
    journal = MemoryJournal()
    system = ActorSystem.simulated(VirtualClock())
    wall = WallClock()
    signaller = Signaller if signals is None else ToldSignaller
    top = system.start(root(msgspec.structs.replace(_ports(plan, journal), signaller=signaller)))
    began_s = wall.monotonic_s()
    try:
        events, last = _play(system, stretches, plan, on_progress, _told(plan, signals))
        _refuse_crashes(system)
    finally:
        system.terminate(top, timeout_s=10)
        system.stop()
    wall_ns = round((wall.monotonic_s() - began_s) * 1_000_000_000)
    orders, cycles = journal.orders(), journal.cycles()
    return BacktestResult(summarise(events, orders, cycles, wall_ns), orders, cycles, last)


def _play(
    system: SimulatedSystem,
    stretches: Iterable[Stretch],
    plan: BacktestPlan,
    on_progress: Callable[[int], None],
    told: Told,
) -> tuple[int, Trade | None]:
    """Carry each trade to its end that has one; most have none, and are passed over: that is what makes it fast."""
    passed, next_look, last = 0, 1, None
    band, due_ns = NOWHERE, 0
    shutdown = None if plan.shutdown_at is None else plan.shutdown_at + 1
    for stretch in stretches:
        place, size = 0, len(stretch)
        while True:
            stop = min(size, next_look - 1 - passed, told.due_number - 1 - passed)
            start, place = place, stretch.seek(place, stop, band, min(due_ns, told.due_ns))
            told.pass_over(stretch, start, place)
            if place >= size:
                break
            trade, number = stretch.trade(place), passed + place + 1
            system.advance_to(trade.time_ns)
            if number == 1:
                _switch(system, plan, TradingStatus.ON)
            if number == shutdown:
                _switch(system, plan, TradingStatus.SHUTDOWN)
            if number >= next_look:
                on_progress(number)
                next_look += PROGRESS_TRADES
                if shutdown is not None and number < shutdown:
                    next_look = min(next_look, shutdown)
            _carry(system, trade, told.take(trade, number))
            band, due_ns = _quiet(system, trade.symbol), FOR_EVER_NS if system.due_ns is None else system.due_ns
            place += 1
        passed += size
        last = stretch.trade(size - 1)
    return passed, last


def _told(plan: BacktestPlan, signals: BulkSignals | None) -> Told:
    """Give what tells the plan's strategy what it needs besides the trades."""
    if signals is not None:
        return SignalsTold(signals)
    needs = needs_of_plan(plan)
    if needs is None or needs.interval is None:
        return NothingTold()
    return CandlesTold(plan.instrument.symbol, needs.interval)


def needs_of_plan(plan: BacktestPlan) -> MarketNeeds | None:
    """Say what the signals of the plan's strategy are made of, if it has any."""
    try:
        strategy = load_strategy(plan.settings.strategy)
    except PermanentError:
        return None  # that it is not installed is told by who wants to trade with it
    return needs_of(strategy, plan.settings)


def _carry(system: SimulatedSystem, trade: Trade, told: Sequence[Message]) -> None:
    """Let a trade arrive and be delivered; a symbol that has drained has no feed, and nobody needs the market.

    What it brings besides is told when it is delivered, as it is where candles are made of the trades.
    """
    feed = system.whereis(names.feed(trade.symbol))
    if feed is not None:
        feed.tell(TradeArrived(trade))
        system.run_until_idle()
        feed.tell(DeliverTrade())
        for name, message in told:
            system.tell(name, message)
        system.run_until_idle()


def _quiet(system: SimulatedSystem, symbol: str) -> PriceBand:
    """Give the prices at which the next trade wakes no trader and fills no order; all, where the symbol has drained."""
    feed = system.whereis(names.feed(symbol))
    return PriceBand() if feed is None else system.ask(feed, AskQuiet(symbol))


def _switch(system: SimulatedSystem, plan: BacktestPlan, status: TradingStatus) -> None:
    settings = SymbolSettings(account=ACCOUNT, symbol=plan.instrument.symbol, status=status, trade=plan.settings)
    system.tell(names.SWITCHES, SettingsRead((settings,)))
    system.run_until_idle()


def _refuse_crashes(system: SimulatedSystem) -> None:
    for symbol in system.ask(names.SWITCHES, AskSymbols()):
        if symbol.last_error is not None:
            raise PermanentError(f"{symbol.symbol} crashed in the backtest: {symbol.last_error}")


def _ports(plan: BacktestPlan, journal: MemoryJournal) -> Ports:
    instrument = plan.instrument
    balances: Mapping[str, Decimal] = {instrument.quote_asset: plan.settings.budget * BUDGET_RESERVE}
    return Ports(
        owner=OWNER,
        account=ACCOUNT,
        instruments={instrument.symbol: instrument},
        exchange=PaperExchange(fill_model=plan.fill_model, maker_fee=plan.fee, balances=balances),
        open_journal=lambda: journal,
        candles=CandlesFromOutside(),
    )
