"""An account has one place: on paper or on one exchange, for ever once it has traded."""

import pytest

from naive_daemon.domain.errors import ConfigError
from naive_daemon.storage.postgres.connection import connect
from naive_daemon.storage.postgres.session import Session
from naive_daemon.storage.postgres.venue import refuse_added
from tests.claimed_venue import claim_venue

INSERT_ORDER = """
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status,
                    created_ns, updated_ns)
VALUES ('id', 'main', 'AAAQ', 1, 1, 'BUY', 1, 1, 1, 'filled', 1, 1)
"""


def test_an_account_without_orders_may_move(migrated_url: str) -> None:
    claim_venue(migrated_url, "main", "paper")
    claim_venue(migrated_url, "main", "binance testnet")
    claim_venue(migrated_url, "main", "binance testnet")


def test_an_account_that_has_traded_stays(migrated_url: str) -> None:
    claim_venue(migrated_url, "main", "paper")
    with connect(migrated_url) as connection:
        connection.execute(INSERT_ORDER)
    claim_venue(migrated_url, "main", "paper")
    with pytest.raises(ConfigError, match="account main trades on paper, not on binance mainnet") as raised:
        claim_venue(migrated_url, "main", "binance mainnet")
    assert "--account" in (raised.value.hint or "")
    claim_venue(migrated_url, "other", "binance mainnet")


def test_a_daemon_does_not_begin_with_an_account_that_was_added_to_another(migrated_url: str) -> None:
    session = Session(migrated_url)
    with connect(migrated_url) as connection:
        connection.execute("INSERT INTO accounts (account, beside) VALUES ('alice', 'live')")
    refuse_added(session, "live")
    with pytest.raises(ConfigError, match="account alice belongs to the daemon of account live"):
        refuse_added(session, "alice")
    session.close()
