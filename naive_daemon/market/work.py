"""A work: one account trading one symbol with one set of settings. What the streams' owner groups.

Works that need the same thing share it: all of one symbol its feed, all of one symbol and interval its candles, all
whose signals depend on the same settings those signals, and so on down to the account that trades on them.
"""

import msgspec

from naive_daemon.otp import Ref
from naive_daemon.strategy.protocol import MarketNeeds

WorkId = tuple[str, str, str]
"""Account, symbol, and the signature of all settings."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded, by whom and how. `signature`: of all trade settings, which `settings` tells in words.

    `needs`: what its signals are made of; None for a strategy that looks at positions only.
    """

    exchange: str
    symbol: str
    account: str
    strategy: str
    signature: str
    settings: str = ""
    needs: MarketNeeds | None = None

    @property
    def id(self) -> WorkId:
        """Tell it from all other works of a daemon."""
        return self.account, self.symbol, self.signature


class AddWork(msgspec.Struct, frozen=True):
    """Give the work what it needs, until RemoveWork or the end of `owner`, its leader; again changes nothing."""

    work: Work
    owner: Ref


class RemoveWork(msgspec.Struct, frozen=True):
    """The owner needs nothing for this work any more; for one that is not there, nothing changes."""

    id: WorkId
    owner: Ref
