"""What control does in PostgreSQL only, what the daemon says of itself, and what `status` and `orders` show."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import psycopg
import pytest
from sqlalchemy import Engine

from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import Cycle, CycleOutcome, CycleRecorded, CycleResult, OrderRecorded
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.presence import PostgresPresence, Presence
from naive_daemon.storage.postgres.report import Report
from naive_daemon.storage.postgres.safeguards import OperatorSafeguards
from naive_daemon.storage.postgres.settings import OperatorSettings
from naive_daemon.trading.desired_state import ActualState, DesiredStateStore

NOW_NS = 1_790_000_000_123_456_789


@pytest.fixture
def url(migrated_url: str) -> str:
    return migrated_url


@pytest.fixture
def store(url: str) -> Iterator[DesiredStateStore]:
    made = PostgresDesiredState(url)
    yield made
    made.close()
    made.close()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def settings(engine: Engine) -> OperatorSettings:
    return OperatorSettings(engine)


def test_no_parameters_that_somebody_wrote_keep_the_rows_from_being_read(store: DesiredStateStore, url: str) -> None:
    deep = "[" * 2_000 + "]" * 2_000
    with psycopg.connect(url, autocommit=True) as server:
        add = "INSERT INTO settings (symbol, status, parameters) VALUES (%s, 'on', %s)"
        server.execute(add, ("DEEP", f'{{"fast": {deep}}}'))
        server.execute(add, ("ODD", '{"fast": null, "slow": 9.50, "wide": {"a": true}}'))
        server.execute(add, ("PLAIN", '{"fast": "9"}'))
    found = {row.symbol: dict(row.trade.parameters) for row in store.load_settings()}
    assert found == {
        "DEEP": {"fast": deep},
        "ODD": {"fast": "null", "slow": "9.50", "wide": '{"a": true}'},
        "PLAIN": {"fast": "9"},
    }


def test_a_lost_connection_is_transient_and_comes_back(
    url: str, store: DesiredStateStore, settings: OperatorSettings
) -> None:
    settings.set_status("main", ["A"], TradingStatus.ON, create=True)
    assert len(store.load_settings()) == 1
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'naive-daemon'"
        )
    with pytest.raises(TransientError):
        store.load_settings()
    assert len(store.load_settings()) == 1


def test_status_shows_what_is_wanted_what_is_so_and_what_it_brought(
    url: str, store: DesiredStateStore, settings: OperatorSettings, engine: Engine
) -> None:
    settings.seed("main", ["A", "OFF", "Z"])
    settings.set_status("main", ["A"], TradingStatus.ON)
    broken = ActualState(
        account="main",
        symbol="A",
        state="quarantined",
        traders=2,
        restarts=5,
        last_error="it's \0 \udc80 'broken'",
        retry_at_ns=NOW_NS,
        held="max_open_orders is 10 \0",
    )
    store.record_actual([msgspec.structs.replace(broken, state="on"), broken])
    store.record_actual([ActualState(account="main", symbol="GONE", state="on")])
    store.record_actual([])
    journal = PostgresJournal(url)
    journal.write([CycleRecorded(finished_cycle())])
    journal.close()
    shown, gone = Report(engine).status("main")
    assert (shown.desired, shown.actual, shown.traders, shown.restarts) == (TradingStatus.ON, "quarantined", 2, 5)
    assert shown.last_error == "it's \ufffd ? 'broken'"
    assert (shown.held, gone.held) == ("max_open_orders is 10 \ufffd", None)
    assert shown.retry_at_ns == NOW_NS - NOW_NS % 1000
    assert (shown.completed_cycles, shown.realised_pnl) == (1, Decimal("0.25"))
    assert (gone.symbol, gone.desired, gone.actual) == ("GONE", None, "on")
    assert [row.symbol for row in Report(engine).status(symbols=["z"])] == ["Z"]
    assert [row.symbol for row in Report(engine).status(everything=True)] == ["A", "GONE", "OFF", "Z"]
    assert [row.symbol for row in Report(engine).status()] == ["A", "GONE"]
    store.record_actual([ActualState(account="main", symbol="OFF", state="off", held="promise broken: sent once")])
    assert [row.symbol for row in Report(engine).status()] == ["A", "GONE", "OFF"]


def test_a_daemon_that_has_gone_holds_nothing(url: str, engine: Engine) -> None:
    store = PostgresDesiredState(url)
    store.record_actual(
        [
            ActualState(account="main", symbol="A", state="on", held="kill switch"),
            ActualState(account="main", symbol="B", state="off", held="kill switch"),
            ActualState(account="two", symbol="A", state="on", held="kill switch"),
        ]
    )
    store.confirm_kill_switch("main", 4)
    store.confirm_kill_switch("two", 4)
    store.forget_actual()
    store.close()
    shown = [(row.account, row.symbol, row.actual, row.held) for row in Report(engine).status(everything=True)]
    assert shown == [("main", "A", "off", None), ("main", "B", "off", None), ("two", "A", "on", "kill switch")]
    assert OperatorSafeguards(engine).seen() == {"two": 4}


def test_orphans_are_live_orders_without_an_open_cycle(url: str, engine: Engine) -> None:
    def one(number: int, key: CycleKey, status: OrderStatus = OrderStatus.OPEN) -> OrderRecorded:
        return OrderRecorded(
            Order(
                client_order_id=f"nd-{number}",
                key=key,
                leg=Leg(Side.BUY),
                price=Decimal(1),
                quantity=Decimal(1),
                created_ns=NOW_NS + number,
                status=status,
            )
        )

    ended = finished_cycle()
    opened = msgspec.structs.replace(ended, key=msgspec.structs.replace(ended.key, cycle=2), result=None)
    journal = PostgresJournal(url)
    journal.write([CycleRecorded(ended), CycleRecorded(opened)])
    journal.write(
        [
            one(1, ended.key),
            one(2, opened.key),
            one(3, msgspec.structs.replace(opened.key, trader=2), OrderStatus.UNKNOWN),
            one(4, msgspec.structs.replace(opened.key, account="two")),
            one(5, msgspec.structs.replace(opened.key, cycle=9), OrderStatus.CANCELLED),
        ]
    )
    journal.close()
    report = Report(engine)
    assert [line.client_order_id for line in report.orders(orphans_only=True)] == ["nd-4", "nd-3", "nd-1"]
    assert [line.client_order_id for line in report.orders(["main"], orphans_only=True, live_only=False)] == [
        "nd-3",
        "nd-1",
    ]
    assert [line.client_order_id for line in report.orders(["main"], ["b"], orphans_only=True)] == []


def finished_cycle() -> Cycle:
    done = CycleResult(
        outcome=CycleOutcome.COMPLETED,
        finished_ns=NOW_NS,
        bought=Decimal(1),
        sold=Decimal(1),
        buy_price=Decimal(1),
        sell_price=Decimal("1.25"),
        fees={},
        realised_pnl=Decimal("0.25"),
        dust_base=Decimal(0),
    )
    return Cycle(
        key=CycleKey("main", "A", 1, 1),
        budget=Decimal(1),
        fee=Decimal(0),
        settings=TradeSettings(),
        started_ns=NOW_NS,
        result=done,
    )


def test_orders_are_listed_newest_first(url: str, engine: Engine) -> None:
    states = [OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.IN_FLIGHT]
    orders = [
        Order(
            client_order_id=f"nd-{number}",
            key=CycleKey("main", "A", 1, number),
            leg=Leg(Side.BUY),
            price=Decimal("1.50"),
            quantity=Decimal(2),
            created_ns=NOW_NS + number,
            status=state,
            filled=Decimal(2) if state is OrderStatus.FILLED else Decimal(0),
            filled_quote=Decimal(3) if state is OrderStatus.FILLED else Decimal(0),
        )
        for number, state in enumerate(states)
    ]
    journal = PostgresJournal(url)
    journal.write([OrderRecorded(order) for order in orders])
    journal.close()
    report = Report(engine)
    assert [line.client_order_id for line in report.orders(["main"])] == ["nd-2", "nd-0"]
    everything = report.orders(symbols=["a"], live_only=False)
    assert [(line.status, line.average_price) for line in everything] == [
        (OrderStatus.IN_FLIGHT, None),
        (OrderStatus.FILLED, Decimal("1.5")),
        (OrderStatus.OPEN, None),
    ]
    assert everything[0].created_ns == NOW_NS + 2
    assert len(report.orders(live_only=False, limit=1)) == 1
    assert report.orders(["other"]) == ()


def test_a_daemon_announces_itself_and_beats(url: str) -> None:
    presence = PostgresPresence(url)
    here = Presence(
        owner="abc234",
        host="box",
        pid=42,
        started_ns=NOW_NS - NOW_NS % 1000,
        version="0.1.0",
        feed="generated",
        exchange="paper",
        state="starting",
    )
    presence.beat("abc234", "running")
    assert presence.all() == ()
    presence.announce(msgspec.structs.replace(here, pid=41))
    presence.announce(here)
    presence.beat("abc234", "running")
    (found,) = presence.all()
    assert msgspec.structs.replace(found, silent_ms=0) == msgspec.structs.replace(here, state="running")
    assert found.silent_ms >= 0
    presence.close()
