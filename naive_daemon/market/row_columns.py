"""Rows of a recording read in columns, by Arrow, where all is as it always is.

Anything else (a row that is bad or out of order, a number with more decimals than a column holds, a space) is left to
who reads row by row.
"""

import numpy as np
import pyarrow as pa
from pyarrow import csv

from naive_daemon.clock import NS_PER_MS, NS_PER_US
from naive_daemon.market.columns import DECIMALS, WHOLE_MAX, Columns, Whole
from naive_daemon.market.recording_row import MS_BELOW, TIME_COLUMN, TIME_MAX_NS, RowParser

_DIGITS_MAX = 28
_PLAIN = b"0123456789.,\nTFtrueflas"
"""All that a row is made of; a sign, a space or an exponent is left to who reads row by row."""
_ID, _PRICE, _QUANTITY = 0, 1, 2
_AMOUNT = pa.decimal128(_DIGITS_MAX, DECIMALS)


def read_columns(text: bytes, parser: RowParser, *, is_first: bool) -> Columns | None:
    """Read whole rows that follow those that `parser` has read; None, and nothing done, where anything is in doubt."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if is_first:
        head, _, rest = text.partition(b"\n")
        if parser.is_header(head.decode("latin-1")):
            text = rest
    count = text[: text.find(b"\n")].count(b",") + 1
    known, last_id, last_ns = parser.place
    if count not in TIME_COLUMN or known not in (0, count) or text.translate(None, _PLAIN):
        return None
    table = _read(text, count)
    # Each of the two flags of a row has one "e"; one more, and it is the exponent of a number.
    if table is None or text.count(b"e") != 2 * table.num_rows:
        return None
    columns = _checked(table, parser.symbol, last_id, last_ns)
    if columns is not None:
        parser.go_on_from(count, int(columns.ids[-1]), int(columns.times[-1]))
    return columns


def _read(text: bytes, count: int) -> pa.Table | None:
    names = [str(number) for number in range(count)]
    time, maker, best = names[TIME_COLUMN[count]], names[-2], names[-1]
    types = {
        names[_ID]: pa.int64(),
        names[_PRICE]: _AMOUNT,
        names[_QUANTITY]: _AMOUNT,
        time: pa.int64(),
        maker: pa.bool_(),
        best: pa.bool_(),
    }
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[],
                true_values=["True", "true"],
                false_values=["False", "false"],
                check_utf8=False,
            ),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None


def _checked(table: pa.Table, symbol: str, last_id: int, last_ns: int) -> Columns | None:
    """Give the columns, in order and in range; None otherwise."""
    if not table.num_rows or any(column.null_count for column in table.columns):
        return None
    prices, quantities = _whole(table[1]), _whole(table[2])
    if prices is None or quantities is None:
        return None
    ids, stamps = table[0].to_numpy(), table[3].to_numpy()
    if stamps.max() >= TIME_MAX_NS // NS_PER_US:
        return None
    times = stamps * np.where(stamps < MS_BELOW, NS_PER_MS, NS_PER_US)
    if ids[0] <= last_id or times[0] < last_ns or times.max() >= TIME_MAX_NS:
        return None
    if (ids[1:] <= ids[:-1]).any() or (times[1:] < times[:-1]).any():
        return None
    return Columns(
        symbol=symbol, prices=prices, quantities=quantities, ids=ids, times=times, makers=table[4].to_numpy()
    )


def _whole(column: pa.ChunkedArray) -> Whole | None:
    """Give the whole numbers of a column of decimals, which are 128 bits wide; None where one is out of range."""
    array = column.chunk(0)
    halves = np.frombuffer(array.buffers()[1], dtype="<i8").reshape(-1, 2)[array.offset : array.offset + len(array)]
    low, high = halves[:, 0].copy(), halves[:, 1]
    return None if high.any() or low.min() <= 0 or low.max() >= WHOLE_MAX else low
