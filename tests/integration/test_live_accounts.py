"""Many accounts at Binance: they share loops, limits and what is the same for all; what ails one is its own affair."""

import random
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Self, TypeVar

import pytest
from pydantic import SecretStr

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.config.credentials import Credentials
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError, TransientError, UnreachableError
from naive_daemon.domain.events import OrderAccepted, OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance import live_accounts
from naive_daemon.exchange.binance.attempt_limit import AttemptLimit
from naive_daemon.exchange.binance.budget import Kind, Limit, Priority
from naive_daemon.exchange.binance.door import FIRST_S, Door
from naive_daemon.exchange.binance.gateway import Gateway, open_gateway
from naive_daemon.exchange.binance.live_accounts import LiveAccounts
from naive_daemon.exchange.binance.loop_pool import LOOPS_MAX
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskSnapshot,
    ClientTrouble,
    ReconcilePace,
    Reconnected,
    Reconnecting,
    SendOrder,
)
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.otp import KILL, ActorSystem, Ref, send_exit
from tests.exchange.local_exchange import LocalExchange
from tests.integration.binance_desk import SECRET, Told, settings
from tests.integration.scripted_binance import ScriptedBinance, refused, trade

pytestmark = pytest.mark.usefixtures("quiet")

WAIT_S = 20.0
COUNT = 12
ATTEMPTS = 5
SYMBOL = "BTCUSDT"

T = TypeVar("T")


class Accounts:
    """Open with `with`: accounts, each with its client, and somebody in the place of its execution manager."""

    def __init__(self, config: Binance, keys: dict[str, tuple[str, str]]) -> None:
        self.keys = keys
        self.live = LiveAccounts(config, dict(GENERATED_INSTRUMENTS), WallClock(), random.Random(1))
        self.system = ActorSystem.live(WallClock(), threads=2)
        self.desk = Told()
        self.told: dict[str, Told] = {}
        self.clients: dict[str, Ref] = {}

    def __enter__(self) -> Self:
        self.system.start(self.desk, names.ACCOUNT_DESK)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients.values():
            self.system.terminate(client, WAIT_S)
        self.live.end()
        self.system.stop()
        assert threads() == 0

    def open(self, account: str) -> None:
        """Open it as the daemon does, and start its client."""
        key, secret = self.keys[account]
        opened = self.live.open(account, Credentials(api_key=SecretStr(key), api_secret=SecretStr(secret)))
        self.told[account] = Told()
        self.system.start(self.told[account], names.execution_manager(account))
        self.clients[account] = self.system.start(opened.make_client(), names.client(account))

    def snapshot(self, account: str, *, is_routine: bool = False) -> AccountSnapshot:
        snapshot: AccountSnapshot = self.system.ask(self.clients[account], AskSnapshot(is_routine), WAIT_S)
        return snapshot

    def wait_for(self, account: str, kind: type[T], matching: Callable[[T], bool] = lambda _: True) -> T:
        """Wait until the account's manager is told something of a kind, and pass over what comes before."""
        while True:
            message = self.told[account].messages.get(timeout=WAIT_S)
            if isinstance(message, kind) and matching(message):
                return message

    def send(self, account: str, number: int, side: Side = Side.BUY) -> str:
        """Send an order that rests; gives its id."""
        order = Order(
            client_order_id=f"{account}-{number}",
            key=CycleKey(account, SYMBOL, 1, 1),
            leg=Leg(side),
            price=Decimal("10000.00") if side is Side.BUY else Decimal("90000.00"),
            quantity=Decimal("0.01"),
            created_ns=WallClock().now_ns(),
        )
        self.clients[account].tell(SendOrder(order))
        return order.client_order_id

    def trade(self, account: str, number: int) -> None:
        """Place an order, and see that it comes onto the book."""
        sent = self.send(account, number)
        self.wait_for(account, OrderAccepted, lambda event: event.client_order_id == sent)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExchange]:
    folder = tmp_path_factory.mktemp("exchange")
    options = ("--symbol", SYMBOL, "--account-count", f"{COUNT}")
    with LocalExchange(folder, *options, market="clients") as exchange:
        yield exchange


@pytest.fixture
def accounts(exchange: LocalExchange) -> Iterator[Accounts]:
    config = Binance(rest_url=exchange.rest_url, ws_api_url=exchange.ws_api_url, stream_url=exchange.stream_url)
    names_there = exchange.admin("GET", "/admin/balances")
    keys = {name: exchange.keys_of(place) for place, name in enumerate(names_there)}
    with Accounts(config, keys) as accounts:
        yield accounts
    exchange.heal()


def test_accounts_trade_on_few_threads_and_one_with_a_revoked_key_goes_down_alone(
    exchange: LocalExchange, accounts: Accounts
) -> None:
    for account in accounts.keys:
        accounts.open(account)
    for account in accounts.keys:
        assert accounts.snapshot(account).account == account
        accounts.trade(account, 1)
    assert threads() == LOOPS_MAX
    assert exchange.admin("GET", "/admin/connections")["user_subscriptions"] == dict.fromkeys(accounts.keys, 1)
    revoked, *others = accounts.keys
    exchange.fault("revoke", value=revoked)
    failed = accounts.desk.messages.get(timeout=WAIT_S)
    assert isinstance(failed, AccountFailed)
    assert failed.account == revoked
    assert failed.reason.startswith("Binance refuses its API key: Invalid API-key")
    accounts.system.terminate(accounts.clients.pop(revoked), WAIT_S)
    accounts.live.close(revoked)
    with pytest.raises(ConfigError, match="Binance refuses the API key"):
        accounts.open(revoked)
    for account in others:
        accounts.trade(account, 2)
    assert all(message.account == revoked for message in accounts.desk.messages.queue)


def test_a_defect_in_one_accounts_connection_ends_its_client_and_no_other(accounts: Accounts) -> None:
    one, *others = list(accounts.keys)[: LOOPS_MAX + 2]  # the last two share a loop with the first two
    for account in (one, *others):
        accounts.open(account)
        accounts.snapshot(account)
    ended = threading.Event()
    accounts.system.on_down(accounts.clients[one], lambda _: ended.set())
    gateway = accounts.live._accounts[one].gateway
    assert gateway is not None
    gateway._thread.call(_fail)
    assert ended.wait(WAIT_S)
    for other in others:
        accounts.trade(other, 3)


def _fail() -> None:
    raise ValueError("a defect")


def test_a_killed_clients_gateway_is_silent_and_its_successor_trades(
    exchange: LocalExchange, accounts: Accounts
) -> None:
    one, other = list(accounts.keys)[:2]
    for account in (one, other):
        accounts.open(account)
        accounts.snapshot(account)
    send_exit(accounts.clients[one], KILL)
    opened = accounts.live.open(one, credentials(accounts.keys[one]))
    accounts.clients[one] = accounts.system.start(opened.make_client(), names.client(one))
    accounts.snapshot(one)
    accounts.trade(one, 4)
    accounts.trade(other, 4)
    exchange.trade(SYMBOL, "9000.00")
    filled = accounts.wait_for(one, OrderFilled)
    accounts.wait_for(other, OrderFilled)
    accounts.trade(one, 5)  # what the former one might have told would have come by now
    assert filled not in accounts.told[one].messages.queue


def test_two_accounts_never_have_the_same_key(accounts: Accounts) -> None:
    one, other = list(accounts.keys)[:2]
    accounts.open(one)
    accounts.snapshot(one)
    accounts.keys[other] = accounts.keys[one]
    with pytest.raises(ConfigError, match=f"account {other} has the same API key as account {one}"):
        accounts.open(other)
    accounts.trade(one, 5)


def test_a_ban_is_learned_by_every_account(exchange: LocalExchange, accounts: Accounts) -> None:
    one, other = list(accounts.keys)[:2]
    for account in (one, other):
        accounts.open(account)
        accounts.snapshot(account)
    exchange.fault("418", where="order.place", count=1, value="60")
    accounts.send(one, 1, Side.SELL)
    assert accounts.wait_for(one, ClientTrouble).kind == "ban"
    with pytest.raises(UnreachableError, match="has banned this address"):
        accounts.live.open("third", credentials(("c" * 64, SECRET)))
    accounts.send(other, 1, Side.SELL)
    assert accounts.wait_for(other, ClientTrouble).kind == "ban"


def test_an_exchange_that_is_away_costs_all_accounts_few_attempts(
    exchange: LocalExchange, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that enough are left for all of them once it is back: here each has one, and all together one more each."""
    monkeypatch.setattr(accounts.live.address, "door", Door(AttemptLimit(3 * COUNT, 300.0)))
    for account in accounts.keys:
        accounts.open(account)
        accounts.snapshot(account)
    exchange.kill()
    for account in accounts.keys:
        accounts.wait_for(account, Reconnecting)
    exchange.start()
    for account in accounts.keys:
        accounts.wait_for(account, Reconnected)
        accounts.trade(account, 6)


@pytest.mark.parametrize("what", ["userDataStream.subscribe.signature", "GET /api/v3/openOrders"])
def test_an_exchange_that_lets_in_and_does_nothing_for_anybody_costs_few_attempts_too(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {f"account-{number}": (f"k{number}" * 32, SECRET) for number in range(5)}
    with ScriptedBinance() as server, Accounts(settings(server.host), keys) as accounts:
        door = Door(AttemptLimit(3 * len(keys), 300.0))
        monkeypatch.setattr(accounts.live.address, "door", door)
        for account in keys:
            accounts.open(account)
            accounts.snapshot(account)
        for _ in keys:
            server.opened.get(timeout=WAIT_S)
        answers = server.ws if what in server.ws else server.rest
        with monkeypatch.context() as outage:
            away: Any = refused(-1001, "Internal error", 503) if what in server.ws else (503, {})
            outage.setitem(answers, what, lambda _: away)
            for place in range(len(keys)):
                server.drop(place)
            for _ in range(ATTEMPTS):
                server.opened.get(timeout=WAIT_S)
            assert door._pause_s == FIRST_S * 2**ATTEMPTS  # they were as far apart as those of one alone
        for account in keys:
            accounts.wait_for(account, Reconnected)  # the first
            accounts.wait_for(account, Reconnected)


def test_a_renewal_that_comes_about_in_the_end_keeps_nobody_waiting() -> None:
    subscribe = "userDataStream.subscribe.signature"
    with ScriptedBinance() as server, Accounts(settings(server.host), {"one": ("k" * 64, SECRET)}) as accounts:
        accounts.open("one")
        accounts.snapshot("one")
        server.next_asked(subscribe)
        subscribed, refusals = server.ws[subscribe], iter([refused(-1, "not now")])
        server.ws[subscribe] = lambda parameters: next(refusals, None) or subscribed(parameters)
        server.push({"e": "serverShutdown", "E": 1})
        for _ in range(2):
            server.next_asked(subscribe)
        server.push(trade(1), socket=-1)
        accounts.wait_for("one", OrderFilled)
        door, now_s = accounts.live.address.door, WallClock().monotonic_s()
        assert [door.wait_s(now_s) for _ in range(3)] == [0.0] * 3


def test_an_opening_waits_for_its_turn_while_others_trade() -> None:
    keys = {name: (name * 32, SECRET) for name in ("aa", "bb")}
    with ScriptedBinance() as server, Accounts(settings(server.host), keys) as accounts:
        accounts.open("aa")
        accounts.snapshot("aa")
        weight, now_ms = accounts.live.address.weight, accounts.live.address.time.now_ms
        weight.relimit((Limit(Kind.WEIGHT, 10**15, 300),))  # a window that does not end
        while weight.take("cc", 50, Priority.QUESTION, now_ms()):
            pass
        looks: list[int] = []

        def shall_end() -> bool:
            looks.append(_count(server, "GET /api/v3/account"))
            return len(looks) > 1

        with pytest.raises(TransientError, match="no turn had come"):
            accounts.live.open("bb", credentials(keys["bb"]), shall_end)
        assert len(set(looks)) == 1  # it has asked nothing
        accounts.send("aa", 7, Side.SELL)
        server.next_asked("order.place")


def test_what_is_the_same_for_all_is_asked_once() -> None:
    with ScriptedBinance() as server:
        keys = {f"account-{number}": (f"k{number}" * 32, SECRET) for number in range(5)}
        with Accounts(settings(server.host), keys) as accounts:
            for account in keys:
                accounts.open(account)
                accounts.snapshot(account)
                pace = accounts.wait_for(account, ReconcilePace).period_s
            assert pace == 5 * 100 / 40  # five accounts and 100 of weight, 40 a second for upkeep
        asked = [what for what, _ in server.asked.queue]
        assert asked.count("GET /api/v3/time") == 1
        assert asked.count("GET /api/v3/exchangeInfo") == 1
        assert asked.count("GET /api/v3/openOrders") in range(5, 11)


def test_a_key_that_is_refused_for_one_request_only_takes_no_account_down() -> None:
    with ScriptedBinance() as server, Accounts(settings(server.host), {"one": ("k" * 64, SECRET)}) as accounts:
        server.ws["order.place"] = lambda _: refused(-2015, "Invalid API-key, IP, or permissions for action.")
        accounts.open("one")
        accounts.snapshot("one")
        accounts.send("one", 1, Side.SELL)
        assert accounts.wait_for("one", ClientTrouble).kind == "credentials"
        accounts.snapshot("one")
        for _ in range(3):  # at the check, for the snapshot, and to see whether the key is refused altogether
            server.next_asked("GET /api/v3/account")
        accounts.snapshot("one")
        assert accounts.desk.messages.empty()


def _count(server: ScriptedBinance, what: str) -> int:
    return [name for name, _ in list(server.asked.queue)].count(what)


def threads() -> int:
    return sum(thread.name.startswith("binance ") for thread in threading.enumerate())


def credentials(keys: tuple[str, str]) -> Credentials:
    return Credentials(api_key=SecretStr(keys[0]), api_secret=SecretStr(keys[1]))


def test_a_killed_client_that_goes_on_after_its_account_was_closed_leaves_no_gateway(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = next(iter(accounts.keys))
    opened = accounts.live.open(account, credentials(accounts.keys[account]))
    made: list[Gateway] = []

    def make_slowly(*arguments: Any, **options: Any) -> Gateway:
        made.append(open_gateway(*arguments, **options))
        accounts.live.close(account)  # in the middle of the start of a client that nobody waits for any more
        return made[0]

    monkeypatch.setattr(live_accounts, "open_gateway", make_slowly)
    with pytest.raises(RuntimeError, match="was closed"):
        opened.make_client().init()
    told: list[object] = []
    made[0].start(told.append, told.append, told.append)
    assert made[0].end(WAIT_S)
    assert told == []
