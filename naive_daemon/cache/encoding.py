"""How values become bytes: msgpack or JSON, each with the version of what it means before it: `[version, value]`.

Decimals are text. JSON's readers keep about 17 digits of a number, so an integer beyond 2⁵³ is text there, too; a load
gives it back as the integer that it was.
"""

from typing import Any, Literal, TypeVar, cast

import msgspec

from naive_daemon.cache.database import CacheCorruptError

EncodingName = Literal["msgpack", "json"]

VERSION = 1
"""Of everything that is stored; another one is not guessed at."""

EXACT_MAX = 2**53
"""Up to here every reader of JSON has every integer."""

Value = TypeVar("Value")


class Encoding:
    """One of the two encodings. Safe for use by many threads."""

    def __init__(self, name: EncodingName = "msgpack") -> None:
        self.name: EncodingName = name
        self._is_json = name == "json"
        self._msgpack = msgspec.msgpack.Encoder(order="deterministic")
        self._json = msgspec.json.Encoder()
        self._decoders: dict[object, Any] = {}

    def encode(self, value: object) -> bytes:
        """Give the bytes of any msgspec value."""
        if self._is_json:
            return self._json.encode((VERSION, _exact(msgspec.to_builtins(value, order="deterministic"))))
        return self._msgpack.encode((VERSION, value))

    def decode(self, content: bytes, kind: type[Value], place: str) -> Value:
        """Read a value of a kind (a union, too); raises CacheCorruptError that names the place where it was."""
        try:
            version, value = self._decoder(kind).decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._corrupt(content, place, error) from error
        if version != VERSION:
            raise _other_version(version, place)
        return cast("Value", value)

    def _decoder(self, kind: object) -> Any:
        decoder = self._decoders.get(kind)
        if decoder is None:
            shape: Any = tuple[int, kind]  # type: ignore[valid-type] # a kind that is known when it runs
            made: Any = msgspec.json.Decoder(shape, strict=False) if self._is_json else msgspec.msgpack.Decoder(shape)
            decoder = self._decoders[kind] = made
        return decoder

    def _corrupt(self, content: bytes, place: str, error: Exception) -> CacheCorruptError:
        """Say what is wrong: first of all whether another version wrote it."""
        try:
            version, _ = self._decoder(msgspec.Raw).decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return CacheCorruptError(f"{place} can not be read as {self.name}: {error}")
        if version != VERSION:
            return _other_version(version, place)
        return CacheCorruptError(f"{place} can not be read: {error}")


def _other_version(version: int, place: str) -> CacheCorruptError:
    return CacheCorruptError(f"{place} was written in version {version}, and this program reads version {VERSION}")


def _exact(value: Any) -> Any:
    """Give the same with integers that a reader of JSON might round as text."""
    match value:
        case dict():
            return {key: _exact(one) for key, one in value.items()}
        case list():
            return [_exact(one) for one in value]
        case bool():
            return value
        case int() if abs(value) > EXACT_MAX:
            return str(value)
        case _:
            return value
