"""Signatures of requests (Binance, "Request security"): what is signed, and who can have signed it.

REST signs the query string and the body as they were sent, without the signature itself. The WebSocket API signs all
parameters, sorted by name, as `name=value&…`. HMAC-SHA256 in hex, or Ed25519 in base64.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from naive_daemon.domain.errors import ConfigError

_SIGNATURE = "signature="


class HmacKey:
    """A secret that client and exchange share."""

    is_ed25519 = False

    def __init__(self, secret: str) -> None:
        self._mac = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def __repr__(self) -> str:
        return "HmacKey(…)"

    def has_signed(self, payload: str, signature: str) -> bool:
        """Say whether `signature` (hex, in either case) is that of `payload`."""
        mac = self._mac.copy()
        mac.update(payload.encode())
        return hmac.compare_digest(mac.hexdigest().encode(), signature.lower().encode())


class Ed25519Key:
    """The public half of a client's key; raises ConfigError when the PEM text is none."""

    is_ed25519 = True

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_public_key(pem.encode())
        except ValueError as error:
            raise ConfigError(
                "a public key of the accounts is not in PEM", hint="give an Ed25519 public key"
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigError("a public key of the accounts is not Ed25519", hint="give an Ed25519 public key")
        self._key = key

    def has_signed(self, payload: str, signature: str) -> bool:
        """Say whether `signature` (base64) is that of `payload`."""
        try:
            self._key.verify(base64.b64decode(signature, validate=True), payload.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


SigningKey = HmacKey | Ed25519Key


def rest_payload(query: str, body: str) -> tuple[str, str | None]:
    """Give what a REST request has signed, and its signature, None when there is none."""
    signed_query, first = _without_signature(query)
    signed_body, second = _without_signature(body)
    return signed_query + signed_body, second if first is None else first


def ws_payload(values: Mapping[str, str]) -> str:
    """Give what a request of the WebSocket API has signed."""
    return "&".join(f"{name}={values[name]}" for name in sorted(values) if name != "signature")


def _without_signature(encoded: str) -> tuple[str, str | None]:
    if _SIGNATURE not in encoded:
        return encoded, None
    signature = None
    rest = []
    for part in encoded.split("&"):
        if part.startswith(_SIGNATURE):
            # A `+` is no space here: base64 has it, and some clients leave it as it is.
            signature = unquote(part.removeprefix(_SIGNATURE))
        else:
            rest.append(part)
    return "&".join(rest), signature
