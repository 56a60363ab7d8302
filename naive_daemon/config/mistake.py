"""Words for what is wrong in a configuration: the key, where it stood, what was given, what is allowed."""

import difflib
import re
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from naive_daemon.config.model import Config
from naive_daemon.config.source import ENVIRONMENT_PREFIX, SHORT_VARIABLES, Given, KeyPath
from naive_daemon.domain.money import plain

_SHOWN_MAX = 60
_NEAR = 0.7

_LOGIN = re.compile(r"//[^/@\s]*@")
"""Who logs in, and with what, in a URL where that does not belong: it is refused, and not shown."""


def describe(error: ValidationError, given: Mapping[KeyPath, Given]) -> list[str]:
    """Give one line for each mistake that pydantic has found. Values of secrets stay out."""
    lines = [_line(detail, given) for detail in error.errors(include_url=False, include_context=True)]
    return list(dict.fromkeys(lines))


def _line(detail: ErrorDetails, given: Mapping[KeyPath, Given]) -> str:
    path, field = _resolve(tuple(str(part) for part in detail["loc"]))
    origin = _origin(path, given)
    place = f"{'.'.join(path)} ({origin})" if origin else ".".join(path)
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key{_suggestion(path, origin)}"
    if detail["type"] == "value_error" and field is None:
        return f"{place}: {_reason(detail)}" if path else _reason(detail)  # without a path it names its keys itself
    if field is None:
        return f"{place}: given {_shown(detail['input'])}; a section is a table of keys"
    if _is_secret(field):
        return f"{place}: the value given (not shown) is refused, {_reason(detail)}; allowed: {allowed(field)}"
    return f"{place}: given {_shown(detail['input'])}; allowed: {allowed(field)}"


def _reason(detail: ErrorDetails) -> str:
    return detail["msg"].removeprefix("Value error, ")


def _resolve(location: KeyPath) -> tuple[KeyPath, FieldInfo | None]:
    """Find the field that an error is about; pydantic's location may go on below it (into a union or a table)."""
    model: type[BaseModel] = Config
    for depth, name in enumerate(location, 1):
        field = model.model_fields.get(name)
        if field is None:
            return location, None
        below = _section(field)
        if below is None:
            keys = tuple(part for part in location[depth:] if not part.startswith("[") and "-" not in part)
            return (location[:depth] + keys if _is_table(field) else location[:depth]), field
        model = below
    return location, None


def _origin(path: KeyPath, given: Mapping[KeyPath, Given]) -> str | None:
    for key, value in given.items():
        lowered = tuple(part.lower() for part in key)
        if key == path or lowered == tuple(part.lower() for part in path) or key[: len(path)] == path:
            return value.origin
    return None


def _suggestion(path: KeyPath, origin: str | None) -> str:
    if origin is not None and origin.startswith(ENVIRONMENT_PREFIX):
        known = [*SHORT_VARIABLES, *(ENVIRONMENT_PREFIX + "__".join(key).upper() for key in known_keys())]
        given = origin
    else:
        known = [".".join(key) for key in known_keys()]
        given = ".".join(path)
    # The prefix, which all variables share, would make every name look near to every other.
    short = {name.removeprefix(ENVIRONMENT_PREFIX): name for name in known}
    near = difflib.get_close_matches(given.removeprefix(ENVIRONMENT_PREFIX), short, 1, _NEAR)
    return f"; did you mean {short[near[0]]}?" if near else ""


def known_keys(model: type[BaseModel] = Config, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """Give the path of every key that can be set."""
    for name, field in model.model_fields.items():
        below = _section(field)
        if below is None:
            yield (*prefix, name)
        else:
            yield from known_keys(below, (*prefix, name))


def allowed(field: FieldInfo) -> str:
    """Say in words what a field takes."""
    if isinstance(field.json_schema_extra, dict) and "allowed" in field.json_schema_extra:
        return str(field.json_schema_extra["allowed"])
    for kind in _types(field.annotation):
        if get_origin(kind) is Literal:
            choices = [str(choice) for choice in get_args(kind)]
            return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    noun = "a whole number" if field.annotation is int else "a number"
    return " and ".join([f"{noun}, {_low(field)}", _high(field)])


def _low(field: FieldInfo) -> str:
    for bound in field.metadata:
        if isinstance(bound, Gt):
            return f"more than {_bound(bound.gt)}"
        if isinstance(bound, Ge):
            return f"at least {_bound(bound.ge)}"
    raise TypeError(f"a number without a lower bound: {field}")


def _high(field: FieldInfo) -> str:
    for bound in field.metadata:
        if isinstance(bound, Lt):
            return f"less than {_bound(bound.lt)}"
        if isinstance(bound, Le):
            return f"at most {_bound(bound.le)}"
    raise TypeError(f"a number without an upper bound: {field}")


def _bound(value: Any) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _shown(value: Any) -> str:
    text = f"a table of {len(value)} keys" if isinstance(value, dict) else repr(_LOGIN.sub("//***@", str(value)))
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _is_table(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is dict


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in _types(field.annotation)


def _types(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        for item in get_args(annotation):
            yield from _types(item)
    elif hasattr(annotation, "__metadata__"):
        yield from _types(annotation.__origin__)
    else:
        yield annotation
