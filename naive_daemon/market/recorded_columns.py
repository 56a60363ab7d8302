"""A recording, read in columns. Owned by whoever trades through it; one thread.

It gives the same trades as the recording read row by row, and the same complaints: rows are read in columns a stretch
at a time, and a stretch in which anything is not as it always is is read again, row by row. With `skip_bad` all are:
which rows are left out then depends on those around them.
"""

from collections.abc import Iterator

from naive_daemon.market.columns import Stretch, lists_of
from naive_daemon.market.recorded_trades import RecordedTrades
from naive_daemon.market.recording import Recording, RecordingError
from naive_daemon.market.recording_file import lines_of
from naive_daemon.market.recording_row import RowParser

_STRETCH_BYTES = 1 << 20


class RecordedColumns(Recording):
    """See Recording, for what it takes and raises; `stretches` is the quick way over its trades."""

    def ahead(self) -> RecordedTrades:
        """Iterate so that trades can be passed over."""
        return RecordedTrades(self.stretches())

    def stretches(self) -> Iterator[Stretch]:
        """Go over the file from its start."""
        from naive_daemon.market.row_columns import read_columns  # noqa: PLC0415 - it starts a thread: see grid.workers

        if self._skip_bad:
            yield from lists_of(super().__iter__())
            return
        self.skipped = 0
        parser = RowParser(self.symbol)
        rows, count = 0, 0
        for text in self._texts():
            stretch = read_columns(text, parser, is_first=not rows)
            if stretch is None:
                for trades in lists_of(self._parse(lines_of(text), rows, parser)):
                    count += len(trades)
                    yield trades
            else:
                count += len(stretch)
                yield stretch
            rows += text.count(b"\n") + 1
        self._refuse_too_few(count)

    def _texts(self) -> Iterator[bytes]:
        """Gather the file's blocks; where it is damaged, what came before is given first."""
        gathered: list[bytes] = []
        try:
            for text in self._file.texts():
                gathered.append(text)
                if sum(map(len, gathered)) >= _STRETCH_BYTES:
                    yield b"\n".join(gathered)
                    gathered = []
        except RecordingError:
            if gathered:
                yield b"\n".join(gathered)
            raise
        if gathered:
            yield b"\n".join(gathered)
