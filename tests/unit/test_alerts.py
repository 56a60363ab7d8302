"""Waiting prices against a plain list that looks at everybody."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.market.alerts import PriceAlerts
from naive_daemon.strategy.protocol import Wake

prices = st.integers(1, 20).map(Decimal)
wakes = st.builds(Wake, st.booleans(), st.none() | prices, st.none() | prices)
owners = st.integers(1, 8)
steps = st.lists(st.one_of(st.tuples(owners, wakes), owners, prices), max_size=60)


class Plain:
    """The same by looking at everybody, each time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, Wake]] = []

    def set(self, owner: int, wake: Wake) -> None:
        self.remove(owner)
        if wake != Wake():
            self.waiting.append((owner, wake))

    def remove(self, owner: int) -> None:
        self.waiting = [each for each in self.waiting if each[0] != owner]

    def crossed_by(self, price: Decimal) -> list[int]:
        woken = [
            owner
            for owner, wake in self.waiting
            if wake.next_trade
            or (wake.below is not None and price < wake.below)
            or (wake.above is not None and price > wake.above)
        ]
        for owner in woken:
            self.remove(owner)
        return woken


@given(steps)
def test_alerts_wake_whom_a_plain_list_would_in_the_order_in_which_they_began_to_wait(
    done: list[tuple[int, Wake] | int | Decimal],
) -> None:
    alerts: PriceAlerts[int] = PriceAlerts()
    plain = Plain()
    for step in done:
        if isinstance(step, tuple):
            alerts.set(*step)
            plain.set(*step)
        elif isinstance(step, Decimal):
            assert alerts.is_crossed_by(step) == any(
                wake.next_trade
                or (wake.below is not None and step < wake.below)
                or (wake.above is not None and step > wake.above)
                for _, wake in plain.waiting
            )
            assert alerts.crossed_by(step) == plain.crossed_by(step)
        else:
            alerts.remove(step)
            plain.remove(step)
        assert len(alerts) == len(plain.waiting)


def test_a_price_is_crossed_strictly() -> None:
    alerts: PriceAlerts[str] = PriceAlerts()
    alerts.set("low", Wake(below=Decimal(10)))
    alerts.set("high", Wake(above=Decimal(20)))
    assert alerts.crossed_by(Decimal(10)) == alerts.crossed_by(Decimal(20)) == []
    assert alerts.crossed_by(Decimal("9.99")) == ["low"]
    assert alerts.crossed_by(Decimal("20.01")) == ["high"]
    assert alerts.crossed_by(Decimal(1)) == []


def test_waiting_for_nothing_ends_what_was_waited_for() -> None:
    alerts: PriceAlerts[str] = PriceAlerts()
    alerts.set("one", Wake(next_trade=True, below=Decimal(10), above=Decimal(20)))
    alerts.set("one", Wake())
    assert len(alerts) == 0
    assert not alerts.is_crossed_by(Decimal(5))
