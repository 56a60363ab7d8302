"""A strategy on candles in the installed daemon: it trades by its signals, and over a kill -9 with what it holds."""

from tests.e2e.books import Books, await_rows, read
from tests.e2e.place import Place

SETTINGS = ("strategy=ema_cross", "interval=1s", "fast=2", "slow=5", "stop_loss=0.01", "order_size=700", "chunks=1")
COMPLETED = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"


def test_it_trades_by_signals_of_candles_and_goes_on_with_what_it_held_when_it_was_killed(place: Place) -> None:
    place.environment |= {"NAIVE_MARKET__SPEED": "20", "NAIVE_EXCHANGE__MAKER_FEE": "0.0001"}
    assert place("settings", "set", "BTCUSDT", *SETTINGS).code == 0
    daemon = place.trade("--start", "BTCUSDT")
    daemon.log.await_event("cycle finished", symbol="BTCUSDT", count=2)
    daemon.log.await_event("buy filled", symbol="BTCUSDT", count=3)
    daemon.kill()
    daemon = place.trade()
    left = Books(place.url)
    left.check()
    await_rows(place.url, COMPLETED, lambda rows: rows[0][0] > left.completed + 1)

    books = Books(place.url)
    books.check()
    assert {fill["trade_id"] for fill in left.fills} <= {fill["trade_id"] for fill in books.fills}
    assert all(order["price"] * order["quantity"] <= 700 for order in books.orders if order["side"] == "BUY")
    parameters = dict(word.split("=") for word in SETTINGS[1:-1])
    kept = read(place.url, "SELECT DISTINCT settings->'parameters' FROM cycles")
    assert kept == [(sorted([key, text] for key, text in parameters.items()),)]
    flow = place("flow").out
    assert "candles 1s" in flow
    assert "ema_cross" in flow
    daemon.stop()
