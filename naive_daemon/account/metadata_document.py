"""An account's metadata as one value of the cache database: versioned, whole, and read strictly or not at all."""

from collections.abc import Mapping

import msgspec

from naive_daemon.account.metadata import SymbolMetadata

VERSION = 1


class DocumentError(ValueError):
    """A value under an account's key is not what this version writes there; says what is wrong with it."""


class _Head(msgspec.Struct, frozen=True):
    version: int


class _Document(msgspec.Struct, frozen=True):
    version: int
    account: str
    symbols: dict[str, SymbolMetadata]


def key_of(account: str) -> str:
    """Name the key under which an account's metadata is kept."""
    return f"metadata:{account}"


def encode(account: str, symbols: Mapping[str, SymbolMetadata]) -> bytes:
    """Write the metadata of all symbols; msgpack, which keeps all 19 digits of a time, and decimals as text."""
    return msgspec.msgpack.encode(_Document(VERSION, account, dict(symbols)))


def decode(account: str, value: bytes) -> dict[str, SymbolMetadata]:
    """Read what `encode` has written; raises DocumentError."""
    try:
        version = msgspec.msgpack.decode(value, type=_Head).version
        if version != VERSION:
            raise DocumentError(f"it is of version {version}, and this program reads version {VERSION}")
        document = msgspec.msgpack.decode(value, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"it can not be decoded: {error}") from None
    if document.account != account:
        raise DocumentError(f"it is of account {document.account}")
    return document.symbols
