"""What tests of several folders share: one real PostgreSQL and one real Redis a session, started when asked for."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis


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
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_url.replace("@/naive?", f"@/{name}?")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
