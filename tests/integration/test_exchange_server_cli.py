"""`naive-daemon exchange serve` and `fault` as a person and a script use them."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from naive_daemon.config.credentials import read_credentials
from tests.exchange.local_exchange import LocalExchange
from tests.integration.conftest import Console

_PROGRAM = [sys.executable, "-c", "from naive_daemon.cli import main; main()", "exchange"]


def test_serve_makes_keys_that_only_their_owner_can_read_and_prints_none(tmp_path: Path) -> None:
    command = [*_PROGRAM, "serve", "--state", str(tmp_path / "exchange"), "--market", "clients"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    text = "".join(lines) + out + err
    folder = tmp_path / "exchange"
    accounts = json.loads((folder / "accounts.json").read_text())["accounts"]
    assert [account["name"] for account in accounts] == ["demo", "other"]
    for account in accounts:
        for key in account["keys"]:
            assert key["api_key"] not in text
            assert (key.get("secret") or "-----") not in text
    for name in ("accounts.json", "credentials.env", "credentials-other.env", "demo-ed25519.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert name not in ("credentials.env", "credentials-other.env") or str(folder / name) in text
    variables = (folder / "credentials.env").read_text()
    for name in ("API_KEY", "API_SECRET", "REST_URL", "WS_API_URL", "STREAM_URL"):
        assert f"\nNAIVE_EXCHANGE__BINANCE__{name}=" in variables


def test_many_accounts_are_made_in_one_go_with_references_to_their_keys(tmp_path: Path) -> None:
    with LocalExchange(tmp_path, "--account-count", "3") as exchange:
        first = (exchange.folder / "accounts.csv").read_text().splitlines()
    with LocalExchange(tmp_path, "--account-count", "30") as exchange:
        rows = [line.split(",") for line in (exchange.folder / "accounts.csv").read_text().splitlines()]
        assert [name for name, _ in rows] == [f"account-{number:03}" for number in range(1, 30)]
        assert first == [",".join(row) for row in rows[:2]]
        for place, (_, reference) in enumerate(rows, 1):
            credentials = read_credentials(reference)
            assert credentials.api_secret is not None
            found = credentials.api_key.get_secret_value(), credentials.api_secret.get_secret_value()
            assert found == exchange.keys_of(place)
        assert len(exchange.admin("GET", "/admin/balances")) == 30
    with LocalExchange(tmp_path) as exchange:  # those that are there stay
        assert len(exchange.admin("GET", "/admin/balances")) == 30


def test_a_terminated_exchange_ends_in_order(tmp_path: Path) -> None:
    exchange = LocalExchange(tmp_path)
    exchange.start()
    assert exchange.stop() == 0
    exchange.start()
    assert exchange.stop() == 0


def test_faults_from_the_command_line(tmp_path: Path, console: Console) -> None:
    with LocalExchange(tmp_path, "--symbol", "BTCUSDT") as exchange:
        url = ("--url", exchange.rest_url)
        added = console("exchange", "fault", "add", "error", "--where", "order.place", "--count", "2", *url)
        assert (added.code, added.out) == (0, "error is on, as number 1\n")
        listed = console("exchange", "fault", "list", *url, "--json").data["faults"]
        assert [(fault["kind"], fault["where"], fault["left"]) for fault in listed] == [("error", "order.place", 2)]
        assert "order.place" in console("exchange", "fault", "list", *url).out
        assert console("exchange", "fault", "add", "halt", "--value", "BTCUSDT", *url).out == "halt: done\n"
        wrong = console("exchange", "fault", "add", "gremlins", *url)
        assert (wrong.code, wrong.err.splitlines()[0]) == (2, "error: there is no fault 'gremlins'")
        assert console("exchange", "fault", "clear", *url).out == "faults switched off: 1\n"
        assert console("exchange", "fault", "list", *url).out == "no fault is on\n"


@pytest.mark.parametrize(
    ("url", "code"), [("http://127.0.0.1:1", 69), ("127.0.0.1", 2), ("ftp://127.0.0.1", 2), ("http://", 69)]
)
def test_an_exchange_that_is_not_there(console: Console, url: str, code: int) -> None:
    answer = console("exchange", "fault", "list", "--url", url)
    assert answer.code == code
    assert len(answer.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--market", "nothing-2020.csv"), 1, "nothing-2020.csv"),
        (("--symbol", "NOSUCH"), 78, "NOSUCH"),
        (("--exchange-info", "nothing.json"), 78, "nothing.json"),
        (("--accounts", "nothing.json"), 78, "nothing.json"),
        (("--speed", "fast"), 2, "--speed"),
        (("--speed", "0"), 2, "--speed"),
        (("--maker-fee", "2"), 2, "--maker-fee"),
        (("--fee-asset", "BNB"), 2, "--fee-asset"),
        (("--fee-asset", "BNB=0"), 2, "--fee-asset"),
        (("--fee-asset", "bnb=600"), 2, "--fee-asset"),
        (("--host", "192.0.2.1"), 78, "192.0.2.1"),
    ],
)
def test_what_can_not_be_served_is_said_in_a_line(
    console: Console, tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    answer = console("exchange", "serve", "--state", str(tmp_path / "exchange"), *options)
    assert answer.code == code, answer.err
    assert message in answer.err.splitlines()[0]
    assert answer.out == ""


def test_a_taken_port(console: Console, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = console("exchange", "serve", "--state", str(tmp_path / "exchange"), "--port", str(port))
    assert answer.code == 78
    assert f"127.0.0.1:{port}" in answer.err


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ('{"accounts": []}', 0o600, "no account"),
        ('{"accounts": [{"name": "a", "keys": [{"api_key": "k"}]}]}', 0o600, "neither secret nor public_key"),
        ('{"accounts": [{"name": "a", "keys": [{"api_key": "k", "secret": 5}]}]}', 0o600, "Expected `str"),
        ('{"accounts": [{"name": "a", "keys": [], "balances": {"BTC": "many"}}]}', 0o600, "its balance in BTC"),
        ("{", 0o600, "accounts"),
        ('{"accounts": []}', 0o644, "hint: chmod 600 "),
    ],
)
def test_bad_accounts(console: Console, tmp_path: Path, text: str, mode: int, message: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    path.chmod(mode)
    answer = console("exchange", "serve", "--state", str(tmp_path / "exchange"), "--accounts", str(path))
    assert answer.code == 78
    assert message in answer.err


def test_a_folder_that_is_none(console: Console, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = console("exchange", "serve", "--state", str(tmp_path / "file"))
    assert answer.code == 78


def test_a_recording_is_played_to_its_end(tmp_path: Path) -> None:
    recording = tmp_path / "BTCUSDT-trades.csv"
    recording.write_text(
        "".join(f"{n},{60_000 + n}.00,0.5,30000,{1_600_000_000_000 + n},True,True\n" for n in range(1, 51))
    )
    with LocalExchange(tmp_path, "--speed", "max", market=str(recording)) as exchange:
        exchange.admin("POST", "/admin/market", {"advance": 100})
        assert exchange.admin("GET", "/admin/market")["prices"] == {"BTCUSDT": "60050.00000000"}
        os.kill(exchange.pid, 0)


def test_a_bad_row_ends_the_exchange_with_a_line(tmp_path: Path) -> None:
    recording = tmp_path / "BTCUSDT-trades.csv"
    recording.write_text("1,60000.00,0.5,30000,1600000000001,True,True\nno row\n")
    command = [*_PROGRAM, "serve", "--state", str(tmp_path / "exchange"), "--market", str(recording), "--speed", "max"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "row 2" in done.stderr.splitlines()[-2]
