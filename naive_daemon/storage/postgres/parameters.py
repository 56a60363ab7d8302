"""A strategy's parameters as they lie in their column: an object of texts. What else somebody wrote is text, too.

So a row that holds rubbish can be read, and whoever trades with it refuses it by its rules.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


def to_pairs(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Give what the column holds as sorted pairs of texts."""
    return tuple(sorted((key, value if isinstance(value, str) else _written(value)) for key, value in document.items()))


def to_document(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give pairs as the column holds them."""
    return dict(pairs)


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()
