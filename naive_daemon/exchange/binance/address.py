"""What all accounts of a daemon share at Binance: what it counts by address, and what it says to all alike.

Owned by whoever owns the accounts; each of its parts is safe to use from several loops. A gateway that stands alone has
one of its own. Orders are counted by account, so they are not here (`budget.py`).
"""

from typing import TYPE_CHECKING

from naive_daemon.clock import Clock
from naive_daemon.exchange.binance.address_weight import AddressWeight
from naive_daemon.exchange.binance.attempt_limit import AttemptLimit
from naive_daemon.exchange.binance.door import Door
from naive_daemon.exchange.binance.exchange_time import ExchangeTime
from naive_daemon.exchange.binance.shared_answer import SharedAnswer
from naive_daemon.exchange.binance.signal import Banned, Signal

if TYPE_CHECKING:
    from naive_daemon.exchange.binance.wire import ExchangeInformation

CONNECTS_MAX = 230
"""Attempts of accounts to connect in 5 minutes; Binance allows 300 by address, and its market streams need some."""


class Address:
    """See the module. `ahead_ms`: by how much our clock is ahead of the exchange's, as last measured."""

    def __init__(self, clock: Clock) -> None:
        self.time = ExchangeTime(clock)
        self.weight = AddressWeight()
        self.door = Door(AttemptLimit(CONNECTS_MAX))
        self.ahead_ms: SharedAnswer[int] = SharedAnswer(clock.monotonic_s)
        self.information: SharedAnswer[ExchangeInformation] = SharedAnswer(clock.monotonic_s)

    def heed(self, signal: Signal) -> None:
        """Have nobody ask anything during a ban that an answer tells of."""
        if isinstance(signal, Banned):
            self.weight.ban_until(self.time.now_ms() + round(signal.for_s * 1_000), signal.reason)
