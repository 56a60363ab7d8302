"""A key that is refused while its account trades: what the client tells, and when it is good again."""

import pytest

from naive_daemon import names
from naive_daemon.domain.events import OrderAccepted
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.session import Pace
from naive_daemon.execution.client import AccountSnapshot, ClientTrouble, OrderNotSent, SendOrder
from naive_daemon.execution.messages import AccountFailed
from tests.integration.binance_desk import WAIT_S, Desk, Told, order, settings
from tests.integration.scripted_binance import ScriptedBinance, ok, placed, refused

pytestmark = pytest.mark.usefixtures("quiet")

ACCOUNT = "GET /api/v3/account"
RESTRICTIONS = "GET /sapi/v1/account/apiRestrictions"
DENIED = (-2015, "Invalid API-key, IP, or permissions for action.")
OVER = ClientTrouble("main", "credentials", None)


def restrict(server: ScriptedBinance, *, may_trade: bool) -> None:
    server.rest[RESTRICTIONS] = lambda _: (200, {"enableReading": True, "enableSpotAndMarginTrading": may_trade})


def refuse_an_order(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: refused(*DENIED, status=401)
    desk.tell(SendOrder(order(side=Side.SELL)))
    assert desk.wait_for(ClientTrouble).reason is not None
    desk.wait_for(OrderNotSent)


def test_a_key_that_an_order_was_refused_for_heals_without_a_new_connection(server: ScriptedBinance) -> None:
    with Desk(settings(server.host), pace=Pace(heal_period_s=0.01)) as desk:
        desk.wait_for(AccountSnapshot)
        server.rest[ACCOUNT] = lambda _: (401, dict(zip(("code", "msg"), DENIED, strict=True)))
        refuse_an_order(server, desk)
        server.rest[ACCOUNT] = lambda _: (200, {"canTrade": True})
        restrict(server, may_trade=True)
        assert desk.wait_for(ClientTrouble) == OVER


def test_a_key_that_may_read_and_not_trade_fails_its_account_and_is_not_called_good(server: ScriptedBinance) -> None:
    with Desk(settings(server.host), pace=Pace(heal_period_s=0.01)) as desk:
        accounts = Told()
        desk.system.start(accounts, names.ACCOUNT_DESK)
        desk.wait_for(AccountSnapshot)
        restrict(server, may_trade=False)
        refuse_an_order(server, desk)
        for _ in range(3):
            failed = accounts.messages.get(timeout=WAIT_S)
            assert failed == AccountFailed("main", "Binance refuses its API key: it may not trade")
        desk.tell(SendOrder(order("b", side=Side.SELL)))
        before, _ = desk.told_before(OrderNotSent)
        assert OVER not in before


def test_where_nobody_says_what_a_key_may_do_an_order_that_is_accepted_says_that_it_is_good(
    server: ScriptedBinance,
) -> None:
    with Desk(settings(server.host), pace=Pace(heal_period_s=0.01)) as desk:
        desk.wait_for(AccountSnapshot)
        refuse_an_order(server, desk)
        for _ in range(3):
            server.next_asked(RESTRICTIONS)
        server.ws["order.place"] = lambda parameters: ok(placed(parameters))
        desk.tell(SendOrder(order("b", side=Side.SELL)))
        before, _ = desk.told_before(OrderAccepted)
        assert before == [OVER]
