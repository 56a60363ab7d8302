"""Signatures of requests to Binance, by the vectors of its own documentation ("Request Security")."""

import base64
import os
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError
from naive_daemon.exchange.binance.signing import HmacSigner, load_signer, signed_parameters, signed_query

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published by Binance
ORDER = (
    ("symbol", "LTCBTC"),
    ("side", "BUY"),
    ("type", "LIMIT"),
    ("timeInForce", "GTC"),
    ("quantity", "1"),
    ("price", "0.1"),
    ("recvWindow", "5000"),
    ("timestamp", "1499827319559"),
)


def test_a_query_is_signed_as_the_documentation_does() -> None:
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert signed_query(HmacSigner(KEY, SECRET), ORDER) == f"{urlencode(ORDER)}&signature={signature}"


def test_query_and_body_are_signed_as_one_without_anything_between() -> None:
    payload = urlencode(ORDER[:4]) + urlencode(ORDER[4:])
    signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    assert HmacSigner(KEY, SECRET).sign(payload.encode()) == signature


def test_what_is_no_ascii_is_encoded_before_it_is_signed() -> None:
    order = (("symbol", "１２３４５６"), *ORDER[1:])  # noqa: RUF001 - the documentation's own example
    query = signed_query(HmacSigner(KEY, SECRET), order)
    assert query.startswith("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&")
    assert query.endswith("&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3")


def test_parameters_of_the_websocket_api_are_sorted_and_not_encoded() -> None:
    parameters: dict[str, str | int] = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "newOrderRespType": "ACK",
        "recvWindow": 100,
        "timestamp": 1645423376532,
    }
    signed = signed_parameters(HmacSigner(KEY, SECRET), parameters)
    assert signed["signature"] == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"
    assert signed["apiKey"] == KEY
    assert parameters.keys() == signed.keys() - {"apiKey", "signature"}


def ed25519_file(path: Path, mode: int = 0o600) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    write_key(path, key, mode)
    return key


def write_key(path: Path, key: Ed25519PrivateKey | rsa.RSAPrivateKey, mode: int, password: bytes = b"") -> None:
    algorithm = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, algorithm)
    path.write_bytes(pem)
    path.chmod(mode)


def with_file(path: Path) -> Binance:
    return Binance(api_key=SecretStr(KEY), private_key_file=path)


def test_an_ed25519_signature_is_one_in_base64_and_encoded_in_a_query(tmp_path: Path) -> None:
    key = ed25519_file(tmp_path / "key.pem")
    signer = load_signer(with_file(tmp_path / "key.pem"))
    query, signature = signed_query(signer, ORDER).split("&signature=")
    expected = base64.b64encode(key.sign(query.encode())).decode()  # Ed25519 signs the same the same way every time
    assert signature == quote(expected, safe="")
    assert (
        signed_parameters(signer, {"timestamp": 1})["signature"]
        == base64.b64encode(key.sign(f"apiKey={KEY}&timestamp=1".encode())).decode()
    )


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (Binance(), "api_key is not set"),
        (Binance(api_key=SecretStr("")), "api_key is not set"),
        (Binance(api_key=SecretStr("a\nb"), api_secret=SecretStr("x")), "characters that no API key has"),
        (Binance(api_key=SecretStr(KEY)), "neither exchange.binance.api_secret nor"),
    ],
)
def test_a_key_that_is_missing_is_named(config: Binance, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as raised:
        load_signer(config)
    assert raised.value.hint
    assert raised.value.exit_code == 78


def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    ed25519_file(tmp_path / "key.pem", 0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        load_signer(with_file(tmp_path / "key.pem"))


def test_a_file_that_holds_no_ed25519_key_is_refused_without_being_quoted(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("hunter2")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no private key") as raised:
        load_signer(with_file(path))
    assert "hunter2" not in f"{raised.value!r} {raised.value.__cause__!r}"
    write_key(path, rsa.generate_private_key(65537, 2048), 0o600)
    with pytest.raises(ConfigError, match="no Ed25519 key"):
        load_signer(with_file(path))
    write_key(path, Ed25519PrivateKey.generate(), 0o600, b"password")
    with pytest.raises(ConfigError, match="is encrypted"):
        load_signer(with_file(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=os.strerror(2)):
        load_signer(with_file(tmp_path / "none.pem"))


def test_no_secret_shows_in_a_signer() -> None:
    assert SECRET not in repr(HmacSigner(KEY, SECRET))
