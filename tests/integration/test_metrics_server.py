"""Metrics by HTTP: from a system, from a whole daemon, and an address that can not be had."""

import errno
import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import TCPServer
from typing import Any, NoReturn

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from naive_daemon.clock import WallClock
from naive_daemon.config import Endpoint, load_config
from naive_daemon.daemon import Daemon
from naive_daemon.domain.errors import ConfigError, TransientError
from naive_daemon.metrics import server as server_module
from naive_daemon.metrics.collector import DaemonCollector
from naive_daemon.metrics.server import MetricsServer
from naive_daemon.otp import Actor, ActorSystem
from naive_daemon.world import World

PATIENCE_S = 30.0
ANY_PORT = Endpoint("127.0.0.1", 0)


class Idle(Actor):
    """Does nothing."""


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem.live(WallClock(), threads=1)
    top = system.start(Idle())
    yield system
    system.terminate(top, PATIENCE_S)
    system.stop()


@pytest.fixture
def server(system: ActorSystem) -> Iterator[MetricsServer]:
    server = MetricsServer(ANY_PORT)
    server.start(system)
    yield server
    server.close()


def get(endpoint: Endpoint, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def figures(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {
        ",".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_it_serves_what_the_system_and_the_process_are(server: MetricsServer) -> None:
    status, text = get(server.endpoint)
    assert status == 200
    shown = figures(text)
    assert (shown["naive_actors,running"], shown["naive_pool_threads"]) == (1, 1)
    assert shown["process_resident_memory_bytes"] > 10_000_000
    assert shown["process_cpu_seconds_total"] > 0
    assert "naive_symbols,on" not in shown  # there are no switches here


def test_other_paths_and_methods_are_refused(server: MetricsServer) -> None:
    assert get(server.endpoint, "/")[0] == 200
    assert get(server.endpoint, "/nothing")[0] == 404
    assert get(server.endpoint, method="POST")[0] == 501


def test_a_reader_who_says_nothing_does_not_keep_others_out_for_ever(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module._Handler, "timeout", 0.05)
    with socket.create_connection(server.endpoint):
        assert get(server.endpoint)[0] == 200


def test_one_who_leaves_in_the_middle_costs_nothing(server: MetricsServer, logs: list[Any]) -> None:
    for _ in range(3):
        with socket.create_connection(server.endpoint) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n")
    assert get(server.endpoint)[0] == 200
    assert not [entry for entry in logs if entry["log_level"] == "error"]


def test_a_failure_costs_one_answer_and_is_told(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(DaemonCollector, "collect", fail)
        with pytest.raises(http.client.RemoteDisconnected):
            get(server.endpoint)
    (told,) = [entry for entry in logs if entry["event"] == "metrics failed"]
    assert isinstance(told["exc_info"], ZeroDivisionError)
    assert get(server.endpoint)[0] == 200


def no_file(_: TCPServer) -> NoReturn:
    raise OSError(errno.EMFILE, "Too many open files")


def test_where_no_file_can_be_opened_it_rests_between_its_tries_and_the_reader_is_served_later(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    failures, accept = iter([no_file, no_file]), TCPServer.get_request

    def take(server: TCPServer) -> Any:
        return next(failures, accept)(server)

    monkeypatch.setattr(TCPServer, "get_request", take)
    monkeypatch.setattr(server_module, "_ACCEPT_PAUSE_S", 0.05)
    began_s = time.monotonic()
    assert get(server.endpoint)[0] == 200
    assert time.monotonic() - began_s >= 2 * 0.05
    told = [entry["reason"] for entry in logs if entry["event"] == "metrics can take no connection"]
    assert told == ["Too many open files"] * 2


def test_it_ends_also_while_it_rests(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    has_tried = threading.Event()

    def fail(server: TCPServer) -> NoReturn:
        has_tried.set()
        no_file(server)

    monkeypatch.setattr(TCPServer, "get_request", fail)
    monkeypatch.setattr(server_module, "_ACCEPT_PAUSE_S", 10 * PATIENCE_S)
    with socket.create_connection(server.endpoint):
        assert has_tried.wait(PATIENCE_S)
        server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "metrics"]


def test_it_ends_with_its_owner_and_gives_the_address_back(system: ActorSystem) -> None:
    first = MetricsServer(ANY_PORT)
    first.start(system)
    endpoint = first.endpoint
    for _ in range(2):
        first.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "metrics"]
    again = MetricsServer(endpoint)
    with pytest.raises(ConnectionRefusedError):
        get(endpoint)  # nobody is let in before there is something to see
    again.close()


def test_an_address_that_another_has_may_be_had_later(server: MetricsServer) -> None:
    taken = re.escape(str(server.endpoint))
    with pytest.raises(TransientError, match=f"metrics can not be served at {taken}: ") as caught:
        MetricsServer(server.endpoint)
    assert caught.value.exit_code == 1
    assert "metrics.listen" in str(caught.value.hint)


@pytest.mark.parametrize("endpoint", [Endpoint("1:2", 0), Endpoint("192.0.2.1", 9108)])
def test_an_address_that_can_not_be_had_is_a_mistake_in_the_configuration(endpoint: Endpoint) -> None:
    with pytest.raises(ConfigError, match=f"metrics can not be served at {re.escape(str(endpoint))}: ") as caught:
        MetricsServer(endpoint)
    assert caught.value.exit_code == 78
    assert "metrics.listen" in str(caught.value.hint)


def config(home: Path, monkeypatch: pytest.MonkeyPatch, listen: Endpoint) -> Any:
    for key in ("NAIVE_DATABASE_URL", "NAIVE_REDIS_URL", "NAIVE_CONFIG"):
        monkeypatch.delenv(key, raising=False)
    return load_config(None, {"home": home, "metrics.listen": str(listen), "market.speed": "20"})


def test_a_daemon_whose_port_is_taken_opens_nothing(
    tmp_path: Path, server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[World] = []
    daemon = Daemon(World(config(tmp_path, monkeypatch, server.endpoint), WallClock()), on_start=opened.append)
    with pytest.raises(TransientError, match="Address already in use"):
        daemon.run()
    assert opened == []
    assert not (tmp_path / "postgres").exists()


def test_a_whole_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: list[Any]) -> None:
    world = World(config(tmp_path, monkeypatch, ANY_PORT), WallClock())
    seen: list[dict[str, float]] = []

    def look(_: ActorSystem) -> None:
        """Read at each tick of the daemon, until its symbol trades."""
        (told,) = [entry for entry in logs.copy() if entry["event"] == "metrics served"]
        host, _, port = told["url"].removeprefix("http://").removesuffix("/metrics").rpartition(":")
        seen.append(figures(get(Endpoint(host, int(port)))[1]))
        if seen[-1].get("naive_traders") and len(seen) > 1:
            daemon.stop("the test is over")

    on_start: Callable[[World], None] = lambda world: world.seed(["BTCUSDT"])  # noqa: E731 - one line says it
    daemon = Daemon(world, on_start=on_start, on_tick=look)
    daemon.run()
    first, last = seen[0], seen[-1]
    assert last["naive_symbols,on"] == 1
    assert last["naive_actors,running"] >= 15
    assert last["naive_pool_threads"] >= 1
    assert last["naive_pool_threads_stuck"] == last["naive_pool_threads_replaced_total"] == 0
    assert last["naive_threads_lost"] == 0
    assert last["naive_messages_handled_total"] > first["naive_messages_handled_total"]
    assert last["naive_messages_dropped_total"] == 0
    assert last["naive_scrape_seconds"] > 0
    assert not [thread for thread in threading.enumerate() if thread.name == "metrics"]
