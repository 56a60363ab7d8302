"""One local exchange for each module of tests; its market stands still at 50,000 USDT for a bitcoin."""

from collections.abc import Iterator

import pytest

from tests.exchange.local_exchange import LocalExchange


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExchange]:
    with LocalExchange(tmp_path_factory.mktemp("foreign"), "--symbol", "BTCUSDT", "--symbol", "ETHUSDT") as exchange:
        exchange.pause()
        exchange.trade("BTCUSDT", "50000")
        yield exchange
