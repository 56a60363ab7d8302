"""Whoever outlives its journal or its supervisor for a moment writes nothing that others have not begun from."""

from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import Trade
from naive_daemon.domain.settings import SymbolSettings, TradingStatus
from naive_daemon.execution.journal_messages import LoadSymbol, PassOn, PlaceIntent, RecordCycles
from naive_daemon.execution.journal_store import SymbolJournal
from naive_daemon.otp import KILL, ActorSystem, DynamicSupervisor, Ref, SimulatedSystem, send_exit
from naive_daemon.strategy.protocol import Position
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.leader import AskSettings, Leader, SettingsChanged
from naive_daemon.trading.reports import Drained, RebuyReported
from tests.execution.desk import Desk, filled, make_order
from tests.trading.plant import FEE, START_NS, TRADE, instrument
from tests.trading.recorder import Recorder
from tests.trading.table import ACCOUNT

SYMBOL = "AAAQ"


def replace_journal(system: SimulatedSystem, journal: Ref, successor: Recorder) -> None:
    send_exit(journal, KILL)
    system.run_until_idle()
    system.start(successor, names.JOURNAL)


def test_a_manager_records_nothing_in_a_journal_that_it_has_not_read() -> None:
    buy = make_order(1)
    desk, successor = Desk().start().open(buy), Recorder()
    journal = desk.system.whereis(names.JOURNAL)
    assert journal is not None
    replace_journal(desk.system, journal, successor)
    desk.tell(filled(buy, "4", "1"), filled(buy, "6", "2"))
    assert successor.told == []


class Floor:
    """A leader and its traders, and Recorders in everybody else's place."""

    def __init__(self, status: TradingStatus = TradingStatus.ON) -> None:
        self.system = ActorSystem.simulated(VirtualClock(START_NS))
        settings = SymbolSettings(account=ACCOUNT, symbol=SYMBOL, status=status, trade=TRADE)
        nothing = SymbolJournal(open_cycles=(), last_cycles={}, completed=0, realised_pnl=Decimal(0))
        self.journal = Recorder({LoadSymbol: lambda _: nothing})
        self.journal_ref = self.system.start(self.journal, names.JOURNAL)
        self.switches = Recorder({AskSettings: lambda _: SettingsChanged(settings, FEE)})
        self.system.start(self.switches, names.SWITCHES)
        self.system.start(DynamicSupervisor(), names.traders(ACCOUNT, SYMBOL))
        instruments = {SYMBOL: instrument(SYMBOL)}
        context = SymbolContext(account=ACCOUNT, symbol=SYMBOL, owner="test", instruments=instruments, fee=FEE)
        self.leader = self.system.start(Leader(context), names.leader(ACCOUNT, SYMBOL))
        self.system.run_until_idle()

    def trade(self, price: str) -> None:
        trader = self.system.whereis(names.trader(ACCOUNT, SYMBOL, 1))
        assert trader is not None
        trader.tell(Trade(SYMBOL, Decimal(price), Decimal(1), 1, START_NS + NS_PER_S))
        self.system.run_until_idle()

    def rebuy(self, cycle: Cycle) -> None:
        """Tell the leader what a trader tells it when the price has fallen far enough."""
        self.leader.tell(RebuyReported(Position(cycle=cycle), Decimal(99)))
        self.system.run_until_idle()


def test_a_leader_and_its_traders_write_nothing_into_a_journal_that_they_have_not_read() -> None:
    floor, successor = Floor(), Recorder()
    _, begun = floor.journal.take()
    assert isinstance(begun, RecordCycles)
    replace_journal(floor.system, floor.journal_ref, successor)
    floor.trade("100")
    floor.rebuy(begun.cycles[0])
    assert successor.told == []


def test_a_leader_and_its_traders_write_into_the_journal_that_they_have_read() -> None:
    floor = Floor()
    _, begun = floor.journal.take()
    floor.trade("100")
    floor.rebuy(begun.cycles[0])
    assert [type(message) for message in floor.journal.take()] == [PlaceIntent, RecordCycles]


def test_that_a_symbol_is_drained_goes_behind_the_end_of_its_last_cycle() -> None:
    floor = Floor(TradingStatus.SHUTDOWN)
    (passed_on,) = floor.journal.take()[1:]
    assert isinstance(passed_on, PassOn)
    assert (passed_on.name, type(passed_on.message)) == (names.SWITCHES, Drained)
    assert passed_on.message.told.status is TradingStatus.SHUTDOWN
    assert not [told for told in floor.switches.take() if isinstance(told, Drained)]


@pytest.mark.parametrize("orphan", ["trader", "leader"])
def test_a_trader_places_nothing_once_its_supervisor_or_its_leaders_has_ended(orphan: str) -> None:
    """They are about to end as well, and everybody else may take the symbol for down."""
    floor = Floor()
    floor.journal.take()
    one = floor.leader if orphan == "leader" else floor.system.whereis(names.trader(ACCOUNT, SYMBOL, 1))
    supervisor = floor.system.start(Recorder())
    assert one is not None
    one._actor.parent = supervisor
    send_exit(supervisor, KILL)
    floor.trade("100")
    assert floor.journal.take() == []
