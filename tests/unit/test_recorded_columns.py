"""Recordings read in columns: the same trades and the same complaints as row by row, and the next one that matters."""

import gzip
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import Trade
from naive_daemon.market.alerts import NOWHERE, PriceBand
from naive_daemon.market.columns import WHOLE_MAX, Columns, TradeList, lists_of
from naive_daemon.market.recorded_columns import RecordedColumns
from naive_daemon.market.recording import Recording, RecordingError

NAME = "XRPETH-trades-2019-10-11.csv"
HEADER = "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match"
START_MS = 1_570_752_000_000
FOR_EVER_NS = 2**63


def row(number: int, price: str = "0.00141342", quantity: str = "23.0", ms: int | None = None) -> str:
    time = START_MS + number if ms is None else ms
    return f"{number},{price},{quantity},0.03,{time},{'True' if number % 3 else 'false'},true"


def outcome_of_rows(path: Path, *, skip_bad: bool) -> tuple[list[Trade], str, str | None, int]:
    recording = Recording(path, skip_bad=skip_bad)
    trades: list[Trade] = []
    try:
        trades.extend(recording)
    except RecordingError as error:
        return trades, error.message, error.hint, recording.skipped
    return trades, "", None, recording.skipped


def outcome_of_columns(path: Path, *, skip_bad: bool) -> tuple[list[Trade], str, str | None, int]:
    recording = RecordedColumns(path, skip_bad=skip_bad)
    trades: list[Trade] = []
    try:
        for stretch in recording.stretches():
            made = [stretch.trade(place) for place in range(len(stretch))]
            assert list(stretch.points()) == [(trade.time_ns, trade.price) for trade in made]
            trades.extend(made)
    except RecordingError as error:
        return trades, error.message, error.hint, recording.skipped
    assert recording.bytes_read == recording.bytes_total
    return trades, "", None, recording.skipped


GOOD = st.builds(
    row,
    st.integers(1, 60),
    st.sampled_from(["1", "0.00141342", "39432.48000000", "92233720368.54775806", "100.10", "007.5"]),
    st.sampled_from(["23.00000000", "1", "0.00000001"]),
)
ODD = st.sampled_from(
    [
        row(70, "1e-5"), row(71, ".5"), row(72, "5."), row(97, "."),
        row(73, " 1"), row(74, "0.0000000001"), row(75, "0"),
        row(76, "-1"), row(77, "nan"), row(78, "1", "92233720368.54775807"), row(79, "1", "1e9"), row(80, "Tr"),
        row(81, "1", "99999999999999999999"), row(82, "0.1000000000000000000000000000"), row(83, ""), row(84, "1.1.1"),
        row(85, ms=START_MS * 1000), row(86, ms=17), row(87, ms=START_MS + 10), row(88, ms=9_999_999_999_999_999),
        row(89).replace("true", "maybe"), row(90).replace("True", "1"), row(91).replace(",0.03", ""),
        row(92).replace("0.03", "0.03,5"), row(93).replace("0.03", "eee"), row(94).replace("0.03", '"0.03"'),
        "", HEADER, "\r", "1,2,3", "é" + row(95), row(2**63), "0x60" + row(1)[1:], row(1), row(96) + "\r",
        "x" * 300, "1;2", "a\rb",
    ]
)  # fmt: skip


@given(
    st.lists(GOOD, max_size=40).map(lambda rows: sorted(set(rows), key=lambda text: int(text.split(",")[0]))),
    st.lists(st.tuples(st.integers(0, 40), ODD), max_size=2),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([30, 200, 1 << 16]),
)
def test_columns_give_the_trades_and_the_complaints_of_row_by_row(  # noqa: PLR0917 - hypothesis draws them one by one
    rows: list[str], odd: list[tuple[int, str]], header: bool, skip_bad: bool, end: str, block: int
) -> None:
    for place, text in odd:
        rows.insert(place, text)
    content = end.join([HEADER] * header + rows).encode("latin-1")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Blocks and stretches of all sizes, so that what is odd comes at the start, within and at the end of one.
        patch.setattr("naive_daemon.market.recording_file._BLOCK_BYTES", block)
        patch.setattr("naive_daemon.market.recorded_columns._STRETCH_BYTES", block * 2)
        path = Path(folder) / NAME
        path.write_bytes(content or b"\n")
        assert outcome_of_columns(path, skip_bad=skip_bad) == outcome_of_rows(path, skip_bad=skip_bad)


def test_good_rows_come_in_columns_and_only_the_odd_stretch_is_read_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("naive_daemon.market.recording_file._BLOCK_BYTES", 2_000)
    monkeypatch.setattr("naive_daemon.market.recorded_columns._STRETCH_BYTES", 2_000)
    rows = [row(number) for number in range(1, 501)]
    rows[100] = row(101, "1e-5")
    path = tmp_path / NAME
    path.write_text("\n".join([HEADER, *rows, ""]))
    kinds = [type(stretch) for stretch in RecordedColumns(path).stretches()]
    assert kinds.count(TradeList) == 1
    assert kinds.count(Columns) == len(kinds) - 1 > 3
    assert outcome_of_columns(path, skip_bad=False) == outcome_of_rows(path, skip_bad=False)


def test_a_damaged_archive_gives_what_came_before_and_then_the_complaint(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.gz"
    path.write_bytes(gzip.compress("\n".join(row(number) for number in range(1, 20_000)).encode())[:-1_000])
    trades, message, _, _ = outcome_of_columns(path, skip_bad=False)
    assert "damaged" in message
    assert trades == outcome_of_rows(path, skip_bad=False)[0]
    assert len(trades) > 10_000


PRICES = st.integers(1, 40)


def edge() -> st.SearchStrategy[Decimal]:
    finite = st.integers(-3, 43).map(lambda number: Decimal(number) / 10**8)
    between = st.integers(-300, 4_300).map(lambda number: Decimal(number) / 10**10)
    return finite | between | st.sampled_from([Decimal("Infinity"), Decimal("-Infinity"), Decimal(10) ** 30])


@given(
    st.lists(PRICES, min_size=1, max_size=400),
    edge(),
    edge(),
    st.integers(0, 50) | st.just(FOR_EVER_NS),
    st.integers(0, 400),
    st.integers(0, 400),
    st.sampled_from([1, 3, 128]),
)
def test_the_next_that_matters_is_the_same_in_columns_as_one_by_one(  # noqa: PLR0917 - drawn one by one
    prices: list[int], low: Decimal, high: Decimal, due_ns: int, start: int, stop: int, window: int
) -> None:
    trades = [Trade("AAAQ", Decimal(price) / 10**8, Decimal(1), n, n // 8) for n, price in enumerate(prices)]
    (plain,) = lists_of(trades)
    columns = columns_of(trades)
    start, stop = min(start, len(trades)), min(stop, len(trades))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("naive_daemon.market.columns._WINDOW_MIN", window)
        for band in (PriceBand(low, high), NOWHERE, PriceBand()):
            found = columns.seek(start, stop, band, due_ns)
            assert found == (plain.seek(start, stop, band, due_ns) if start < stop else stop)


def columns_of(trades: list[Trade]) -> Columns:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "AAAQ-trades.csv"
        path.write_text(
            "\n".join(f"{t.trade_id},{t.price:f},{t.quantity:f},0,{START_MS},True,True" for t in trades),
            encoding="ascii",
        )
        (columns,) = RecordedColumns(path).stretches()
    assert isinstance(columns, Columns)
    columns.times[:] = [trade.time_ns for trade in trades]
    return columns


def test_a_price_at_the_end_of_what_a_column_holds_is_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text(row(1, f"{Decimal(WHOLE_MAX) / 10**8}"))
    (stretch,) = RecordedColumns(path).stretches()
    assert isinstance(stretch, TradeList)


@given(st.lists(st.tuples(PRICES, st.integers(1, 10**12)), min_size=1, max_size=60), st.data())
def test_a_run_in_columns_is_the_run_one_by_one(drawn: list[tuple[int, int]], data: st.DataObject) -> None:
    trades = [
        Trade("AAAQ", Decimal(price) / 10**8, Decimal(quantity) / 10**8, number, number)
        for number, (price, quantity) in enumerate(drawn)
    ]
    start = data.draw(st.integers(0, len(trades) - 1))
    stop = data.draw(st.integers(start + 1, len(trades)))
    columns, (plain,) = columns_of(trades), lists_of(trades)
    columns.quantities[:] = [int(trade.quantity * 10**8) for trade in trades]
    assert columns.run(start, stop) == plain.run(start, stop)
    # So much that a sum of whole numbers of 64 bits would overflow.
    columns.quantities[:] = WHOLE_MAX - 1
    assert columns.run(start, stop).volume == Decimal((WHOLE_MAX - 1) * (stop - start)) / 10**8


def test_the_daemon_does_without_what_reads_columns() -> None:
    loaded = "import sys, naive_daemon.cli.run, naive_daemon.daemon"
    program = f"{loaded}; sys.exit(bool({{'numpy', 'pyarrow'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
