"""An account's paper exchange and the feeds: it hears of the trades that reach its orders, and of no others."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.clock import VirtualClock
from naive_daemon.domain.events import OrderAccepted, OrderFilled, OrderRejected, Trade
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.client import PaperClient
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.execution.client import AskOrder, SendCancel, SendOrder
from naive_daemon.execution.journal_messages import LoadAccount
from naive_daemon.execution.journal_store import AccountJournal
from naive_daemon.market.alerts import PriceBand
from naive_daemon.market.feed import DeliverTrade, Feed, TradeArrived, Watch
from naive_daemon.otp import ActorSystem, SimulatedSystem
from tests.trading.plant import instrument
from tests.trading.recorder import Recorder

if TYPE_CHECKING:
    from naive_daemon.market.last_prices import LastPrices

D = Decimal
FEED = names.feed("AAAQ")
ACCOUNT = "main"
LISTED = {"AAAQ": msgspec.structs.replace(instrument(), bid_multiplier_up=D(2), bid_multiplier_down=D("0.5"))}
NUMBERS = iter(range(1, 10_000))


class Bench:
    """A client with somebody in the place of its execution manager, and of the journal."""

    def __init__(self, system: SimulatedSystem, fill_model: FillModel, *live: Order) -> None:
        self.system = system
        self.prices: LastPrices = {}
        self.manager = Recorder()
        journal = AccountJournal(live_orders=live, totals=(), commissions={}, orders_count=0, fills_count=0)
        system.start(Recorder({LoadAccount: lambda _: journal}), names.JOURNAL)
        system.start(self.manager, names.execution_manager(ACCOUNT))

        def make_engine(balances: Any, *_: int) -> PaperEngine:
            return PaperEngine(LISTED, fill_model=fill_model, balances=balances)

        client = PaperClient(ACCOUNT, make_engine, LISTED, {"Q": D(10_000)}, self.prices)
        self.ref = system.start(client, names.client(ACCOUNT))

    def tell(self, message: Any) -> None:
        self.ref.tell(message)
        self.system.run_until_idle()

    def take(self) -> list[type]:
        """Give the kinds of what happened to orders since the last look."""
        kinds = (OrderAccepted, OrderFilled, OrderRejected)
        return [type(event) for event in self.manager.take() if isinstance(event, kinds)]


@pytest.fixture
def system() -> Iterator[SimulatedSystem]:
    system = ActorSystem.simulated(VirtualClock())
    yield system
    system.stop()


def order(price: int, status: OrderStatus = OrderStatus.IN_FLIGHT) -> Order:
    number = next(NUMBERS)
    return Order(
        client_order_id=f"order-{number}",
        key=CycleKey(ACCOUNT, "AAAQ", number, 1),
        leg=Leg(Side.BUY),
        price=D(price),
        quantity=D(1),
        created_ns=0,
        status=status,
    )


def trade(system: SimulatedSystem, price: int, quantity: int = 1) -> None:
    for message in (TradeArrived(Trade("AAAQ", D(price), D(quantity), 1, 0)), DeliverTrade()):
        system.tell(FEED, message)
        system.run_until_idle()


@pytest.mark.parametrize("fill_model", FillModel)
def test_the_feed_is_told_the_band_of_an_accounts_orders_whenever_it_has_become_another(
    system: SimulatedSystem, fill_model: FillModel
) -> None:
    feed = Recorder()
    system.start(feed, FEED)
    bench = Bench(system, fill_model)
    made = [order(90), order(95), order(92)]
    for each in made:
        bench.tell(SendOrder(each))
    for number in (1, 0, 2):
        bench.tell(SendCancel("AAAQ", made[number].client_order_id))
    # In the VOLUME model a trade at an order's own price reaches it, too. 92 changes nothing when it comes, below 95.
    reached = [D(price) if fill_model is FillModel.THROUGH else D(price).next_plus() for price in (90, 95, 92)]
    bands = [*(PriceBand(low) for low in reached), PriceBand()]
    assert feed.take() == [Watch(bench.ref, band) for band in bands]


@pytest.mark.parametrize(("fill_model", "price"), [(FillModel.THROUGH, 89), (FillModel.VOLUME, 90)])
def test_a_trade_that_reaches_an_order_fills_it_and_others_are_not_heard(
    system: SimulatedSystem, fill_model: FillModel, price: int
) -> None:
    bench = Bench(system, fill_model)
    system.start(Feed("AAAQ", bench.prices), FEED)
    bench.tell(SendOrder(order(90)))
    handled = bench.ref._actor.handled
    trade(system, price + 1)
    assert bench.ref._actor.handled == handled
    trade(system, price)
    assert bench.take() == [OrderAccepted, OrderFilled]
    handled = bench.ref._actor.handled
    trade(system, price)
    assert bench.ref._actor.handled == handled


def test_restored_orders_are_matched_by_a_feed_that_comes_later_and_by_its_successor(system: SimulatedSystem) -> None:
    bench = Bench(system, FillModel.THROUGH, order(90, OrderStatus.OPEN), order(80, OrderStatus.OPEN))
    feed = system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    trade(system, 85)
    assert bench.take() == [OrderFilled]
    system.terminate(feed, 1)
    system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    trade(system, 79)
    assert bench.take() == [OrderFilled]


def test_an_order_is_measured_by_the_markets_newest_price_which_the_client_has_not_heard(
    system: SimulatedSystem,
) -> None:
    bench = Bench(system, FillModel.THROUGH)
    system.start(Feed("AAAQ", bench.prices), FEED)
    trade(system, 100)
    bench.tell(SendOrder(order(40)))  # PERCENT_PRICE_BY_SIDE: at least half of the market's price
    trade(system, 60)
    bench.tell(SendOrder(order(40)))
    assert bench.take() == [OrderRejected, OrderAccepted]


@pytest.mark.parametrize(
    ("written", "names_told"),
    [({"7-1"}, ["7-2", "7-3"]), ({"7-1", "7-3"}, ["7-4", "7-5"]), (set(), ["7-1", "7-2"])],
    ids=["all written", "one between was lost", "none written"],
)
def test_a_fill_is_named_by_its_order_so_that_none_has_the_name_of_another_after_a_restart(
    system: SimulatedSystem, written: set[str], names_told: list[str]
) -> None:
    """Fills may have been made and written down by nobody: counting them would give a name twice (seed 1044)."""
    resting = Order(
        client_order_id="half-filled",
        key=CycleKey(ACCOUNT, "AAAQ", 1, 1),
        leg=Leg(Side.BUY),
        price=D(100),
        quantity=D(1),
        status=OrderStatus.PARTLY_FILLED,
        filled=D("0.4"),
        filled_quote=D(40),
        created_ns=1,
        exchange_order_id="7",
        trade_ids=frozenset(written),
    )
    bench = Bench(system, FillModel.VOLUME, resting)
    for quantity in ("0.1", "0.2"):
        bench.tell(Trade("AAAQ", D(99), D(quantity), next(NUMBERS), 1))
    told = [message.trade_id for message in bench.manager.take() if isinstance(message, OrderFilled)]
    report = system.ask(bench.ref, AskOrder("AAAQ", resting.client_order_id))
    assert told == names_told
    assert [fill.trade_id for fill in report.fills] == told
