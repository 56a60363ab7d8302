"""Waiting prices against a plain list that looks at everybody."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.market.alerts import NOWHERE, PriceAlerts
from naive_daemon.strategy.protocol import Wake

prices = st.integers(1, 20).map(Decimal)
wakes = st.builds(Wake, st.booleans(), st.none() | prices, st.none() | prices, st.sampled_from([False, False, True]))
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

    def reached_by(self, price: Decimal) -> list[int]:
        return [
            owner
            for owner, wake in self.waiting
            if wake.next_trade
            or wake.every_trade
            or (wake.below is not None and price < wake.below)
            or (wake.above is not None and price > wake.above)
        ]

    def crossed_by(self, price: Decimal) -> list[int]:
        woken = self.reached_by(price)
        self.waiting = [(owner, wake) for owner, wake in self.waiting if owner not in woken or wake.every_trade]
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
            reached = plain.reached_by(step)
            assert alerts.reached_by(step) == reached
            assert alerts.is_crossed_by(step) == bool(reached)
            quiet = alerts.quiet()
            assert (quiet.low <= step <= quiet.high) == (not reached)
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


def test_who_hears_every_trade_need_not_ask_again() -> None:
    alerts: PriceAlerts[str] = PriceAlerts()
    alerts.set("every", Wake(every_trade=True))
    alerts.set("next", Wake(next_trade=True))
    assert alerts.crossed_by(Decimal(1)) == ["every", "next"]
    assert alerts.crossed_by(Decimal(1)) == ["every"]
    assert alerts.quiet() == NOWHERE
    alerts.set("every", Wake(below=Decimal(1)))
    assert alerts.crossed_by(Decimal(1)) == []


def test_waiting_for_nothing_ends_what_was_waited_for() -> None:
    alerts: PriceAlerts[str] = PriceAlerts()
    alerts.set("one", Wake(next_trade=True, below=Decimal(10), above=Decimal(20)))
    alerts.set("one", Wake())
    assert len(alerts) == 0
    assert not alerts.is_crossed_by(Decimal(5))
