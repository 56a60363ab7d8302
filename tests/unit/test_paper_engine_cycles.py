"""The naive strategy's rules, written down once more and as simply as can be, trading on the paper engine.

They check the engine against the worked figures of a recorded market, and the generated market for being lively.
"""

import os
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import OrderFilled, OrderRejected, Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ONE, floor_to
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.exchange.information import read_exchange_information
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.market.generated import GeneratedMarket
from naive_daemon.market.generated_instruments import GENERATED_LISTINGS, Listing
from naive_daemon.market.recording import Recording

DATA = Path(os.environ.get("NAIVE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
FEE = Decimal("0.001")
ACCOUNT = "main"
START_NS = 1_700_000_000 * NS_PER_S


class Cycle:
    """One trader's cycle: what it bought at, and whether it has reported a rebuy."""

    def __init__(self) -> None:
        self.buy: Order | None = None
        self.sell: Order | None = None
        self.rebuy_reported = False


class NaiveTrading:
    """Leader and traders of one symbol in one loop."""

    def __init__(self, instrument: Instrument, settings: TradeSettings) -> None:
        self.instrument = instrument
        self.settings = settings
        million = {instrument.base_asset: Decimal(0), instrument.quote_asset: Decimal(10) ** 6}
        self.engine = PaperEngine({instrument.symbol: instrument}, maker_fee=FEE, balances={ACCOUNT: million})
        self.cycles: dict[int, Cycle] = {1: Cycle()}
        self.started = 1
        self.orders: list[Order] = []
        self.fills: list[OrderFilled] = []
        self.finished: list[tuple[Order, Order]] = []
        self.rebuys = 0

    def run(self, trades: Iterable[Trade]) -> None:
        for trade in trades:
            present = dict(self.cycles)
            fills = [event for event in self.engine.match(trade) if isinstance(event, OrderFilled)]
            self.fills.extend(fills)
            for fill in fills:
                self.on_fill(fill)
            for number, cycle in present.items():
                if self.cycles.get(number) is cycle:
                    self.on_trade(number, cycle, trade)

    def on_fill(self, fill: OrderFilled) -> None:
        number = int(fill.client_order_id.split("-")[0])
        cycle = self.cycles[number]
        assert cycle.buy is not None
        if cycle.sell is not None:
            self.finished.append((cycle.buy, cycle.sell))
            del self.cycles[number]
            self.start()
            return
        profit = (ONE + FEE) * (ONE + self.settings.profit_interval) * (ONE + FEE)
        price = floor_to(cycle.buy.price * profit, self.instrument.tick_size)
        quantity = floor_to(fill.quantity - fill.commission, self.instrument.step_size)
        cycle.sell = self.place(number, Side.SELL, price, quantity, fill.time_ns)

    def on_trade(self, number: int, cycle: Cycle, trade: Trade) -> None:
        if cycle.buy is None:
            price = floor_to(trade.price * (ONE - self.settings.buy_down_interval), self.instrument.tick_size)
            budget = self.settings.budget / self.settings.chunks
            quantity = floor_to(budget / price, self.instrument.step_size)
            cycle.buy = self.place(number, Side.BUY, price, quantity, trade.time_ns)
        elif not cycle.rebuy_reported and trade.price < cycle.buy.price * (ONE - self.settings.rebuy_interval):
            cycle.rebuy_reported = True
            self.rebuys += 1
            if len(self.cycles) < self.settings.chunks:
                self.start()

    def start(self) -> None:
        self.started += 1
        self.cycles[self.started] = Cycle()

    def place(self, number: int, side: Side, price: Decimal, quantity: Decimal, time_ns: int) -> Order:
        order = Order(
            client_order_id=f"{number}-{side}",
            key=CycleKey(ACCOUNT, self.instrument.symbol, number, 1),
            leg=Leg(side),
            price=price,
            quantity=quantity,
            created_ns=time_ns,
        )
        answer = self.engine.place(order, time_ns)
        assert not isinstance(answer[0], OrderRejected), answer
        self.orders.append(order)
        return order


def net_of_fee(price: Decimal, quantity: Decimal) -> Decimal:
    return price * quantity * (ONE - FEE)


def test_recorded_market_gives_the_worked_figures() -> None:
    recording = DATA / "XRPETH-aggTrades-2019-10-11.csv"
    if not recording.is_file():
        pytest.skip(f"there is no {recording}; NAIVE_TEST_DATA says where the recorded market is")
    instrument = read_exchange_information(DATA / "exchange_info.json")["XRPETH"]
    settings = TradeSettings(
        chunks=3,
        budget=Decimal("2.5"),
        buy_down_interval=Decimal("0.001"),
        profit_interval=Decimal("0.0005"),
        rebuy_interval=Decimal("0.004"),
    )
    trading = NaiveTrading(instrument, settings)
    trading.run(Recording(recording))

    assert [(order.side, order.quantity, order.price) for order in trading.orders[:2]] == [
        (Side.BUY, Decimal(590), Decimal("0.00141200")),
        (Side.SELL, Decimal(589), Decimal("0.00141553")),
    ]
    assert len(trading.orders) == 43
    assert len(trading.finished) == 20
    assert [order.side for order in trading.engine.open_orders(ACCOUNT)] == [Side.BUY] * 3
    bought = sum(buy.price * buy.quantity for buy, _ in trading.finished)
    sold = sum(net_of_fee(sell.price, sell.quantity) for _, sell in trading.finished)
    assert sold - bought == Decimal("-0.00351366595")
    assert trading.engine.balances(ACCOUNT)["XRP"].free == Decimal("8.262")


def seconds(listing: Listing, seed: int, duration_s: int) -> Iterator[Trade]:
    market = GeneratedMarket(listing.instrument, seed=seed, start_price=listing.start_price, start_ns=START_NS)
    return islice(market, duration_s * 20)


@pytest.mark.parametrize(
    ("symbol", "seed"),
    [("BTCUSDT", seed) for seed in range(1, 21)] + [(symbol, 1) for symbol in GENERATED_LISTINGS],
)
def test_generated_market_shows_a_cycle_and_a_rebuy_within_20_seconds(symbol: str, seed: int) -> None:
    listing = GENERATED_LISTINGS[symbol]
    # The default budget is meant for dollars; elsewhere as many least notionals.
    budget = listing.instrument.min_notional * 200
    trading = NaiveTrading(listing.instrument, TradeSettings(budget=budget))
    trading.run(seconds(listing, seed, 20))
    assert trading.finished
    assert trading.rebuys
