"""Signatures of requests (Binance Spot API, "Request Security"): HMAC-SHA256 in hex, or Ed25519 in base64.

Owned by whoever sends requests. Invariant: neither secret nor private key is ever shown, by no error and no repr.
"""

import base64
import hmac
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from naive_daemon.config.credentials import Credentials
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError

_KEY_FILE_MAX = 65_536
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

CONFIGURED = "exchange.binance.api_key and its secret"
"""Where the configured account has its key."""

Parameters = Sequence[tuple[str, str]]


class Signer(Protocol):
    """Signs for one API key; `where` says in words where that stands, for whoever has to mend it."""

    where: str

    @property
    def api_key(self) -> str:
        """The key's public name, as it is sent."""

    def sign(self, payload: bytes) -> str:
        """Give the signature of a payload, as text that is not yet percent-encoded."""


class HmacSigner:
    """Signs with the secret of an HMAC key."""

    __slots__ = ("_secret", "api_key", "where")

    def __init__(self, api_key: str, secret: str, where: str = CONFIGURED) -> None:
        self.api_key = api_key
        self.where = where
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        """Give HMAC-SHA256 in hex."""
        return hmac.digest(self._secret, payload, "sha256").hex()


class Ed25519Signer:
    """Signs with an Ed25519 private key."""

    __slots__ = ("_key", "api_key", "where")

    def __init__(self, api_key: str, key: Ed25519PrivateKey, where: str = CONFIGURED) -> None:
        self.api_key = api_key
        self.where = where
        self._key = key

    def sign(self, payload: bytes) -> str:
        """Give the signature in base64."""
        return base64.b64encode(self._key.sign(payload)).decode()


def signed_query(signer: Signer, parameters: Parameters) -> str:
    """Give the query string of a REST request: percent-encoded, signed in this order, the signature at its end."""
    query = urlencode(parameters, quote_via=quote)
    return f"{query}&signature={quote(signer.sign(query.encode()), safe='')}"


def signed_parameters(signer: Signer, parameters: Mapping[str, str | int]) -> dict[str, str | int]:
    """Give the parameters of a WebSocket API request with key and signature: sorted, and not encoded."""
    whole: dict[str, str | int] = {**parameters, "apiKey": signer.api_key}
    payload = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
    whole["signature"] = signer.sign(payload.encode())
    return whole


def load_signer(config: Binance) -> Signer:
    """Make the signer of the configured key; reads the file of a private key.

    Raises ConfigError when there is no key, or none to sign with, or the file is not to be trusted.
    """
    key = config.api_key.get_secret_value() if config.api_key is not None else ""
    if not key:
        raise ConfigError(
            "exchange.binance.api_key is not set: orders need an API key",
            hint="set NAIVE_EXCHANGE__BINANCE__API_KEY, or the systemd credential binance_api_key",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("exchange.binance.api_key holds characters that no API key has", hint="copy the key again")
    if config.private_key_file is not None:
        return Ed25519Signer(key, _read_private_key(config.private_key_file))
    secret = config.api_secret.get_secret_value() if config.api_secret is not None else ""
    if not secret:
        raise ConfigError(
            "neither exchange.binance.api_secret nor exchange.binance.private_key_file is set",
            hint="give the secret of an HMAC key, or the file of an Ed25519 private key",
        )
    return HmacSigner(key, secret)


def signer_of(credentials: Credentials, where: str) -> Signer:
    """Make the signer of an account's credentials; `where` names them in an error. Raises ConfigError."""
    key = credentials.api_key.get_secret_value()
    if credentials.private_key is not None:
        private_key = _parsed_private_key(credentials.private_key.get_secret_value().encode(), where)
        return Ed25519Signer(key, private_key, where)
    secret = "" if credentials.api_secret is None else credentials.api_secret.get_secret_value()
    if not key or not secret:
        raise ConfigError(f"{where}: there is no key, or nothing to sign with", hint="give the key and its secret")
    return HmacSigner(key, secret, where)


def _read_private_key(path: Path) -> Ed25519PrivateKey:
    where = f"exchange.binance.private_key_file {path}"
    try:
        with path.open("rb") as file:
            # Asked of the open file, so that nobody can put another in its place in between.
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ConfigError(f"{where}: others may read it", hint=f"chmod 600 {path}")
            data = file.read(_KEY_FILE_MAX)
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}", hint="give the path of a readable PEM file") from error
    return _parsed_private_key(data, where)


def _parsed_private_key(data: bytes, where: str) -> Ed25519PrivateKey:
    hint = "make one with: openssl genpkey -algorithm ed25519 -out private-key.pem"
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:  # TypeError: the key is encrypted
        # Without the cause, which might quote what is in the file.
        reason = "it is encrypted" if isinstance(error, TypeError) else "it holds no private key in PEM"
        raise ConfigError(f"{where}: {reason}", hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{where}: it is no Ed25519 key", hint=hint)
    return key
