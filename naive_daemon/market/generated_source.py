"""A generated market as a source: one walk for each symbol, which goes on where it was after a restart."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import structlog

from naive_daemon.clock import Clock
from naive_daemon.domain.events import Trade
from naive_daemon.market.generated import GeneratedMarket, GeneratedState
from naive_daemon.market.generated_instruments import Listing


class GeneratedSource:
    """Implements MarketSource. Its state is a small file; a file that is lost or unreadable is a fresh market."""

    def __init__(
        self,
        listings: Mapping[str, Listing],
        *,
        seed: int,
        trades_per_second: int,
        speed: Decimal | None,
        clock: Clock,
        path: Path,
    ) -> None:
        self._listings = listings
        self._seed = seed
        self._trades_per_second = trades_per_second
        self._speed = speed
        self._clock = clock
        self._path = path
        self._states = _read(path)
        self._markets: dict[str, GeneratedMarket] = {}
        self._is_kept = True
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="market")

    @property
    def speed(self) -> Decimal | None:
        """How many times faster than real time it is played."""
        return self._speed

    def trades(self, symbol: str) -> Iterator[Trade] | None:
        """Give the symbol's walk; its next trade is due now."""
        listing = self._listings.get(symbol)
        if listing is None:
            return None
        if symbol not in self._markets:
            self._markets[symbol] = self._market(listing)
        return self._markets[symbol]

    def save(self) -> None:
        """Write where every walk is, replacing the former file as a whole; a full disk costs the file, not the walk."""
        if not self._markets:
            return
        self._states |= {symbol: market.state for symbol, market in self._markets.items()}
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(self._states))
            fresh.replace(self._path)
        except OSError as error:
            if self._is_kept:
                self._log.warning("the market's place is not kept", file=str(self._path), reason=error.strerror)
            self._is_kept = False
        else:
            self._is_kept = True

    def _market(self, listing: Listing) -> GeneratedMarket:
        now_ns = self._clock.now_ns()
        state = self._states.get(listing.instrument.symbol)
        if state is not None and (state.seed, state.trades_per_second) == (self._seed, self._trades_per_second):
            return GeneratedMarket.resume(listing.instrument, state, start_ns=now_ns)
        return GeneratedMarket(
            listing.instrument,
            seed=self._seed,
            start_price=listing.start_price,
            start_ns=now_ns,
            trades_per_second=self._trades_per_second,
        )


def _read(path: Path) -> dict[str, GeneratedState]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, GeneratedState])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
