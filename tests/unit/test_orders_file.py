"""The file of `--orders`: the same rows in the same order, wherever the orders come from."""

import random
from decimal import Decimal
from pathlib import Path

from naive_daemon.cli.recording import write_orders
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side


def order(time_ns: int, trader: int, cycle: int = 1, leg: Leg | None = None) -> Order:
    leg = leg or Leg(Side.BUY)
    return Order(
        client_order_id=f"nd-{trader}-{cycle}-{leg}",
        key=CycleKey("main", "BTCUSDT", trader, cycle),
        leg=leg,
        price=Decimal(leg.attempt),
        quantity=Decimal(1),
        created_ns=time_ns,
    )


def test_orders_of_the_same_time_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    wanted = [
        order(1, 11),
        order(2, 2),
        order(2, 2, 9),
        order(2, 2, 10),
        order(2, 2, 10, Leg(Side.BUY, 2)),
        order(2, 2, 10, Leg(Side.BUY, 10)),
        order(2, 2, 10, Leg(Side.SELL)),
        order(2, 10),
        order(3, 1),
    ]
    shuffled = wanted[:]
    random.Random(1).shuffle(shuffled)
    for name, orders in (("wanted", wanted), ("shuffled", shuffled)):
        write_orders(tmp_path / name, orders)
    assert (tmp_path / "shuffled").read_text() == (tmp_path / "wanted").read_text()
    rows = [line.split(",") for line in (tmp_path / "wanted").read_text().splitlines()[1:]]
    assert [(row[-2], row[-1], row[1]) for row in rows] == [
        (str(one.key.trader), str(one.key.cycle), str(one.leg.attempt)) for one in wanted
    ]
