"""Text from outside (an exchange's reason, an exception) in a form that PostgreSQL stores."""


def storable(text: str) -> str:
    """Replace what UTF-8 or PostgreSQL can not hold (NUL, lone surrogates), so that no message can block a write."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def storable_or_none(text: str | None) -> str | None:
    """Give `storable` text; None stays None."""
    return None if text is None else storable(text)
