"""Values without parts, as text: numbers, texts, times, names of things. Runs no code of the value's class.

Each function is chosen by the value's type, so it may call that type's own method, never the instance's.
"""

import datetime as dt
import decimal
import enum
import functools
import types
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from naive_daemon.otp.attribute import dictionary
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.secret import hide_secrets

CUT = "…"
_BITS_MAX = 256
_LABEL_CHARACTERS_MAX = 200


def tell_atom(value: Any, room: int) -> str | None:
    """Describe a value without parts, looking at no more than `room` characters; None for any other value."""
    if value is None or value is True or value is False or value is ...:
        return repr(value)
    kind = type(value)
    for known, tell in _BOUNDED:
        if issubclass(kind, known):
            return tell(value, room)
    for short, tell_short in _SHORT:
        if issubclass(kind, short):
            return tell_short(value)
    return None


def label_of(ref: Ref) -> str:
    """Give an actor's label; what can not be printed is escaped, and a name of an unknown type shows that type."""
    name = ref._actor.name
    if name is None:
        return ref.actor_class.__name__
    return ":".join(map(_label_part, name)) if type(name) is tuple else _label_part(name)


def tell_text(value: str, room: int, quote: Callable[[str], str] = repr) -> str:
    """Describe a text, looking at no more than `room` characters; `quote` puts it between quotes and escapes it."""
    is_whole = str.__len__(value) <= room
    return _quoted(str.__getitem__(value, slice(room)), room, is_whole=is_whole, quote=quote)


def cut(text: str, limit: int) -> str:
    """Give the first `limit` characters, the last of them a mark when there were more."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + CUT[:limit]


def _label_part(part: object) -> str:
    text = part if type(part) is str else tell_atom(part, _LABEL_CHARACTERS_MAX) or f"<{type(part).__name__}>"
    text = cut(text, _LABEL_CHARACTERS_MAX)
    # Character by character, so that the others stay as they are whatever this version of Python takes for printable.
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _tell_bytes(value: bytes, room: int) -> str:
    is_whole = bytes.__len__(value) <= room
    return "b" + _quoted(bytes.__getitem__(value, slice(room)).decode("latin-1"), room, is_whole=is_whole)


def _tell_byte_array(value: bytearray, room: int) -> str:
    return _tell_bytes(bytes(bytearray.__getitem__(value, slice(room + 1))), room)


def _quoted(start: str, room: int, *, is_whole: bool, quote: Callable[[str], str] = repr) -> str:
    text = quote(hide_secrets(start, is_whole=is_whole))
    return text if is_whole else cut(text[:-1], room) + CUT


def _tell_member(value: enum.Enum, room: int) -> str:
    name = dictionary(value).get("_name_")
    shown = name if isinstance(name, str) else tell_atom(dictionary(value).get("_value_"), room)
    return f"{type(value).__name__}.{shown}"


def _tell_path(value: PurePath, room: int) -> str:
    return tell_text(PurePath.__str__(value), room)


def _tell_whole_number(value: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= _BITS_MAX else f"<int of {bits} bits>"


def _tell_ref(value: Ref) -> str:
    return f"{label_of(value)}#{value._actor.number}"


def _tell_time(value: dt.datetime) -> str:
    if type(value.tzinfo) not in (type(None), dt.timezone, zoneinfo.ZoneInfo):  # its offset would be code
        value = dt.datetime.replace(value, tzinfo=None)
    return dt.datetime.isoformat(value)


def _tell_interval(value: dt.timedelta) -> str:
    return f"{dt.timedelta.total_seconds(value):.6f}".rstrip("0").rstrip(".") + " s"


def _tell_range(value: range) -> str:
    return f"range({', '.join(map(_tell_whole_number, (value.start, value.stop, value.step)))})"


_NAMED_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodWrapperType)
_FUNCTIONS = (*_NAMED_FUNCTIONS, types.MethodType, functools.partial)


def _tell_function(value: Any) -> str:
    # Not the qualified name: it differs between versions of Python for what is made inside of a comprehension.
    function = value.__func__ if type(value) is types.MethodType else value
    return f"<function {function.__name__.strip('<>')}>" if type(function) in _NAMED_FUNCTIONS else "<function>"


_BOUNDED: tuple[tuple[type, Callable[[Any, int], str]], ...] = (
    (enum.Enum, _tell_member),
    (str, tell_text),
    (bytes, _tell_bytes),
    (bytearray, _tell_byte_array),
    (PurePath, _tell_path),
)
_SHORT: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (int, _tell_whole_number),
    (float, float.__repr__),
    (decimal.Decimal, decimal.Decimal.__str__),
    (Ref, _tell_ref),
    (dt.datetime, _tell_time),
    (dt.date, dt.date.isoformat),
    (dt.timedelta, _tell_interval),
    (uuid.UUID, uuid.UUID.__str__),
    (range, _tell_range),
    (type, lambda kind: f"<class {kind.__name__}>"),
    (_FUNCTIONS, _tell_function),
)
