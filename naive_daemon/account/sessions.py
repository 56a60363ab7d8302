"""The sessions of an account, one for each quote asset: they begin when the account has read what there is."""

from collections.abc import Collection
from decimal import Decimal

from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.session import Depth, SessionSummary
from naive_daemon.account.store import AccountStateStore


class Sessions:
    """Remembers what each session began with. What is paid in or taken out meanwhile counts as won or lost."""

    def __init__(self, store: AccountStateStore[SymbolMetadata], quote_assets: Collection[str]) -> None:
        self._store = store
        self._quote_assets = sorted(quote_assets)
        self._starting = dict[str, Decimal]()
        self.since_ns: int | None = None

    def begin(self, now_ns: int) -> None:
        """Begin, unless that was done; an asset that is not there yet begins with nothing."""
        if self.since_ns is None:
            self.since_ns = now_ns
            self._starting = {asset: self._store.settled_balance(asset) for asset in self._quote_assets}

    def summaries(self) -> tuple[SessionSummary, ...]:
        """Sum up each session that has or had anything; none before they have begun."""
        return tuple(self._store.session_summary(asset, self._starting[asset]) for asset in self._lively())

    def depths(self) -> dict[str, Depth]:
        """Give the depth of each of them."""
        return {asset: self._store.depth(asset) for asset in self._lively()}

    def _lively(self) -> list[str]:
        return [asset for asset, starting in self._starting.items() if starting or self._store.settled_balance(asset)]
