"""One copy of a recording's trades for many processes: a file that has no name, mapped into the memory of each.

Owned by the process that writes it. The system drops what is not looked at and frees all of it with its owner, however
that ends.
"""

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec
import numpy as np

from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.events import Trade
from naive_daemon.market.columns import Columns, Stretch, TradeList

_WIDTH = 8
_COLUMNS = 4
"""So many columns of whole numbers come one after the other; the flags follow."""


class _Piece(msgspec.Struct, frozen=True):
    """A stretch: where it begins in the file, and how many trades it has. Without `bytes` it is columns."""

    symbol: str
    offset: int
    count: int
    bytes: int | None = None


class MarketFile(msgspec.Struct, frozen=True):
    """What another process needs to find the trades, for as long as the owner lives and keeps the file open."""

    path: str
    pieces: tuple[_Piece, ...]

    @property
    def trades(self) -> int:
        """Say how many trades there are."""
        return sum(piece.count for piece in self.pieces)


@contextmanager
def written(stretches: Iterable[Stretch]) -> Iterator[MarketFile]:
    """Write all stretches; the file is gone at the end of the context."""
    pieces: list[_Piece] = []
    with tempfile.TemporaryFile(prefix="naive-grid-") as file:
        try:
            for stretch in stretches:
                offset = file.tell()
                if isinstance(stretch, Columns):
                    for column in (stretch.prices, stretch.quantities, stretch.ids, stretch.times):
                        file.write(np.ascontiguousarray(column).data)
                    file.write(np.ascontiguousarray(stretch.makers).data)
                    pieces.append(_Piece(stretch.symbol, offset, len(stretch)))
                else:
                    trades = [stretch.trade(place) for place in range(len(stretch))]
                    pieces.append(
                        _Piece(stretch.symbol, offset, len(trades), file.write(msgspec.msgpack.encode(trades)))
                    )
                file.write(bytes(-file.tell() % _WIDTH))
            file.flush()
        except OSError as error:
            reason = error.strerror or str(error)
            raise NaiveError(
                f"the trades can not be kept in {tempfile.gettempdir()}: {reason}",
                hint="TMPDIR names another directory",
            ) from error
        yield MarketFile(f"/proc/{os.getpid()}/fd/{file.fileno()}", tuple(pieces))


def read(market: MarketFile) -> list[Stretch]:
    """Map the trades into the memory of this process; they can not be changed."""
    with open(market.path, "rb") as file:  # noqa: PTH123 - a descriptor of the owner, and no path that could be joined
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return [_stretch(memory, piece) for piece in market.pieces]


def _stretch(memory: mmap.mmap, piece: _Piece) -> Stretch:
    if piece.bytes is not None:
        return TradeList(msgspec.msgpack.decode(memory[piece.offset : piece.offset + piece.bytes], type=list[Trade]))
    prices, quantities, ids, times = np.frombuffer(
        memory, dtype="<i8", count=_COLUMNS * piece.count, offset=piece.offset
    ).reshape(_COLUMNS, piece.count)
    makers = np.frombuffer(
        memory, dtype=np.bool_, count=piece.count, offset=piece.offset + _WIDTH * _COLUMNS * piece.count
    )
    return Columns(symbol=piece.symbol, prices=prices, quantities=quantities, ids=ids, times=times, makers=makers)
