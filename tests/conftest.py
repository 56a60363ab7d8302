"""What tests of several folders share: one real PostgreSQL and one real Redis a session, started when asked for.

Tests on several cores have a session for each worker, so that no server is shared by two tests that run at once.
"""

import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from psycopg import sql

from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis
from naive_daemon.storage.postgres import migrate

TEMPLATE = "with_schema"

# No test is timed: on a busy machine an example of 2 ms may take a second.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Have no test hear less of the log because a command ran in the process of another one, and set its level."""
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    if before is None:
        structlog.reset_defaults()
    else:
        structlog.configure(**before)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Give what shows a line at once, also of a test that passes: a seed, a figure.

    It goes to standard error, since nobody sees the standard output of a worker.
    """

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stderr.write(f"\n{line}\n")

    return show


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Home of the session's servers, removed at the end, since pytest would keep that of several sessions."""
    home = tmp_path_factory.mktemp("embedded")
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres_url(embedded_home: Path) -> Iterator[str]:
    """URL of the session's PostgreSQL; its database `naive` is shared by all tests, so take `database_url` to write."""
    server = EmbeddedPostgres(embedded_home)
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def redis_url(embedded_home: Path) -> Iterator[str]:
    """URL of the session's Redis, shared by all tests: a test uses keys of its own, or empties it before."""
    server = EmbeddedRedis(embedded_home)
    yield server.start()
    server.stop()


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """URL of an empty database for one test, dropped after it, whoever is still connected."""
    with made_database(postgres_url, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """Name of a database with the schema, which is copied and never used: migrating takes longer than a copy."""
    execute(postgres_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate.upgrade(named(postgres_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def migrated_url(postgres_url: str, template: str) -> Iterator[str]:
    """URL of a database for one test that has the schema and nothing in it, dropped after it as the empty one is."""
    with made_database(postgres_url, template) as url:
        yield url


@contextmanager
def made_database(postgres_url: str, template: str) -> Iterator[str]:
    """Make a copy of the template for one test."""
    name = f"test_{uuid.uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    execute(postgres_url, create.format(sql.Identifier(name), sql.Identifier(template)))
    yield named(postgres_url, name)
    execute(postgres_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def named(postgres_url: str, database: str) -> str:
    return postgres_url.replace("@/naive?", f"@/{database}?")


def execute(postgres_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(statement)
