"""A strategy's parameters as they lie in their column: an object of texts. What else somebody wrote is text, too.

The server makes the texts, so a row that holds rubbish, however deep, can be read, and whoever trades with it refuses
it by its rules.
"""

from collections.abc import Iterable, Mapping

NOTHING = "null"


def to_pairs(texts: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Give what `jsonb_each_text` finds in the column as sorted pairs."""
    return tuple(sorted((key, NOTHING if text is None else text) for key, text in texts.items()))


def to_document(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give pairs as the column holds them."""
    return dict(pairs)
