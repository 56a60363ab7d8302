"""Recorded trades in Binance's public layouts, read as a stream. Owned by whoever replays them; one thread.

Spot `trades` (id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch) and `aggTrades` (aggId, price, qty, firstId,
lastId, time, isBuyerMaker, isBestMatch), told apart by their columns; with or without a header line; plain, .gz, or a
.zip of one file. Times are in ms or µs, told apart by their size. Invariant: the trades that come out are in order,
trade ids strictly rising and times never falling, with prices and quantities more than 0.
"""

from collections.abc import Iterator
from pathlib import Path

from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.events import Trade
from naive_daemon.market.recording_file import RecordingFile
from naive_daemon.market.recording_order import OrderedTrades
from naive_daemon.market.recording_row import RowParser

_SKIP_HINT = "--skip-bad leaves such rows out and counts them"


class RecordingError(NaiveError):
    """A recording that can not be read: says the file, the row where there is one, and the reason."""


class Recording:
    """The trades of one file; each iteration reads it from its start.

    `symbol` is guessed from names like `XRPETH-aggTrades-2019-10-11.csv` when it is not given. With `skip_bad` rows
    that are no trades, or out of order, are left out and counted in `skipped`; where two contradict each other, the one
    that the next rows do not confirm. `bytes_total` is the size of the file
    as it lies on disk, `bytes_read` how much of that the current iteration has read: both for showing progress.

    Raises RecordingError, already when it is made if the file is missing, a directory or empty or if its symbol is
    not known; later at the first bad row (without `skip_bad`), at a damaged archive, and at the end when there was
    no trade at all or more bad rows than trades.
    """

    def __init__(self, path: Path | str, symbol: str | None = None, *, skip_bad: bool = False) -> None:
        self.path = Path(path)
        self.skipped = 0
        self._skip_bad = skip_bad
        self._is_checked = False
        self._file = RecordingFile(self.path, RecordingError)
        self.symbol = symbol.upper() if symbol else self._guessed_symbol()

    @property
    def bytes_total(self) -> int:
        """Size of the file on disk, in bytes."""
        return self._file.bytes_total

    @property
    def bytes_read(self) -> int:
        """Bytes of the file on disk that were read so far; `bytes_total` at the end."""
        return self._file.bytes_read

    def __iter__(self) -> Iterator[Trade]:
        self.skipped = 0
        count = 0
        for trade in self._ordered() if self._skip_bad else self._parsed():
            count += 1
            yield trade
        self._refuse_too_few(count)

    def ahead(self) -> Iterator[Trade]:
        """Iterate as quickly as can be, for whoever does not wait between two trades."""
        return iter(self)

    def _refuse_too_few(self, count: int) -> None:
        if not count:
            raise RecordingError(f"{self.path}: there is no trade in it", hint=self._no_trade_hint())
        if self.skipped > count:
            raise RecordingError(
                f"{self.path}: {self.skipped} of its rows are bad and only {count} are trades",
                hint="without --skip-bad the first bad row is explained; download the file again",
            )

    def _parsed(self) -> Iterator[Trade]:
        parser = RowParser(self.symbol, any_order=self._skip_bad)
        row = 0
        for lines in self._file.lines():
            yield from self._parse(lines, row, parser)
            row += len(lines)

    def _parse(self, lines: list[str], rows_before: int, parser: RowParser) -> Iterator[Trade]:
        """Read rows one by one."""
        parse = parser.parse
        for row, line in enumerate(lines, rows_before + 1):
            if not line or (row == 1 and parser.is_header(line)):
                continue
            try:
                trade = parse(line)
            except ValueError as error:
                self._bad_row(row, error)
                continue
            yield trade

    def _ordered(self) -> Iterator[Trade]:
        """Leave out what is out of order, and count it with the rows that are no trades."""
        order = OrderedTrades()
        dropped = 0
        for trade in self._parsed():
            yield from order.take(trade)
            self.skipped += order.dropped - dropped
            dropped = order.dropped
        yield from order.rest()
        self.skipped += order.dropped - dropped

    def _bad_row(self, row: int, error: ValueError) -> None:
        """Refuse the file or count the row; where the file itself is damaged, that is what is wrong with its rows."""
        if not self._is_checked:
            self._file.check()
            self._is_checked = True
        if not self._skip_bad:
            raise RecordingError(f"{self.path}: row {row}: {error}", hint=_SKIP_HINT) from error
        self.skipped += 1

    def _no_trade_hint(self) -> str:
        if self.skipped:
            return f"all of its {self.skipped} rows were bad; without --skip-bad the first of them is explained"
        return "a header alone is not a recording; download the file again"

    def _guessed_symbol(self) -> str:
        symbol, dash, _ = self.path.name.partition("-")
        if not dash or not symbol.isalnum() or symbol != symbol.upper():
            raise RecordingError(
                f"{self.path}: its name does not say of which symbol it is",
                hint="say the symbol, or name the file like XRPETH-aggTrades-2019-10-11.csv",
            )
        return symbol
