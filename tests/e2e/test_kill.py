"""kill -9 of the daemon at random moments under load: the next one takes over, and the journal stays sound."""

import os
import random
from collections.abc import Callable

from naive_daemon.storage.embedded import EmbeddedPostgres
from tests.e2e.books import Books, await_rows
from tests.e2e.place import Place

KILLS = 4
LINES_STARTING_MAX = 6
LINES_TRADING_MAX = 400
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
RUN = [word for symbol in SYMBOLS for word in ("--start", symbol)]
LOAD = {"NAIVE_MARKET__SPEED": "20", "NAIVE_EXCHANGE__MAKER_FEE": "0.0001"}


def read_books(place: Place) -> Books | None:
    """Read what a killed daemon has left on disk; None when it had not come to making its tables."""
    if not (place.home / "postgres" / "data").exists():
        return None
    server = EmbeddedPostgres(place.home)
    try:
        return Books(server.start())
    finally:
        server.stop()


def test_killed_at_random_moments_it_trades_on(place: Place, tell: Callable[[str], None]) -> None:
    seed = int(os.environ.get("NAIVE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    tell(f"NAIVE_TEST_SEED={seed}")
    draw = random.Random(seed)
    place.environment |= LOAD
    assert place("settings", "set", *SYMBOLS, "profit_interval=0.0001", "rebuy_interval=0.0003", "chunks=9").code == 0
    assert place("start", *SYMBOLS).code == 0
    for _ in range(KILLS):
        daemon = place.run(*RUN)
        lines_max = draw.choice((LINES_STARTING_MAX, LINES_TRADING_MAX))
        daemon.log.await_lines(draw.randrange(lines_max))
        daemon.kill()
        if draw.random() < 0.5:
            place.await_servers_end()
        if draw.random() < 0.5 and (books := read_books(place)) is not None:
            books.check()

    place.await_servers_end()
    left = read_books(place)
    assert left is not None
    left.check()
    daemon = place.trade()
    reconciled = daemon.log.await_event("orders reconciled")
    # What was in flight when it was killed never came to the paper exchange, and is refused instead.
    assert reconciled["adopted"] == len(left.resting_orders())
    completed = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"
    await_rows(place.url, completed, lambda rows: rows[0][0] > left.completed + len(SYMBOLS))
    daemon.stop()
    assert place.servers() == []

    books = read_books(place)
    assert books is not None
    books.check()
    assert {order["client_order_id"] for order in left.orders} <= {order["client_order_id"] for order in books.orders}
    assert {fill["trade_id"] for fill in left.fills} <= {fill["trade_id"] for fill in books.fills}
