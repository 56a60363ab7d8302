"""Arguments of the wrong type are refused by name, before anything is stored."""

from collections.abc import Mapping


def require(kind: type | tuple[type, ...], **arguments: object) -> None:
    """Raise TypeError that names the first argument which is not of the kind; True and False are no integers."""
    for name, value in arguments.items():
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TypeError(f"{name} is {_article(type(value))}, and not {_wanted(kind)}")


def require_text(**arguments: object) -> None:
    """Require text that has a form in bytes."""
    require(str, **arguments)
    for name, value in arguments.items():
        try:
            str(value).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} has no form in UTF-8: {error}") from error


def require_fields(**arguments: object) -> None:
    """Require bytes by text."""
    for name, fields in arguments.items():
        if not isinstance(fields, Mapping):
            raise TypeError(f"{name} is {_article(type(fields))}, and not a mapping")
        for field, value in fields.items():
            require_text(**{f"a key of {name}": field})
            require(bytes, **{f"{name}[{field!r}]": value})


def _wanted(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(map(_article, kinds))


def _article(kind: type) -> str:
    name = kind.__name__
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"
