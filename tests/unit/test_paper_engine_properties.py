"""What holds on the paper exchange whatever happens: nothing is lost, made, doubled or negative."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import AccountEvent, BalanceUpdated, OrderFilled, Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.exchange.paper.ledger import Balance

ACCOUNTS = ("a", "b")
BALANCES = {
    account: {"X": Decimal(300), "Y": Decimal(200), "Z": Decimal("1000.01"), "F": Decimal("0.03")}
    for account in ACCOUNTS
}


def instrument(base: str, quote: str) -> Instrument:
    return Instrument(
        symbol=base + quote, base_asset=base, quote_asset=quote, tick_size=Decimal("0.01"), step_size=Decimal("0.1")
    )


# X is traded on both, Y is base here and quote there: locks of several books meet in one balance.
LISTED = {each.symbol: each for each in (instrument("X", "Z"), instrument("X", "Y"), instrument("Y", "Z"))}

accounts = st.sampled_from(ACCOUNTS)
symbols = st.sampled_from(sorted(LISTED))
ids = st.sampled_from([f"id{number}" for number in range(12)])
prices = st.integers(90, 110).map(lambda ticks: ticks * Decimal("0.01"))
quantities = st.integers(1, 500).map(lambda lots: lots * Decimal("0.1"))
places = st.builds(
    lambda account, symbol, client_id, side, price, quantity: Order(
        client_order_id=client_id,
        key=CycleKey(account, symbol, 1, 1),
        leg=Leg(side),
        price=price,
        quantity=quantity,
        created_ns=0,
    ),
    accounts,
    symbols,
    ids,
    st.sampled_from(Side),
    prices,
    quantities,
)
trades = st.builds(Trade, symbols, prices, quantities, st.just(1), st.just(5), st.booleans())
steps = st.lists(st.one_of(places, trades, st.tuples(accounts, symbols, ids)), max_size=60)
fees = st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("0.00075")])
# Commission in what is received; in a third asset that runs out; in one that is itself traded on both sides.
fee_assets = st.sampled_from([None, FeeAsset("F", Decimal(7)), FeeAsset("X", Decimal(1)), FeeAsset("NONE", Decimal(1))])


class Witness:
    """Follows an engine by its events alone, and compares."""

    def __init__(self, model: FillModel, fee: Decimal, fee_asset: FeeAsset | None) -> None:
        self.model = model
        self.engine = PaperEngine(LISTED, fill_model=model, maker_fee=fee, fee_asset=fee_asset, balances=BALANCES)
        self.changes: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.trade_ids: list[int] = []
        self.reported: dict[tuple[str, str], Balance] = {}

    def step(self, step: Order | Trade | tuple[str, str, str]) -> None:
        if isinstance(step, Order):
            self.see(self.engine.place(step, 1))
        elif isinstance(step, Trade):
            resting = {
                (account, order.client_order_id): order
                for account in ACCOUNTS
                for order in self.engine.open_orders(account, step.symbol)
            }
            events = self.engine.match(step)
            self.see(events)
            self.check_fills(step, resting, [event for event in events if isinstance(event, OrderFilled)])
        else:
            self.see(self.engine.cancel(*step, 1))
        self.check_balances()

    def see(self, events: list[AccountEvent]) -> None:
        for event in events:
            if isinstance(event, BalanceUpdated):
                self.reported[event.account, event.asset] = Balance(event.free, event.locked)
            elif isinstance(event, OrderFilled):
                self.trade_ids.append(int(event.trade_id))

    def check_fills(self, trade: Trade, resting: dict[tuple[str, str], Order], fills: list[OrderFilled]) -> None:
        ranks: dict[Side, list[tuple[Decimal, int]]] = {Side.BUY: [], Side.SELL: []}
        for fill in fills:
            order = resting[fill.account, fill.client_order_id]
            sign = 1 if order.side is Side.BUY else -1
            assert fill.price == order.price
            assert 0 < fill.quantity <= order.remaining
            beyond = sign * (order.price - trade.price)
            assert beyond > 0 or (beyond == 0 and self.model is FillModel.VOLUME)
            if self.model is FillModel.THROUGH:
                assert fill.quantity == order.remaining
            ranks[order.side].append((-sign * order.price, int(order.exchange_order_id or 0)))
            market = LISTED[fill.symbol]
            self.changes[fill.account, market.base_asset] += sign * fill.quantity
            self.changes[fill.account, market.quote_asset] -= sign * fill.quantity * fill.price
            self.changes[fill.account, fill.commission_asset] -= fill.commission
        assert all(rank == sorted(rank) for rank in ranks.values())
        if self.model is FillModel.VOLUME:
            assert sum(fill.quantity for fill in fills) <= trade.quantity
        else:
            left = [order for account in ACCOUNTS for order in self.engine.open_orders(account, trade.symbol)]
            assert all(
                order.price <= trade.price if order.side is Side.BUY else order.price >= trade.price for order in left
            )

    def check_balances(self) -> None:
        for account in ACCOUNTS:
            locked: dict[str, Decimal] = defaultdict(Decimal)
            for order in self.engine.open_orders(account):
                market = LISTED[order.symbol]
                if order.side is Side.BUY:
                    locked[market.quote_asset] += order.price * order.remaining
                else:
                    locked[market.base_asset] += order.remaining
            for asset, balance in self.engine.balances(account).items():
                assert balance.free >= 0
                assert balance.locked == locked[asset]
                before = BALANCES[account].get(asset, Decimal(0))
                assert balance.free + balance.locked == before + self.changes[account, asset]
                assert self.reported.get((account, asset), balance) == balance


@given(st.sampled_from(FillModel), fees, fee_assets, steps)
def test_assets_are_conserved_and_fills_obey_their_model(
    model: FillModel, fee: Decimal, fee_asset: FeeAsset | None, done: list[Order | Trade | tuple[str, str, str]]
) -> None:
    witness = Witness(model, fee, fee_asset)
    for step in done:
        witness.step(step)
    assert witness.trade_ids == list(range(1, len(witness.trade_ids) + 1))


@given(st.sampled_from(FillModel), fee_assets, steps, steps)
def test_a_restored_engine_answers_as_if_it_had_never_ended(
    model: FillModel,
    fee_asset: FeeAsset | None,
    before: list[Order | Trade | tuple[str, str, str]],
    after: list[Order | Trade | tuple[str, str, str]],
) -> None:
    former = Witness(model, Decimal("0.001"), fee_asset)
    for step in before:
        former.step(step)
    totals = {
        account: {asset: each.free + each.locked for asset, each in former.engine.balances(account).items()}
        for account in ACCOUNTS
    }
    restored = PaperEngine(
        LISTED,
        fill_model=model,
        fee_asset=fee_asset,
        balances=totals,
        first_order_number=former.engine._next_order,
        first_trade_number=former.engine._next_trade,
    )
    restored.restore(order for account in ACCOUNTS for order in former.engine.open_orders(account))
    for step in after:
        assert _answer(restored, step) == _answer(former.engine, step)


def _answer(engine: PaperEngine, step: Order | Trade | tuple[str, str, str]) -> list[AccountEvent]:
    if isinstance(step, Order):
        return engine.place(step, 1)
    if isinstance(step, Trade):
        return engine.match(step)
    return engine.cancel(*step, 1)
