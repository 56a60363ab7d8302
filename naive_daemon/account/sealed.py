"""A dict that nobody can change: for what is handed out and must stay as it is."""

from typing import Any, NoReturn, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Sealed(dict[Key, Value]):
    """Like the dict that it was made of, in everything but changing."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this is the account's own, and not to be changed: copy it with dict()")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
