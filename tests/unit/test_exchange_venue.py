"""The venue under any orders, cancels, trades and restarts: nothing is made, lost, or told before it is kept."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.exchange.server.listing import Listings
from naive_daemon.exchange.server.new_order import NewOrder
from naive_daemon.exchange.server.order import OrderKind, TimeInForce
from naive_daemon.exchange.server.refusal import RefusedError
from naive_daemon.exchange.server.state import State
from naive_daemon.exchange.server.venue import Happening, Report, Venue, VenueRules
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS

_OPENING = {name: {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(30)} for name in ("ann", "bob")}
_SYMBOLS = ("BTCUSDT", "ETHUSDT")
_MIDDLE = {"BTCUSDT": 65_000, "ETHUSDT": 3_200}
_QUOTE, _BASES = "USDT", {"BTCUSDT": "BTC", "ETHUSDT": "ETH"}


@contextmanager
def _venue(folder: Path, rules: VenueRules, draw: random.Random) -> Iterator[Venue]:
    instruments = {symbol: GENERATED_INSTRUMENTS[symbol] for symbol in _SYMBOLS}
    with State(folder / "state.sqlite") as state:
        yield Venue(Listings(instruments), state, VirtualClock(10**18), draw, rules, opening=_OPENING)


def _price(draw: random.Random, symbol: str) -> Decimal:
    return Decimal(_MIDDLE[symbol] + draw.randint(-20, 20))


def _act(venue: Venue, draw: random.Random) -> None:
    symbol = draw.choice(_SYMBOLS)
    account = draw.choice(("ann", "bob"))
    quantity = Decimal(draw.randint(1, 40)) / 1_000
    match draw.choice(("place", "place", "cancel", "print")):
        case "place":
            kind = draw.choice(list(OrderKind))
            wanted = NewOrder(
                symbol=symbol,
                side=draw.choice(list(Side)),
                kind=kind,
                time_in_force=draw.choice(list(TimeInForce)) if kind is OrderKind.LIMIT else TimeInForce.GTC,
                price=Decimal(0) if kind is OrderKind.MARKET else _price(draw, symbol),
                quantity=quantity,
                client_order_id=f"c{draw.randint(1, 60)}",
            )
            venue.place(account, wanted)
        case "cancel":
            open_orders = venue.records.open_orders(account, None)
            if open_orders:
                order = draw.choice(open_orders)
                venue.cancel(account, order.symbol, order.order_id, None, None)
        case "print":
            venue.print_trade(Trade(symbol, _price(draw, symbol), quantity, 0, 10**18, draw.random() < 0.5))


def _everything(venue: Venue) -> Any:
    return (
        [(order.order_id, order.status, order.filled, order.client_order_id) for order in venue.records.all_orders()],
        sorted((fill.trade_id, fill.order_id, fill.quantity, fill.commission) for fill in venue.records.all_fills()),
        {name: dict(venue.balances(name)) for name in _OPENING},
    )


def _check_money(venue: Venue) -> None:
    """Each account owns what it opened with and what its fills made of it; what is locked is what rests."""
    for name, opening in _OPENING.items():
        owned, locked = dict(opening), dict.fromkeys(opening, Decimal(0))
        for fill in venue.records.all_fills():
            if fill.account != name:
                continue
            sign = 1 if fill.side is Side.BUY else -1
            owned[_BASES[fill.symbol]] += sign * fill.quantity
            owned[_QUOTE] -= sign * fill.quote
            owned[fill.commission_asset] -= fill.commission
        for order in venue.records.open_orders(name, None):
            left = order.quantity - order.filled
            if order.side is Side.BUY:
                locked[_QUOTE] += EXACT.multiply(left, order.price)
            else:
                locked[_BASES[order.symbol]] += left
        for asset, balance in venue.balances(name).items():
            assert (balance.free + balance.locked, balance.locked) == (owned[asset], locked[asset])


@pytest.mark.parametrize("between_clients", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_money_and_orders_are_the_same_after_every_restart(tmp_path: Path, seed: int, *, between_clients: bool) -> None:
    draw = random.Random(seed)
    rules = VenueRules(between_clients=between_clients, fill_model=draw.choice(list(FillModel)))
    before = None
    for _ in range(6):
        with _venue(tmp_path, rules, draw) as venue:
            if before is not None:
                assert _everything(venue) == before
            for _ in range(60):
                # Refused for a name that is live, too little money, or too small a value: that is part of it.
                with suppress(RefusedError):
                    _act(venue, draw)
            _check_money(venue)
            venue.save_prices()
            before = _everything(venue)
    assert len(before[0]) > 100
    assert before[1]


def test_nobody_is_told_before_it_is_kept(tmp_path: Path) -> None:
    with _venue(tmp_path, VenueRules(), random.Random(1)) as venue:
        kept: list[tuple[str, bool]] = []

        def tell(_: str, happenings: list[Happening]) -> None:
            orders = {order.order_id: order for order in venue._state.load().orders}
            kept.extend(
                (happening.execution, orders[happening.order.order_id].status == happening.order.status)
                for happening in happenings
                if isinstance(happening, Report)
            )

        venue.on_happenings = tell
        price, quantity = Decimal(60_000), Decimal("0.5")
        wanted = NewOrder(
            symbol="BTCUSDT",
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=price,
            quantity=quantity,
        )
        order = venue.place("ann", wanted)
        venue.print_trade(Trade("BTCUSDT", price, Decimal("0.2"), 1, 10**18))
        venue.cancel("ann", "BTCUSDT", order.order_id, None, None)
    assert kept == [("NEW", True), ("TRADE", True), ("CANCELED", True)]
