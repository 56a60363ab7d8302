"""Which symbols are streamed and recorded without being traded."""

from collections.abc import Iterable

from sqlalchemy import Engine, Text, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import StreamingRow, StreamingStatus


class StreamingSettings:
    """The streaming settings, for commands and for the streaming supervisor. Methods raise DatabaseAwayError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self) -> dict[str, StreamingStatus]:
        """Read all symbols with their status, by symbol."""
        query = select(StreamingRow.symbol, StreamingRow.status).order_by(StreamingRow.symbol)
        with begin(self._engine) as connection:
            return {row.symbol: row.status for row in connection.execute(query)}

    def streamed(self) -> tuple[str, ...]:
        """Name the symbols that are switched on."""
        return tuple(symbol for symbol, status in self.rows().items() if status is StreamingStatus.ON)

    def set_status(self, symbols: Iterable[str], status: StreamingStatus) -> dict[str, StreamingStatus]:
        """Switch symbols, adding those without a row, and give what stood there before (off where there was no row)."""
        names = list(dict.fromkeys(symbol.strip().upper() for symbol in symbols))
        given = literal(sorted(names), ARRAY(Text))  # in one order, so that two commands can not wait for each other
        with begin(self._engine) as connection:
            adding = insert(StreamingRow).from_select(["symbol"], select(func.unnest(given)))
            connection.execute(adding.on_conflict_do_nothing(index_elements=["symbol"]))
            before = (
                select(StreamingRow.id, StreamingRow.symbol, StreamingRow.status)
                .where(StreamingRow.symbol == func.any(given))
                .order_by(StreamingRow.id)
                .with_for_update()
                .cte("before")
            )
            change = update(StreamingRow).values(status=status).where(StreamingRow.id == before.c.id)
            found = connection.execute(change.returning(before.c.symbol, before.c.status)).all()
        stood = {row.symbol: row.status for row in found}
        return {name: stood[name] for name in names}
