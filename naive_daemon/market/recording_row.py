"""One row of a recording, read into a trade or refused with a reason. Owned by one iteration over a Recording.

It runs for every row of files with many millions of them; so amounts that were seen are not parsed again, and what
is wrong is only looked for once something is.
"""

from decimal import Decimal

from naive_daemon.clock import NS_PER_MS, NS_PER_US
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import parse_decimal

_TRADE_COLUMNS = 7
_AGGREGATE_COLUMNS = 8
TIME_COLUMN = {_TRADE_COLUMNS: 4, _AGGREGATE_COLUMNS: 5}
"""Where the time stands, by how many columns there are."""

MS_BELOW = 10**14
"""Times below are milliseconds, which reach it in the year 5138; microseconds did in 1973."""
_TIME_MIN_NS = 946_684_800 * 10**9  # the year 2000
TIME_MAX_NS = 4_102_444_800 * 10**9
"""The year 2100."""
_TRADE_ID_LIMIT = 2**63
_AMOUNT_DIGITS_MAX = 28
_AMOUNT_MAX = Decimal(10) ** 18
_AMOUNT_MIN = Decimal(10) ** -18
_AMOUNTS_CACHED = 100_000
_QUOTED_CHARACTERS = 40


class RowParser:
    """Reads rows of one recording; refuses one that comes before the last good one, unless `any_order` is allowed."""

    def __init__(self, symbol: str, *, any_order: bool = False) -> None:
        self.symbol = symbol
        self._any_order = any_order
        self._columns = 0
        self._time_column = 0
        self._prices = _Amounts("price")
        self._quantities = _Amounts("quantity")
        self._flags = _Flags({"True": True, "False": False, "true": True, "false": False})
        self._is_shape_known = False
        self._last_id = -1
        self._last_ns = _TIME_MIN_NS

    @property
    def place(self) -> tuple[int, int, int]:
        """How many columns there are (0: nobody knows yet), and the id and the time (ns) of the last good row."""
        return self._columns if self._is_shape_known else 0, self._last_id, self._last_ns

    def go_on_from(self, columns: int, last_id: int, last_ns: int) -> None:
        """Take over from who has read the rows up to here."""
        self._columns, self._time_column, self._is_shape_known = columns, TIME_COLUMN[columns], True
        self._last_id, self._last_ns = last_id, last_ns

    def is_header(self, line: str) -> bool:
        """Say whether a file's first line names columns."""
        return "price" in line.lower()

    def parse(self, line: str) -> Trade:
        """Read one row; raises ValueError with the reason when it is no trade or comes before the last good one."""
        fields = line.split(",")
        if len(fields) != self._columns or not line.isascii():
            self._check_shape(line, len(fields))
        id_text = fields[0]
        time_text = fields[self._time_column]
        if not (id_text.isdigit() and time_text.isdigit()):
            raise ValueError(_not_whole(id_text, time_text))
        trade_id = int(id_text)
        time_ns = int(time_text)
        time_ns *= NS_PER_MS if time_ns < MS_BELOW else NS_PER_US
        if not self._last_id < trade_id < _TRADE_ID_LIMIT or not self._last_ns <= time_ns < TIME_MAX_NS:
            raise ValueError(self._disorder(trade_id, time_ns, time_text))
        self._flags[fields[-1]]  # isBestMatch says nothing to us, but a row that has none is no trade
        trade = Trade(
            self.symbol,
            self._prices[fields[1]],
            self._quantities[fields[2]],
            trade_id,
            time_ns,
            self._flags[fields[-2]],
        )
        if not self._any_order:
            self._last_id = trade_id
            self._last_ns = time_ns
        self._is_shape_known = True
        return trade

    def _check_shape(self, line: str, count: int) -> None:
        """Refuse what is not a row of trades; the first good row decides for the whole file."""
        if not line.isascii() or not line.isprintable():
            raise ValueError("it holds bytes that are not text")
        if self._is_shape_known:
            raise ValueError(f"it has {count} columns, the rows before it {self._columns}")
        if count not in TIME_COLUMN:
            raise ValueError(
                f"it has {count} columns; trades have {_TRADE_COLUMNS}, aggregated trades {_AGGREGATE_COLUMNS}"
            )
        self._columns = count
        self._time_column = TIME_COLUMN[count]

    def _disorder(self, trade_id: int, time_ns: int, time_text: str) -> str:
        if trade_id >= _TRADE_ID_LIMIT:
            return f"the trade id {_quoted(str(trade_id))} is out of range"
        if not _TIME_MIN_NS <= time_ns < TIME_MAX_NS:
            return f"the time {_quoted(time_text)} is not in ms or µs between the years 2000 and 2100"
        if trade_id <= self._last_id:
            return f"the trade id {trade_id} comes after {self._last_id}: out of order"
        return f"the time {_quoted(time_text)} is before that of the row before it: out of order"


class _Amounts(dict[str, Decimal]):
    """Amounts by their text; one that is missing is parsed, checked and kept."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, text: str) -> Decimal:
        try:
            amount = parse_decimal(text)
        except ValueError as error:
            raise ValueError(f"the {self._name} {_quoted(text)} is not a number") from error
        if amount <= 0:
            raise ValueError(f"the {self._name} {_quoted(text)} is not more than 0")
        if not _AMOUNT_MIN <= amount <= _AMOUNT_MAX or len(amount.as_tuple().digits) > _AMOUNT_DIGITS_MAX:
            raise ValueError(f"the {self._name} {_quoted(text)} is out of range")
        if len(self) >= _AMOUNTS_CACHED:
            self.clear()
        self[text] = amount
        return amount


class _Flags(dict[str, bool]):
    """Truth values by their text."""

    def __missing__(self, text: str) -> bool:
        raise ValueError(f"{_quoted(text)} is neither True nor False")


def _not_whole(id_text: str, time_text: str) -> str:
    name, text = ("time", time_text) if id_text.isdigit() else ("trade id", id_text)
    return f"the {name} {_quoted(text)} is not a whole number"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…")
