import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from naive_daemon.domain.errors import ConfigError
from naive_daemon.exchange.server.signature import Ed25519Key, HmacKey, rest_payload, ws_payload

# Binance's published key pair and vectors ("SIGNED endpoint examples", "WebSocket API: SIGNED request example").
_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - a published vector
_ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
_REST = "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
_REST_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
_MIXED_SIGNATURE = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
_WS = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "52000.00",
    "newOrderRespType": "ACK",
    "recvWindow": "100",
    "timestamp": "1645423376532",
    "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
}
_WS_SIGNATURE = "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (f"{_ORDER}&{_REST}", "", _REST_SIGNATURE),
        ("", f"{_ORDER}&{_REST}", _REST_SIGNATURE),
        (_ORDER, _REST, _MIXED_SIGNATURE),
    ],
    ids=["query", "body", "both"],
)
def test_rest_vectors_of_binance(query: str, body: str, signature: str) -> None:
    for place in ("query", "body"):
        signed_query = f"{query}&signature={signature}" if place == "query" else query
        signed_body = f"{body}&signature={signature}" if place == "body" else body
        payload, sent = rest_payload(signed_query.lstrip("&"), signed_body.lstrip("&"))
        assert payload == query + body
        assert sent == signature
        assert HmacKey(_SECRET).has_signed(payload, sent)


def test_websocket_api_vector_of_binance() -> None:
    payload = ws_payload({**_WS, "signature": _WS_SIGNATURE})
    assert HmacKey(_SECRET).has_signed(payload, _WS_SIGNATURE)


def test_hmac_takes_either_case_and_nothing_else() -> None:
    key = HmacKey(_SECRET)
    right = hmac.new(_SECRET.encode(), b"a=1", hashlib.sha256).hexdigest()
    assert key.has_signed("a=1", right.upper())
    for wrong in ("", right[:-1], "é" * 64, base64.b64encode(bytes.fromhex(right)).decode()):
        assert not key.has_signed("a=1", wrong)
    assert _SECRET not in repr(key)


def test_ed25519() -> None:
    private = Ed25519PrivateKey.generate()
    key = Ed25519Key(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    right = base64.b64encode(private.sign(b"a=1")).decode()
    assert key.has_signed("a=1", right)
    for wrong in ("", "?", "é", right[:-4], base64.b64encode(private.sign(b"a=2")).decode()):
        assert not key.has_signed("a=1", wrong)


@pytest.mark.parametrize("kind", ["no PEM", "another curve"])
def test_what_is_no_ed25519_key(kind: str) -> None:
    other = generate_private_key(SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ConfigError):
        Ed25519Key("none" if kind == "no PEM" else pem)


def test_a_signature_in_base64_may_be_percent_encoded_or_bare() -> None:
    assert rest_payload("a=1&signature=a%2Bb%2F%3D", "") == ("a=1", "a+b/=")
    assert rest_payload("signature=a+b/=&a=1", "") == ("a=1", "a+b/=")
    assert rest_payload("a=1", "b=2") == ("a=1b=2", None)
