"""A canonical id for nested settings: equal content has the equal signature, and different content another one.

Equal are: mappings whatever the order of their keys; numbers whatever their spelling (1, 1.0, Decimal("1.00"); a float
is the shortest decimal that reads as it); lists and tuples. Different are a number, its text and a truth value; and
values of classes: an enum's member or a struct equals only what is of the same class.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from hashlib import blake2b

import msgspec

from naive_daemon.redflow.errors import SignatureError

DEPTH_MAX = 100
"""So deep may settings be nested; deeper is a mistake, and so is a value that contains itself."""
_DIGEST_BYTES = 16


def signature(value: object) -> str:
    """Give the signature: 32 hexadecimal digits. Raises SignatureError for what has none, and says where it is."""
    return blake2b(canonical(value).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def canonical(value: object) -> str:
    """Write the value in the one spelling that its signature is made of; raises SignatureError."""
    return _write(value, ())


def _write(value: object, path: tuple[object, ...]) -> str:  # noqa: PLR0911 (a table of types)
    if len(path) > DEPTH_MAX:
        raise SignatureError(f"nested more than {DEPTH_MAX} deep, or contains itself: {_where(path[:3])} …")
    match value:
        case None:
            return "null"
        case Enum():
            return f"{_class(value)}.{value.name}"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return _number(value, path)
        case str():
            return json.dumps(value)
        case bytes():
            return f"bytes:{value.hex()}"
        case list() | tuple():
            return f"[{','.join(_write(item, (*path, index)) for index, item in enumerate(value))}]"
        case AbstractSet():
            return f"set({','.join(sorted(_write(item, (*path, 'member')) for item in value))})"
        case Mapping():
            return _pairs(value.items(), path)
        case msgspec.Struct():
            return _class(value) + _pairs(((name, getattr(value, name)) for name in value.__struct_fields__), path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return _class(value) + _pairs(fields, path)
    raise SignatureError(f"{_where(path)} is {_class(value)}, which has no signature")


def _number(value: float | Decimal, path: tuple[object, ...]) -> str:
    # Of floats whose class is another one (numpy's), which write themselves in another way, too.
    number = Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise SignatureError(f"{_where(path)} is {value}, which is no number")
    text = "".join(map(str, digits))
    significant = text.rstrip("0")
    if not significant:
        return "0"
    return f"{'-' if sign else ''}{significant.lstrip('0')}e{exponent + len(text) - len(significant)}"


def _pairs(items: Iterable[tuple[object, object]], path: tuple[object, ...]) -> str:
    written: dict[str, str] = {}
    for key, value in items:
        name = _write(key, (*path, "key"))
        if name in written:
            raise SignatureError(f"{_where(path)} has two keys that are the same: {key!r}")
        written[name] = _write(value, (*path, key))
    return "{" + ",".join(f"{name}:{written[name]}" for name in sorted(written)) + "}"


def _class(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _where(path: tuple[object, ...]) -> str:
    return "the value" + "".join(f"[{step!r}]" for step in path)
