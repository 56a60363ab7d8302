"""Replays: the daemon with a real database, fed from a recording, gives the orders that a backtest gives, always."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from tests.e2e.books import Books, read
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import eventually
from tests.e2e.place import Answer, Place

DATA = Path(os.environ.get("NAIVE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings of {DATA} are not here")

XRPETH = DATA / "XRPETH-aggTrades-2019-10-11.csv"
BTCUSDT = DATA / "BTCUSDT-trades-2021-01-08.csv"
LISTING = ("--exchange-info", str(DATA / "exchange_info.json"))
SETTINGS = {
    XRPETH: {"chunks": "3", "budget": "2.5", "buy_down_interval": "0.001", "profit_interval": "0.0005",
             "rebuy_interval": "0.004"},
    BTCUSDT: {"chunks": "9", "budget": "900", "buy_down_interval": "0.00001", "profit_interval": "0.00001",
              "rebuy_interval": "0.00005", "fee": "0.00001"},
}  # fmt: skip
FIGURES = {"events": 12477, "orders": 43, "cycles": 20, "open_buys": 3, "open_sells": 0,
           "realised_pnl": "0.0064429175", "dust_base": "0"}  # fmt: skip
KEPT = FIGURES | {"realised_pnl": "-0.00351366595", "dust_base": "8.262"}
"""Where dust is kept on the books instead of being sold along with later cycles."""
REPLAYS = 3


def words(recording: Path) -> list[str]:
    settings = SETTINGS[recording].items()
    return [*LISTING, *(word for key, value in settings for word in ("--set", f"{key}={value}"))]


def figures(answer: Answer) -> dict[str, object]:
    """Give what was counted, without what was timed."""
    return {key: answer.data[key] for key in FIGURES}


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    """Give a place whose database stays in its home, and is started anew by each command."""
    return make_place()


@pytest.mark.parametrize("recording", [XRPETH, BTCUSDT], ids=lambda path: path.stem)
def test_a_replay_gives_the_orders_of_the_backtest(
    elsewhere: Place, recording: Path, tmp_path: Path, migrated_url: str, redis_url: str
) -> None:
    elsewhere.environment |= {"NAIVE_DATABASE_URL": migrated_url, "NAIVE_REDIS_URL": redis_url}
    wanted = tmp_path / "backtest.csv"
    backtest = elsewhere("backtest", str(recording), *words(recording), "--orders", str(wanted), "--json")
    assert len(wanted.read_text().splitlines()) == backtest.data["orders"] + 1 > 10
    if recording is XRPETH:
        assert figures(backtest) == FIGURES
        assert figures(elsewhere("backtest", str(XRPETH), *words(XRPETH), "--set", "dust=keep", "--json")) == KEPT
        assert isinstance(backtest.data["wall_s"], float)
        assert wanted.read_text().splitlines()[1].startswith("BUY,0.001412,590,filled,")
    for number in range(REPLAYS):
        written = tmp_path / f"replay-{number}.csv"
        account = ("--account", f"replay-{number}")
        replay = elsewhere("replay", str(recording), *words(recording), *account, "--orders", str(written), "--json")
        assert figures(replay) == figures(backtest)
        assert written.read_text() == wanted.read_text()
        books = Books(migrated_url, account[1])
        books.check()
        assert len(books.orders) == backtest.data["orders"]
    assert set(read(migrated_url, "SELECT status::text FROM settings")) == {("off",)}
    assert set(read(migrated_url, "SELECT state FROM actual_states")) <= {("off",)}


def test_packed_and_at_its_own_pace(place: Place, tmp_path: Path) -> None:
    zipped, gzipped = tmp_path / f"{BTCUSDT.stem}.zip", tmp_path / f"{BTCUSDT.name}.gz"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(BTCUSDT, BTCUSDT.name)
    gzipped.write_bytes(gzip.compress(BTCUSDT.read_bytes()))
    told = []
    for file, speed in ((zipped, "max"), (gzipped, "60")):
        csv = tmp_path / f"{file.name}.csv"
        replay = place("replay", str(file), *words(BTCUSDT), "--speed", speed, "--orders", str(csv), "--json")
        told.append((figures(replay), csv.read_text()))
        assert place.servers() == []
    assert told[0] == told[1]
    backtest = place("backtest", str(gzipped), *words(BTCUSDT), "--json")
    assert figures(backtest) == told[0][0]


def test_a_shutdown_within_a_backtest(place: Place) -> None:
    def shut_down_at(number: int) -> dict[str, object]:
        return figures(place("backtest", str(XRPETH), *words(XRPETH), "--shutdown-at", str(number), "--json"))

    assert shut_down_at(0)["orders"] == 0
    early = shut_down_at(1_000)
    assert early == shut_down_at(1_000)
    assert 0 < int(str(early["orders"])) < 43


def test_a_replay_may_be_interrupted(place: Place) -> None:
    daemon = place.run(str(XRPETH), *words(XRPETH), "--speed", "10", "--account", "cut", command="replay")
    for attempt in eventually():
        with attempt:
            assert read(place.url, "SELECT 1 FROM orders WHERE account = 'cut'")
    daemon.press_ctrl_c()
    assert daemon.await_end() == 130
    assert daemon.log.plain_lines()[:1] == ["error: the replay was ended before its file was"]
    assert place.servers() == []
    (row,) = place("settings", "list", "--account", "cut", "--json").data
    assert row["status"] == "off"


def test_a_bad_row_ends_a_replay_and_may_be_skipped(place: Place, tmp_path: Path) -> None:
    rows = BTCUSDT.read_text().splitlines()
    bad = tmp_path / BTCUSDT.name
    bad.write_text("\n".join([*rows[:1000], "half,a,row", *rows[1000:]]))
    for command in ("replay", "backtest"):
        answer = place(command, str(bad), *words(BTCUSDT), "--json")
        assert answer.code == 1
        assert "row 1001" in answer.err
        assert "3 columns" in answer.err
        assert len(answer.err.splitlines()) == 1
        assert answer.out == ""
    assert place.servers() == []
    whole = figures(place("backtest", str(BTCUSDT), *words(BTCUSDT), "--json"))
    skipped = place("replay", str(bad), *words(BTCUSDT), "--skip-bad", "--json")
    assert figures(skipped) == whole
    assert f"{bad}: 1 bad rows skipped" in skipped.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"\x00\xff" * 40, "text"), (b"1,0,1,1,1570752011620,True,True\n", "not more than 0")],
    ids=["empty", "binary", "a price of zero"],
)
def test_files_that_are_no_recordings(place: Place, tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / XRPETH.name
    file.write_bytes(content)
    answer = place("replay", str(file), *words(XRPETH))
    assert answer.code == 1
    error = next(line for line in answer.err.splitlines() if line.startswith("error: "))
    assert str(file) in error
    assert reason in error
    assert place.servers() == []
