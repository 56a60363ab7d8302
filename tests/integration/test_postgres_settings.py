"""The settings: what the database refuses, whoever writes; what commands ask."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, event

from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.settings import (
    SETTING_RULES,
    InvalidSettingError,
    RestingOrders,
    SymbolSettings,
    TradeSettings,
    TradingStatus,
)
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.models import StreamingStatus
from naive_daemon.storage.postgres.settings import OperatorSettings, StatusChange, UnknownSymbolError
from naive_daemon.storage.postgres.streaming import StreamingSettings

ODD = 'X"; DROP TABLE SETTINGS; -- %S {} \\ 币'
SYMBOLS = [f"S{number}USDT" for number in range(1000)]


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    made = make_engine(migrated_url)
    yield made
    made.dispose()


@pytest.fixture
def settings(engine: Engine) -> OperatorSettings:
    return OperatorSettings(engine)


@pytest.fixture
def server(migrated_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def insert(server: psycopg.Connection, **values: object) -> None:
    named = {"symbol": "BTCUSDT", **values}
    statement = sql.SQL("INSERT INTO settings ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, named)), sql.SQL(", ").join(map(sql.Literal, named.values()))
    )
    server.execute(statement)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("symbol", "btcusdt"),
        ("symbol", ""),
        ("symbol", " "),
        ("symbol", "BTCUSDT "),
        ("symbol", None),
        ("account", ""),
        ("status", "paused"),
        ("status", None),
        ("chunks", 0),
        ("chunks", -1),
        ("chunks", 10_001),
        ("budget", -1),
        ("budget", 0),
        ("budget", "NaN"),
        ("budget", "Infinity"),
        ("budget", "-Infinity"),
        ("budget", "1000000000000000.1"),
        ("budget", None),
        *[
            (column, value)
            for column in ("buy_down_interval", "profit_interval", "rebuy_interval")
            for value in ("1", "0.991", "-0.0001", "NaN", "Infinity", None)
        ],
        ("strategy", ""),
        ("stop_orders", "forget"),
        ("shutdown_entries", ""),
    ],
)
def test_the_database_refuses(server: psycopg.Connection, column: str, value: object) -> None:
    with pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
        insert(server, **{column: value})


EDGES = ["-1", "0", "0.0001", "0.5", "0.99", "0.990000000000000001", "1", "2", "10000", "10001", "1e15", "1e16"]


@pytest.mark.parametrize("key", ["chunks", "budget", "buy_down_interval", "profit_interval", "rebuy_interval"])
def test_the_database_and_the_rules_agree_on_every_edge(server: psycopg.Connection, key: str) -> None:
    for number, text in enumerate(EDGES):
        value = Decimal(text)
        if key == "chunks" and value != value.to_integral_value():
            continue
        try:
            insert(server, symbol=f"S{number}", **{key: value})
            stored = True
        except (psycopg.IntegrityError, psycopg.errors.NumericValueOutOfRange):
            stored = False
        assert stored == SETTING_RULES[key].holds(value), f"{key}={text}"


def test_a_second_row_for_the_same_symbol_is_refused(server: psycopg.Connection) -> None:
    insert(server)
    insert(server, account="other")
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(server)


def test_seed_leaves_rows_that_exist_alone(settings: OperatorSettings, engine: Engine) -> None:
    assert settings.seed("main", ["BTCUSDT", "ETHUSDT"]) == 2
    settings.set_values("main", ["BTCUSDT"], {"budget": "5"})
    assert settings.seed("main", ["btcusdt", "XRPUSDT", "XRPUSDT"], TradeSettings(chunks=7)) == 1
    found = {row.symbol: row for row in settings.rows("main")}
    assert found["BTCUSDT"].trade == TradeSettings(budget=Decimal(5))
    assert found["XRPUSDT"].trade == TradeSettings(chunks=7)
    assert {row.status for row in found.values()} == {TradingStatus.OFF}
    assert StreamingSettings(engine).rows() == dict.fromkeys(["BTCUSDT", "ETHUSDT", "XRPUSDT"], StreamingStatus.OFF)
    assert settings.seed("main", []) == 0


def test_a_thousand_symbols_are_one_statement(settings: OperatorSettings, statements: list[str]) -> None:
    settings.seed("main", SYMBOLS)
    statements.clear()
    before = settings.set_values("main", SYMBOLS, {"budget": "77.5", "chunks": "3", "stop_orders": "cancel"})
    assert len(statements) == 1
    assert [row.symbol for row in before] == SYMBOLS
    assert {row.trade for row in before} == {TradeSettings()}
    statements.clear()
    settings.set_status("main", SYMBOLS, TradingStatus.ON)
    assert len(statements) == 1
    assert {(row.trade.budget, row.trade.chunks, row.stop_orders, row.status) for row in settings.rows("main")} == {
        (Decimal("77.5"), 3, RestingOrders.CANCEL, TradingStatus.ON)
    }


def test_values_that_a_row_has_already_are_not_written_and_a_switch_always_is(
    settings: OperatorSettings, server: psycopg.Connection
) -> None:
    """The daemon takes a row that is written, and says nothing new, for the word of somebody who has looked."""
    settings.seed("main", ["A", "B"])
    settings.set_values("main", ["A"], {"budget": "5", **CROSS})

    def written(write: Callable[[], object]) -> set[str]:
        before = set(server.execute("SELECT symbol, xmin::text FROM settings").fetchall())
        write()
        return {symbol for symbol, _ in set(server.execute("SELECT symbol, xmin::text FROM settings")) - before}

    changes = {"budget": "5.0", **CROSS}
    assert written(lambda: settings.set_values("main", ["A", "B"], changes)) == {"B"}
    assert written(lambda: settings.set_values("main", ["A", "B"], changes)) == set()
    assert written(lambda: settings.set_values("main", ["A"], {"stop_orders": "keep"})) == set()
    assert written(lambda: settings.set_status("main", ["A"], TradingStatus.ON)) == {"A"}
    assert written(lambda: settings.set_status("main", ["A"], TradingStatus.ON)) == {"A"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("chunks", "0"),
        ("chunks", "many"),
        ("budget", "-1"),
        ("budget", "NaN"),
        ("profit_interval", "1"),
        ("colour", "red"),
        ("status", "on"),
        ("symbol", "X"),
        ("stop_orders", "forget"),
        ("id = 1; --", "1"),
    ],
)
def test_a_bad_value_is_refused_before_anything_changes(settings: OperatorSettings, key: str, text: str) -> None:
    settings.seed("main", ["BTCUSDT"])
    with pytest.raises(InvalidSettingError) as refused:
        settings.set_values("main", ["BTCUSDT"], {"budget": "1", key: text})
    assert refused.value.key == key
    assert settings.rows() == (SymbolSettings(account="main", symbol="BTCUSDT"),)


@pytest.mark.parametrize(("symbols", "changes"), [([], {"budget": "1"}), (["BTCUSDT"], {})])
def test_nothing_to_set_is_a_usage_error(
    settings: OperatorSettings, symbols: list[str], changes: dict[str, str]
) -> None:
    with pytest.raises(UsageError):
        settings.set_values("main", symbols, changes)


def test_an_unknown_symbol_changes_nothing_and_names_those_that_look_alike(settings: OperatorSettings) -> None:
    settings.seed("main", ["BTCUSDT", "BTCUSDC", "ETHBTC"])
    with pytest.raises(UnknownSymbolError) as refused:
        settings.set_status("main", ["ETHBTC", "BTCUSTD"], TradingStatus.ON)
    assert refused.value.symbols == ("BTCUSTD",)
    assert refused.value.nearest[:2] == ("BTCUSDT", "BTCUSDC")
    assert {row.status for row in settings.rows()} == {TradingStatus.OFF}
    assert settings.nearest("main", ["ethbtx"]) == ("ETHBTC",)
    assert settings.nearest("other", ["ETHBTC"]) == ()


def test_a_switch_says_what_stood_there_before(settings: OperatorSettings) -> None:
    settings.seed("main", ["BTCUSDT"])
    off, on, drain = TradingStatus.OFF, TradingStatus.ON, TradingStatus.SHUTDOWN
    assert settings.set_status("main", ["btcusdt"], on) == (StatusChange("BTCUSDT", off, on),)
    changes = settings.set_status("main", ["BTCUSDT", "NEW"], drain, create=True, shutdown_entries=RestingOrders.CANCEL)
    assert changes == (StatusChange("BTCUSDT", on, drain), StatusChange("NEW", None, off))
    assert {row.symbol: (row.status, row.shutdown_entries, row.stop_orders) for row in settings.rows()} == {
        "BTCUSDT": (drain, RestingOrders.CANCEL, RestingOrders.KEEP),
        "NEW": (off, RestingOrders.KEEP, RestingOrders.KEEP),
    }
    settings.set_status("main", ["BTCUSDT"], on)
    assert settings.rows("main", ["BTCUSDT"])[0].shutdown_entries is RestingOrders.CANCEL


def test_symbols_that_look_like_sql_are_only_names(settings: OperatorSettings, engine: Engine) -> None:
    settings.set_status("main", [ODD], TradingStatus.ON, create=True)
    settings.set_values("main", [ODD], {"strategy": "'; DROP TABLE orders; --"})
    assert settings.rows("main", [ODD])[0].trade.strategy == "'; DROP TABLE orders; --"
    StreamingSettings(engine).set_status([ODD], StreamingStatus.ON)
    assert StreamingSettings(engine).streamed() == (ODD,)


def test_rows_written_whole_come_back_whole(settings: OperatorSettings) -> None:
    exact = Decimal("0.00000000000000000000000123")
    row = SymbolSettings(
        account="main",
        symbol="BTCUSDT",
        status=TradingStatus.SHUTDOWN,
        trade=TradeSettings(chunks=9, budget=Decimal("0.1"), profit_interval=exact, strategy="mine"),
        stop_orders=RestingOrders.CANCEL,
    )
    settings.upsert([SymbolSettings(account="main", symbol="BTCUSDT"), row])
    settings.upsert([row, SymbolSettings(account="two", symbol="BTCUSDT")])
    assert settings.rows() == (row, SymbolSettings(account="two", symbol="BTCUSDT"))
    assert settings.rows("main", ["BTCUSDT", "NONE"]) == (row,)
    settings.upsert([])


CROSS = {"strategy": "ema_cross", "fast": "5", "slow": "0030", "stop_loss": "0.020"}


def test_parameters_are_kept_in_one_spelling_and_changed_for_each_symbol_with_its_own_strategy(
    settings: OperatorSettings, server: psycopg.Connection
) -> None:
    settings.seed("main", ["A", "B"], TradeSettings(parameters=()))
    settings.set_values("main", ["A", "B"], CROSS)
    settings.set_values("main", ["B"], {"slow": "40"})
    before = settings.set_values("main", ["A", "B"], {"fast": "6", "chunks": "1"})
    assert [dict(row.trade.parameters)["slow"] for row in before] == ["30", "40"]
    found = {row.symbol: row.trade for row in settings.rows()}
    assert found["A"].parameters == (("fast", "6"), ("slow", "30"), ("stop_loss", "0.02"))
    assert found["B"].parameters == (("fast", "6"), ("slow", "40"), ("stop_loss", "0.02"))
    assert {trade.chunks for trade in found.values()} == {1}
    assert server.execute("SELECT parameters->>'slow' FROM settings ORDER BY symbol").fetchall() == [("30",), ("40",)]
    settings.set_values("main", ["A"], {"strategy": "naive"})
    assert settings.rows("main", ["A"])[0].trade.parameters == ()


def test_a_parameter_that_one_of_the_symbols_refuses_changes_none(settings: OperatorSettings) -> None:
    settings.seed("main", ["A", "B"])
    settings.set_values("main", ["B"], CROSS)
    before = settings.rows()
    for changes, told in (({"fast": "7"}, "naive has no parameters"), ({"colour": "red"}, "colour is not a setting")):
        with pytest.raises(InvalidSettingError, match=told):
            settings.set_values("main", ["A", "B"], changes)
    with pytest.raises(InvalidSettingError, match="fast is less than slow"):
        settings.set_values("main", ["B"], {"fast": "30"})
    with pytest.raises(UnknownSymbolError):
        settings.set_values("main", ["B", "C"], {"fast": "7"})
    assert settings.rows() == before


def test_rows_with_parameters_are_seeded_and_written_whole(settings: OperatorSettings) -> None:
    trade = TradeSettings(strategy="mine", parameters=(("a", "1"), ("b", "it's {} %s")))
    settings.seed("main", ["A"], trade)
    row = SymbolSettings(account="main", symbol="B", trade=trade)
    settings.upsert([row])
    assert {row.trade for row in settings.rows()} == {trade}


def test_what_another_hand_wrote_into_the_parameters_is_read_as_text(
    settings: OperatorSettings, server: psycopg.Connection
) -> None:
    settings.seed("main", ["A"])
    with pytest.raises(psycopg.IntegrityError):
        server.execute("UPDATE settings SET parameters = '[1]'")
    server.execute('UPDATE settings SET parameters = \'{"b": 9, "a": null, "c": [1, "x"]}\'')
    assert settings.rows()[0].trade.parameters == (("a", "null"), ("b", "9"), ("c", '[1, "x"]'))


def test_no_depth_of_parameters_keeps_a_row_from_being_read_switched_or_mended(
    settings: OperatorSettings, server: psycopg.Connection
) -> None:
    deep = "[" * 2_000 + "]" * 2_000
    settings.seed("main", ["DEEP", "PLAIN"])
    server.execute("UPDATE settings SET parameters = %s WHERE symbol = 'DEEP'", (f'{{"fast": {deep}}}',))
    assert [row.trade.parameters for row in settings.rows("main")] == [(("fast", deep),), ()]
    (change,) = settings.set_status("main", ["DEEP"], TradingStatus.ON)
    assert change.after is TradingStatus.ON
    with pytest.raises(InvalidSettingError) as refused:
        settings.set_values("main", ["DEEP"], {"slow": "3"})
    assert len(str(refused.value)) < 300
    settings.set_values("main", ["DEEP", "PLAIN"], {"strategy": "ema_cross", "fast": "3"})
    assert [dict(row.trade.parameters)["fast"] for row in settings.rows("main")] == ["3", "3"]


def test_streaming_switches_say_what_stood_there_before(engine: Engine) -> None:
    streaming = StreamingSettings(engine)
    assert streaming.set_status(["btcusdt"], StreamingStatus.ON) == {"BTCUSDT": StreamingStatus.OFF}
    assert streaming.set_status(["BTCUSDT"], StreamingStatus.OFF) == {"BTCUSDT": StreamingStatus.ON}
    assert streaming.streamed() == ()


def test_what_nobody_ever_switched_is_told_from_what_was_stopped(
    settings: OperatorSettings, server: psycopg.Connection
) -> None:
    settings.seed("main", ["SEEDED", "STOPPED", "TRADED", "ON"])
    settings.set_status("main", ["ON"], TradingStatus.ON)
    server.execute("INSERT INTO actual_states (account, symbol, state) VALUES ('main', 'STOPPED', 'off')")
    server.execute(
        "INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns) "
        "VALUES ('main', 'TRADED', 1, 1, 1, 0, '{}', 1)"
    )
    given = ["seeded", "STOPPED", "TRADED", "ON", "NEW"]
    assert settings.never_switched("main", given) == {"SEEDED", "NEW"}
    assert settings.never_switched("other", ["STOPPED"]) == {"STOPPED"}
    assert settings.never_switched("main", []) == frozenset()


def test_what_was_stopped_while_no_daemon_ran_was_switched(settings: OperatorSettings) -> None:
    settings.seed("main", ["STARTED", "SEEDED", "SET"])
    settings.set_status("main", ["STARTED"], TradingStatus.ON)
    settings.set_status("main", ["STARTED"], TradingStatus.OFF)
    settings.set_values("main", ["SET"], {"budget": "500"})
    assert settings.never_switched("main", ["STARTED", "SEEDED", "SET"]) == {"SEEDED", "SET"}


def test_rows_are_written_without_a_search_path_as_by_a_restore_of_them_alone(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        connection.execute("SELECT set_config('search_path', '', false)")
        table = sql.Identifier(schema, "settings")
        connection.execute(sql.SQL("INSERT INTO {} (symbol, status) VALUES ('A', 'on')").format(table))
        switched = sql.SQL("UPDATE {} SET status = 'off' RETURNING revision").format(table)
        assert connection.execute(switched).fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("table", "add"),
    [
        (
            "settings",
            lambda engine: OperatorSettings(engine).set_status("main", ["B", "A"], TradingStatus.ON, create=True),
        ),
        ("settings", lambda engine: OperatorSettings(engine).seed("main", ["B", "A"])),
        ("streaming_settings", lambda engine: OperatorSettings(engine).seed("other", ["B", "A"])),
        ("streaming_settings", lambda engine: StreamingSettings(engine).set_status(["B", "A"], StreamingStatus.ON)),
    ],
)
def test_two_who_add_the_same_symbols_in_another_order_do_not_wait_for_each_other(
    engine: Engine,
    server: psycopg.Connection,
    migrated_url: str,
    table: str,
    add: Callable[[Engine], object],
) -> None:
    done: list[object] = []
    statement = sql.SQL("INSERT INTO {} (symbol) VALUES (%s)").format(sql.Identifier(table))
    with psycopg.connect(migrated_url) as other:
        other.execute("SET deadlock_timeout = '1h'")  # so that it is ours that would look for deadlocks
        other.execute(statement, ("A",))
        thread = threading.Thread(target=lambda: done.append(add(engine)), daemon=True)
        thread.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while server.execute(waiting).fetchone() is None:
            assert thread.is_alive()
        other.execute(statement, ("B",))
    thread.join(60)
    assert len(done) == 1
