"""The daemon as a person starts it, while the exchange changes a symbol's filters: what it holds is sold by them."""

from decimal import Decimal
from pathlib import Path

from tests.e2e.books import Books, read
from tests.e2e.daemon import eventually
from tests.e2e.place import Place
from tests.exchange.local_exchange import LocalExchange
from tests.exchange.trial import SETTINGS, symbols_of, write_listing

FILLED = "SELECT side, price, quantity FROM orders WHERE status = 'filled' ORDER BY created_ns LIMIT 2"


def test_what_was_bought_before_filters_changed_is_sold_by_the_new_ones_without_a_restart(
    place: Place, tmp_path: Path
) -> None:
    listing, (symbol,) = tmp_path / "listing.json", symbols_of(1)
    write_listing(listing, [symbol])
    with LocalExchange(tmp_path, "--exchange-info", str(listing), market="clients") as exchange:
        place.connect(exchange, NAIVE_EXCHANGE__BINANCE__REFRESH_S="1")
        daemon = place.trade("--start", symbol)
        assert place("settings", "set", symbol, *SETTINGS[:3], "chunks=1").code == 0
        for attempt in eventually():
            with attempt:
                exchange.trade(symbol, "100")
                assert exchange.admin("GET", "/admin/orders")
        exchange.fault("filters", value=f"{symbol} tick_size=0.1 step_size=0.5")
        for attempt in eventually():
            with attempt:
                for price in ("99.7", "100.5"):
                    exchange.trade(symbol, price)
                assert Books(place.url).completed
        assert daemon.log.await_event("filters changed")["symbol"] == symbol
        # 100.21 for both fees and the profit, floored to the tick; 10.001 less the fee of 0.1 %, floored to the step.
        bought, sold = read(place.url, FILLED)
        assert bought == ("BUY", Decimal("99.99"), Decimal("10.001"))
        assert sold == ("SELL", Decimal("100.2"), Decimal("9.5"))
        Books(place.url).check()
        daemon.stop()
