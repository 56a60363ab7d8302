"""What is said at start of an account that can not be traded, and of an exchange that is not there."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from naive_daemon.clock import NS_PER_S, WallClock
from naive_daemon.config import load_config
from naive_daemon.config.credentials import Credentials
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import ConfigError, UnreachableError
from naive_daemon.exchange.binance.permission import check_account
from naive_daemon.execution.client import OrderNotSent, Reconnecting, SendOrder
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.venues import BinanceVenue
from tests.integration.binance_desk import SECRET, Desk, order, settings
from tests.integration.scripted_binance import ScriptedBinance

pytestmark = pytest.mark.usefixtures("quiet")

KEY = "k3y-of-an-account-that-was-added"
ACCOUNT = {"canTrade": True, "updateTime": 1, "balances": [], "commissionRates": {"maker": "0.00075", "taker": "0.001"}}
RESTRICTIONS = {"enableWithdrawals": False, "enableSpotAndMarginTrading": True, "ipRestrict": True}


@pytest.fixture
def server() -> Iterator[ScriptedBinance]:
    with ScriptedBinance() as server:
        server.rest["GET /api/v3/account"] = lambda _: (200, ACCOUNT)
        server.rest["GET /sapi/v1/account/apiRestrictions"] = lambda _: (200, RESTRICTIONS)
        yield server


def test_a_good_key_gives_its_fees_and_no_warning(server: ScriptedBinance) -> None:
    check = check_account(settings(server.host), WallClock())
    assert (check.maker_fee, check.taker_fee, check.warnings) == (Decimal("0.00075"), Decimal("0.001"), ())
    assert check.clock_ahead_ms == 0


def test_a_network_that_does_not_say_what_a_key_may_do_gives_no_warning(server: ScriptedBinance) -> None:
    del server.rest["GET /sapi/v1/account/apiRestrictions"]
    server.rest["GET /api/v3/account"] = lambda _: (200, {"canTrade": True})
    check = check_account(settings(server.host), WallClock())
    assert (check.maker_fee, check.warnings) == (None, ())


def test_a_key_that_may_withdraw_is_warned_of(server: ScriptedBinance) -> None:
    server.rest["GET /sapi/v1/account/apiRestrictions"] = lambda _: (
        200,
        {**RESTRICTIONS, "enableWithdrawals": True, "ipRestrict": False},
    )
    warnings = check_account(settings(server.host), WallClock()).warnings
    assert any("may withdraw" in warning for warning in warnings)
    assert any("any address" in warning for warning in warnings)


class HourBehind(WallClock):
    def now_ns(self) -> int:
        return super().now_ns() - 3_600 * NS_PER_S


def test_a_clock_that_is_off_by_an_hour_is_warned_of_and_signs_right(server: ScriptedBinance) -> None:
    check = check_account(settings(server.host), HourBehind())
    assert check.clock_ahead_ms < -3_590_000
    assert any("behind Binance's" in warning for warning in check.warnings)
    signed = server.next_asked("GET /api/v3/account")
    assert abs(int(signed["timestamp"]) - WallClock().now_ns() // 1_000_000) < 60_000


@pytest.mark.parametrize(
    ("what", "answer", "named"),
    [
        ("account", (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}), "API key"),
        ("account", (400, {"code": -1022, "msg": "Signature for this request is not valid."}), "API key"),
        ("account", (400, {"code": -2014, "msg": "API-key format invalid."}), "API key"),
        ("account", (200, {"canTrade": False}), "may not trade"),
        ("restrictions", (200, {**RESTRICTIONS, "enableSpotAndMarginTrading": False}), "may not trade"),
    ],
)
def test_what_the_operator_must_mend_is_named(server: ScriptedBinance, what: str, answer: Any, named: str) -> None:
    path = "/api/v3/account" if what == "account" else "/sapi/v1/account/apiRestrictions"
    server.rest[f"GET {path}"] = lambda _: answer
    with pytest.raises(ConfigError, match=named) as raised:
        check_account(settings(server.host), WallClock())
    assert raised.value.hint
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        (None, "exchange.binance.api_key"),
        ("env:SECOND", "credentials env:SECOND"),
        ("credential:second", "systemd credential second"),
        ("file:{}/key.toml", "credentials file:{}/key.toml"),
    ],
)
def test_whose_key_is_refused_is_told_where_that_key_stands(
    server: ScriptedBinance, tmp_path: Path, reference: str | None, named: str
) -> None:
    answer = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    server.rest["GET /api/v3/account"] = lambda _: answer
    config = load_config(None, {"home": tmp_path})
    binance = settings(server.host)
    config = config.model_copy(update={"exchange": config.exchange.model_copy(update={"binance": binance})})
    venue = BinanceVenue(config, {}, WallClock())
    name = config.account if reference is None else "second"
    where = None if reference is None else reference.format(tmp_path)
    own = None if where is None else Credentials(api_key=SecretStr(KEY), api_secret=SecretStr(SECRET))
    try:
        with pytest.raises(ConfigError, match="refuses the API key") as raised:
            venue.open(
                AccountSettings(name=name, credentials=where), own, MemoryJournal(), lambda *_: None,
                shall_end=lambda: False,
            )  # fmt: skip
    finally:
        venue.end()
    told = f"{raised.value} {raised.value.hint}"
    assert named.format(tmp_path) in told
    assert ("exchange.binance.api_key" in told) == (reference is None)
    assert KEY not in told
    assert SECRET not in told


def test_no_key_is_a_mistake_of_configuration() -> None:
    with pytest.raises(ConfigError, match="api_key is not set"):
        check_account(settings("127.0.0.1:1", api_key=None), WallClock())


@pytest.mark.parametrize(
    "answer", [(500, b""), (404, b"<html>"), (200, b"<html>"), (302, b""), (429, {"code": -1003}), (200, {})]
)
def test_what_is_no_binance_or_does_not_work_is_unreachable(server: ScriptedBinance, answer: Any) -> None:
    server.rest["GET /api/v3/time"] = lambda _: answer
    with pytest.raises(UnreachableError, match=server.host) as raised:
        check_account(settings(server.host), WallClock())
    assert "\n" not in str(raised.value)


def test_a_clock_that_is_refused_may_be_right_at_the_next_start(server: ScriptedBinance) -> None:
    server.rest["GET /api/v3/account"] = lambda _: (400, {"code": -1021, "msg": "Timestamp for this request"})
    with pytest.raises(UnreachableError, match="refuses our time") as raised:
        check_account(settings(server.host), WallClock())
    assert "NTP" in (raised.value.hint or "")


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give the address of a socket that does to each connection what `serve` does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()
        taken: list[socket.socket] = []

        def accept() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    taken.append(connection)
                    serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for connection in taken:
                connection.close()


def say_nothing(_: socket.socket) -> None:
    """Accept and never answer."""


def hang_up(connection: socket.socket) -> None:
    connection.recv(10)
    connection.close()


def talk_nonsense(connection: socket.socket) -> None:
    connection.recv(10)
    connection.sendall(b"\x00\xffnot HTTP, and no TLS either\r\n\r\n")
    connection.close()


@pytest.mark.parametrize("serve", [say_nothing, hang_up, talk_nonsense])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_comes_to_nothing_ends_in_one_line(
    serve: Callable[[socket.socket], None], scheme: str
) -> None:
    with listening(serve) as host:
        config = settings(host, rest_url=f"{scheme}://{host}", answer_timeout_s=0.3)
        with pytest.raises(UnreachableError, match=host) as raised:
            check_account(config, WallClock())
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_name_that_nobody_knows_and_a_port_that_nobody_has_are_told_apart() -> None:
    with pytest.raises(UnreachableError, match=r"nobody\.invalid:443 .*DNS"):
        check_account(settings("x:1", rest_url="https://nobody.invalid", answer_timeout_s=2), WallClock())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError, match=f"{host} .*no connection"):
        check_account(settings(host), WallClock())


def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tls")
    certificate = folder / "cert.pem"
    certificate.write_bytes(self_signed())

    def shake_hands(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    with listening(shake_hands) as host, pytest.raises(UnreachableError, match=r"certificate is not valid") as raised:
        check_account(settings(host, rest_url=f"https://{host}"), WallClock())
    assert "\n" not in str(raised.value)


def self_signed() -> bytes:
    """Make a key and a certificate for 127.0.0.1 that it has signed itself, in PEM."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - of this test alone

    from cryptography import x509  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - the same

    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.fromtimestamp(WallClock().now_ns() / NS_PER_S, UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, None)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(pem)


@pytest.mark.parametrize("serve", [say_nothing, hang_up, talk_nonsense])
def test_a_client_lives_on_beside_an_exchange_that_only_accepts(serve: Callable[[socket.socket], None]) -> None:
    with listening(serve) as host, Desk(settings(host, answer_timeout_s=0.2)) as desk:
        desk.wait_for(Reconnecting)
        desk.tell(SendOrder(order("b")))
        assert desk.wait_for(OrderNotSent).client_order_id == "b"
        assert desk.client.is_alive()


def test_the_secret_is_nowhere_in_the_configuration_as_it_prints() -> None:
    config = settings("127.0.0.1:1", api_secret=SecretStr(SECRET))
    assert SECRET not in f"{config!r} {config}"
