"""Reading recorded trades: Binance's layouts and packings, and one clear line for everything that may be wrong."""

import gzip
import io
import os
import tempfile
import zipfile
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import Trade
from naive_daemon.market.recording import Recording, RecordingError

DATA = Path(os.environ.get("NAIVE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
NAME = "XRPETH-trades-2019-10-11.csv"

ROWS = (
    "7,0.00141342,23.00000000,0.03250866,1570752011620,True,True",
    "9,0.00141266,54.00000000,0.07628364,1570752011620,False,True",
    "10,0.00141300,1.5,0.0021195,1570752011621,true,false",
)
AGGREGATES = (
    "7,0.00141342,23.00000000,1,3,1570752011620,True,True",
    "9,0.00141266,54.00000000,4,4,1570752011620,False,True",
    "10,0.00141300,1.5,5,6,1570752011621,true,false",
)
TRADES = [
    Trade("XRPETH", Decimal("0.00141342"), Decimal(23), 7, 1570752011620000000, True),
    Trade("XRPETH", Decimal("0.00141266"), Decimal(54), 9, 1570752011620000000, False),
    Trade("XRPETH", Decimal("0.00141300"), Decimal("1.5"), 10, 1570752011621000000, True),
]
HEADER = "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match"
AGGREGATE_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match"


def text(*rows: str) -> bytes:
    return "".join(row + "\n" for row in rows).encode()


def zipped(content: bytes, *names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("inner.csv",):
            archive.writestr(name, content)
    return packed.getvalue()


def recorded(folder: Path, content: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        text(*ROWS),
        text(*AGGREGATES),
        text(HEADER, *ROWS),
        text(AGGREGATE_HEADER, *AGGREGATES),
        text(*ROWS).rstrip(b"\n"),
        text(HEADER, *ROWS, "", "").replace(b"\n", b"\r\n"),
        text(*ROWS).replace(b"\n", b"\r\n").removesuffix(b"\n"),
        b"\xef\xbb\xbf" + text(*ROWS),
        text(*ROWS).replace(b"1620,", b"1620000,").replace(b"1621,", b"1621000,"),
        gzip.compress(text(*ROWS)),
        zipped(text(HEADER, *ROWS)),
        zipped(text(*AGGREGATES), "folder/", "folder/inner.csv"),
    ],
    ids=[
        "trades",
        "aggTrades",
        "header",
        "aggregate header",
        "no last line end",
        "crlf, blank lines at the end",
        "cut crlf",
        "byte order mark",
        "microseconds",
        "gz",
        "zip",
        "zip with a folder",
    ],
)
def test_every_layout_gives_the_same_trades(tmp_path: Path, content: bytes) -> None:
    recording = Recording(recorded(tmp_path, content))
    assert list(recording) == TRADES
    assert list(recording) == TRADES
    assert recording.skipped == 0
    assert recording.bytes_read == recording.bytes_total == len(content)


@pytest.mark.parametrize(
    ("name", "given", "symbol"),
    [
        ("XRPETH-aggTrades-2019-10-11.csv", None, "XRPETH"),
        ("1000SATSUSDT-trades-2024-01.zip", None, "1000SATSUSDT"),
        ("XRPETH-trades.csv", "btcusdt", "BTCUSDT"),
        ("anything.csv", "btcusdt", "BTCUSDT"),
    ],
)
def test_the_symbol_is_given_or_guessed(tmp_path: Path, name: str, given: str | None, symbol: str) -> None:
    recording = Recording(recorded(tmp_path, text(*ROWS), name), given)
    assert recording.symbol == symbol
    assert next(iter(recording)).symbol == symbol


@pytest.mark.parametrize("name", ["trades.csv", "my-trades.csv", "-trades.csv", "XRP ETH-trades.csv"])
def test_a_name_that_says_no_symbol_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match="does not say of which symbol") as raised:
        Recording(recorded(tmp_path, text(*ROWS), name))
    assert raised.value.hint


BAD_ROWS = [
    ("11,1,2,3", "it has 4 columns, the rows before it 7"),
    (AGGREGATES[0], "it has 8 columns, the rows before it 7"),
    ("11,0,1,0,1570752011622,True,True", "the price '0' is not more than 0"),
    ("11,-1,1,0,1570752011622,True,True", "the price '-1' is not more than 0"),
    ("11,NaN,1,0,1570752011622,True,True", "the price 'NaN' is not a number"),
    ("11,Infinity,1,0,1570752011622,True,True", "the price 'Infinity' is not a number"),
    ("11,abc,1,0,1570752011622,True,True", "the price 'abc' is not a number"),
    ("11,,1,0,1570752011622,True,True", "the price '' is not a number"),
    ("11,1e999,1,0,1570752011622,True,True", "the price '1e999' is out of range"),
    (f"11,1.{'1' * 40},1,0,1570752011622,True,True", f"the price '1.{'1' * 38}…' is out of range"),
    ("11,1,0.000,0,1570752011622,True,True", "the quantity '0.000' is not more than 0"),
    ("11,1,-0.5,0,1570752011622,True,True", "the quantity '-0.5' is not more than 0"),
    ("11,1,nan,0,1570752011622,True,True", "the quantity 'nan' is not a number"),
    ("11,1,x,0,1570752011622,True,True", "the quantity 'x' is not a number"),
    ("x,1,1,0,1570752011622,True,True", "the trade id 'x' is not a whole number"),
    ("-1,1,1,0,1570752011622,True,True", "the trade id '-1' is not a whole number"),
    (f"{2**63},1,1,0,1570752011622,True,True", "the trade id '9223372036854775808' is out of range"),
    ("11,1,1,0,15707520116.22,True,True", "the time '15707520116.22' is not a whole number"),
    ("11,1,1,0,1570752011,True,True", "the time '1570752011' is not in ms or µs between"),
    ("11,1,1,0,9999999999999,True,True", "the time '9999999999999' is not in ms or µs between"),
    ("11,1,1,0,1570752011622000000,True,True", "the time '1570752011622000000' is not in ms or µs between"),
    ("11,1,1,0,1570752011620,True,True", "the time '1570752011620' is before that of the row before it"),
    ("10,1,1,0,1570752011622,True,True", "the trade id 10 comes after 10: out of order"),
    ("8,1,1,0,1570752011622,True,True", "the trade id 8 comes after 10: out of order"),
    ("11,1,1,0,1570752011622,yes,True", "'yes' is neither True nor False"),
    ("11,1,1,0,1570752011622,True,maybe", "'maybe' is neither True nor False"),
    ("11,1,1,\xff,1570752011622,True,True", "it holds bytes that are not text"),
    (f"{'9' * 5000},1,1,0,1570752011622,True,True", "Exceeds the limit (4300 digits)"),
    ("11,1,1,\x00", "it holds bytes that are not text"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_is_named_or_skipped(tmp_path: Path, row: str, reason: str) -> None:
    last = "12,0.00141300,1.5,0.0021195,1570752011623,True,True"
    content = text(HEADER, *ROWS) + row.encode("latin-1") + b"\n" + text(last)
    path = recorded(tmp_path, content)
    with pytest.raises(RecordingError) as raised:
        list(Recording(path))
    error = raised.value
    assert error.message.startswith(f"{path}: row 5: {reason}")
    assert "\n" not in error.message
    assert error.hint is not None
    assert "--skip-bad" in error.hint
    assert error.exit_code == 1

    lenient = Recording(path, skip_bad=True)
    assert [trade.trade_id for trade in lenient] == [7, 9, 10, 12]
    assert lenient.skipped == 1


@pytest.mark.parametrize(
    ("first", "columns"), [("a,b", 2), ("binary \x01\x02", 1), (AGGREGATES[0].replace("23", "x"), 8)]
)
def test_a_first_row_that_is_bad_does_not_decide_the_layout(tmp_path: Path, first: str, columns: int) -> None:
    path = recorded(tmp_path, text(first, *ROWS))
    assert first.count(",") + 1 == columns
    with pytest.raises(RecordingError, match="row 1: "):
        list(Recording(path))
    lenient = Recording(path, skip_bad=True)
    assert list(lenient) == TRADES
    assert lenient.skipped == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text(HEADER), "there is no trade in it"),
        (b"\n\n", "there is no trade in it"),
        (gzip.compress(b""), "there is no trade in it"),
        (gzip.compress(text(*ROWS))[:-12], "it is damaged or cut off"),
        (gzip.compress(text(*ROWS))[:12] + b"garbage", "it is damaged or cut off"),
        (zipped(text(*ROWS))[:-40], "it is damaged or cut off"),
        (zipped(text(*ROWS)).replace(b"\x00inner.csv", b"\x00other.csv", 1), "it is damaged or cut off"),
        (zipped(text(*ROWS), "a.csv", "b.csv"), "the archive holds 2 files"),
        (b"\x7fELF" + bytes(range(256)) * 1000, "row 1: it holds bytes that are not text"),
        (b"x" * 200_000, "it is not a text of rows"),
        (b"just some words\n", "row 1: it has 1 columns; trades have 7, aggregated trades 8"),
    ],
    ids=[
        "only a header",
        "only empty lines",
        "gz of nothing",
        "gz without its end",
        "gz of garbage",
        "zip without its end",
        "zip that names another file",
        "zip of two files",
        "a program",
        "one long line",
        "words",
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    recording = Recording(recorded(tmp_path, content))
    with pytest.raises(RecordingError) as raised:
        list(recording)
    assert raised.value.message.startswith(f"{recording.path}: {reason}")
    assert "\n" not in raised.value.message
    assert raised.value.hint


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(text(*ROWS)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(RecordingError, match="the archive is encrypted"):
        list(Recording(recorded(tmp_path, bytes(content))))


def test_a_packing_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(text(*ROWS)))
    content[content.index(b"PK\x01\x02") + 10] = 77
    content[8] = 77
    with pytest.raises(RecordingError, match="it can not be unpacked"):
        list(Recording(recorded(tmp_path, bytes(content))))


START_MS = 1570752000000
DAY_MS = 86_400_000


def row(number: int, ms: int | None = None) -> str:
    return f"{number},0.001,1,0,{START_MS + 1000 * number if ms is None else ms},True,True"


def swapped(one: int, two: int) -> list[str]:
    numbers = list(range(1, 51))
    numbers[one - 1], numbers[two - 1] = two, one
    return [row(number) for number in numbers]


GOOD = [row(number) for number in range(1, 51)]


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        ([*GOOD[:9], row(10, START_MS + 400 * DAY_MS), *GOOD[10:]], {10}),
        ([*GOOD[:9], row(2**62, START_MS + 10_000), *GOOD[10:]], {10}),
        ([*GOOD[:9], row(10, START_MS + 3_600_000), *GOOD[10:]], {10}),
        ([*GOOD[:9], row(40, START_MS + 10_000), *GOOD[10:]], {10}),
        ([row(1, START_MS + 400 * DAY_MS), *GOOD[1:]], {1}),
        ([*GOOD[:49], row(50, START_MS + 400 * DAY_MS)], {50}),
        ([*GOOD[:9], row(10, START_MS + 2 * DAY_MS), row(11, START_MS + 3 * DAY_MS), *GOOD[11:]], {10, 11}),
        ([*GOOD[:9], row(10, START_MS), *GOOD[10:]], {10}),
        ([*GOOD[:9], GOOD[3], *GOOD[9:]], set()),
        (swapped(10, 11), {10}),
        (swapped(10, 40), {10, 40}),
        (GOOD, set()),
    ],
    ids=[
        "time far ahead",
        "id far ahead",
        "time an hour ahead",
        "id a little ahead",
        "first row ahead",
        "last row ahead",
        "two rows ahead",
        "time back",
        "row twice",
        "neighbours swapped",
        "far rows swapped",
        "none",
    ],
)
def test_a_row_out_of_order_costs_itself_alone(tmp_path: Path, rows: list[str], lost: set[int]) -> None:
    recording = Recording(recorded(tmp_path, text(*rows)), skip_bad=True)
    trades = list(recording)
    assert [trade.trade_id for trade in trades] == sorted(set(range(1, 51)) - lost)
    assert recording.skipped == len(rows) - len(trades)
    assert all(one.trade_id < two.trade_id and one.time_ns <= two.time_ns for one, two in pairwise(trades))


def test_a_gap_of_days_in_a_recording_is_no_error(tmp_path: Path) -> None:
    later = [row(number, START_MS + 9 * DAY_MS + number) for number in range(51, 60)]
    recording = Recording(recorded(tmp_path, text(*GOOD, *later)), skip_bad=True)
    assert len(list(recording)) == 59
    assert recording.skipped == 0


def test_more_bad_rows_than_trades_are_no_recording(tmp_path: Path) -> None:
    recording = Recording(recorded(tmp_path, text(*GOOD[:4], *["a,b"] * 5)), skip_bad=True)
    with pytest.raises(RecordingError, match="5 of its rows are bad and only 4 are trades"):
        list(recording)


@pytest.mark.parametrize("skip_bad", [True, False])
@pytest.mark.parametrize(
    ("content", "name"),
    [(zipped(text(*ROWS)), "XRPETH-trades.zip"), (gzip.compress(text(*ROWS)), "XRPETH-trades.csv.gz")],
    ids=["zip", "gz"],
)
def test_a_packed_file_with_one_wrong_byte_blames_no_row(
    tmp_path: Path, content: bytes, name: str, skip_bad: bool
) -> None:
    complaints = set()
    for place in range(len(content)):
        wrong = bytearray(content)
        wrong[place] ^= 0x5A
        try:
            trades = list(Recording(recorded(tmp_path, bytes(wrong), name), skip_bad=skip_bad))
        except RecordingError as error:
            complaints.add(f"{error.message} {error.hint}")
        else:
            assert trades == TRADES  # a byte that carries no data: a time, a name
    assert complaints
    assert [each for each in complaints if ": row " in each or "--skip-bad" in each] == []


def test_an_archive_of_nothing_says_so(tmp_path: Path) -> None:
    path = recorded(tmp_path, b"PK\x05\x06" + bytes(18), "XRPETH-trades.zip")
    with pytest.raises(RecordingError, match="the archive holds 0 files"):
        list(Recording(path))


def test_rows_that_are_all_bad_are_no_recording_even_when_skipped(tmp_path: Path) -> None:
    recording = Recording(recorded(tmp_path, text("a,b", "c,d")), skip_bad=True)
    with pytest.raises(RecordingError, match="there is no trade in it") as raised:
        list(recording)
    assert raised.value.hint == "all of its 2 rows were bad; without --skip-bad the first of them is explained"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.csv", "No such file or directory"), ("folder", "it is a directory"), ("empty", "it is empty")],
)
def test_a_path_that_holds_nothing_is_refused_before_anything_is_read(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    with pytest.raises(RecordingError, match=f"{name}: {reason}") as raised:
        Recording(tmp_path / name, "XRPETH")
    assert raised.value.hint


def test_a_file_that_vanishes_is_an_error_of_its_own(tmp_path: Path) -> None:
    recording = Recording(recorded(tmp_path, text(*ROWS)))
    recording.path.unlink()
    with pytest.raises(RecordingError, match="No such file or directory"):
        list(recording)


def test_a_large_file_is_streamed_and_its_progress_is_seen(tmp_path: Path) -> None:
    rows = [f"{number},0.001,{number + 1},0,{1570752011620 + number},True,True" for number in range(30_000)]
    recording = Recording(recorded(tmp_path, text(*rows)))
    trades = iter(recording)
    assert len(list(islice(trades, 100))) == 100
    assert 0 < recording.bytes_read < recording.bytes_total / 2
    assert sum(1 for _ in trades) == 29_900
    assert recording.bytes_read == recording.bytes_total


def test_amounts_that_no_cache_holds_are_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naive_daemon.market.recording_row._AMOUNTS_CACHED", 2)
    assert list(Recording(recorded(tmp_path, text(*ROWS)))) == TRADES


@given(
    st.lists(st.sampled_from([*ROWS, *AGGREGATES, *(row for row, _ in BAD_ROWS), HEADER, ""]) | st.text(max_size=60)),
    st.booleans(),
)
def test_whatever_is_in_a_file_it_gives_ordered_trades_or_one_clear_line(rows: list[str], skip_bad: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = recorded(Path(folder), "\n".join([*rows, "end"]).encode("utf-8"))
        trades: list[Trade] = []
        messages: list[str] = []
        try:
            trades.extend(Recording(path, skip_bad=skip_bad))
        except RecordingError as error:
            messages.append(error.message)
        assert all(message.startswith(f"{path}: ") and message.isprintable() for message in messages)
        assert all(one.trade_id < two.trade_id and one.time_ns <= two.time_ns for one, two in pairwise(trades))
        assert all(trade.price > 0 and trade.quantity > 0 for trade in trades)


def test_a_path_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(RecordingError, match="NUL character"):
        Recording("XRPETH-\x00.csv")


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        (
            "XRPETH-aggTrades-2019-10-11.csv",
            12_477,
            Trade("XRPETH", Decimal("0.00141342"), Decimal(23), 13519807, 1570752011620000000, True),
            1570965568,
        ),
        (
            "BTCUSDT-trades-2021-01-08.csv",
            2_001,
            Trade("BTCUSDT", Decimal("39432.48"), Decimal("0.000263"), 553287559, 1610064000278000000, True),
            1610064046,
        ),
    ],
)
def test_real_recordings_are_read(name: str, count: int, first: Trade, last: int) -> None:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"there is no {path}; NAIVE_TEST_DATA says where the recorded market is")
    trades = list(Recording(path))
    assert len(trades) == count
    assert trades[0] == first
    assert trades[-1].time_ns // 10**9 == last
