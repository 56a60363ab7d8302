"""The sessions of an account, one for each quote asset that it trades in.

They begin when the account has read what there is.
"""

from collections.abc import Iterable
from decimal import Decimal

from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.session import SessionSummary
from naive_daemon.account.store import AccountStateStore


class Sessions:
    """Remembers what each session began with. What is paid in or taken out meanwhile counts as won or lost."""

    def __init__(self, store: AccountStateStore[SymbolMetadata], quote_assets: Iterable[str]) -> None:
        self._store = store
        self._quote_assets = sorted(quote_assets)
        self._starting = dict[str, Decimal]()
        self.since_ns: int | None = None

    def begin(self, now_ns: int) -> None:
        """Begin, unless that was done; an asset that is not there yet begins with nothing."""
        if self.since_ns is None:
            self.since_ns = now_ns
            self._starting = {asset: self._store.settled_balance(asset) for asset in self._quote_assets}

    def summaries(self, assets: Iterable[str]) -> tuple[SessionSummary, ...]:
        """Sum up the sessions of these quote assets; none before they have begun."""
        begun = sorted(asset for asset in assets if asset in self._starting)
        return tuple(self._store.session_summary(asset, self._starting[asset]) for asset in begun)
