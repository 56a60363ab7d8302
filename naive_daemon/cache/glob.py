"""Redis's glob patterns on names, letter by letter: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and a backslash to quote."""

import re


def matcher(pattern: str) -> re.Pattern[str]:
    """Give what matches as the pattern does, by `fullmatch`."""
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        letter = pattern[place]
        place += 1
        if letter == "*":
            parts.append(".*")
        elif letter == "?":
            parts.append(".")
        elif letter == "[":
            part, place = _class(pattern, place)
            parts.append(part)
        elif letter == "\\" and place < len(pattern):
            parts.append(re.escape(pattern[place]))
            place += 1
        else:
            parts.append(re.escape(letter))
    return re.compile("".join(parts), re.DOTALL)


def escape(text: str) -> str:
    """Give the pattern that matches this text and no other."""
    return re.sub(r"([*?\[\]\\^])", r"\\\1", text)


def _class(pattern: str, place: int) -> tuple[str, int]:
    """Read what stands between brackets; one that is never closed ends with the pattern, as in Redis."""
    is_negated = pattern[place : place + 1] == "^"
    place += is_negated
    members: list[str] = []
    while place < len(pattern) and pattern[place] != "]":
        if pattern[place] == "\\" and place + 1 < len(pattern):
            members.append(re.escape(pattern[place + 1]))
            place += 2
        elif pattern[place + 1 : place + 2] == "-" and place + 2 < len(pattern):
            low, high = sorted((pattern[place], pattern[place + 2]))
            members.append(f"{re.escape(low)}-{re.escape(high)}")
            place += 3
        else:
            members.append(re.escape(pattern[place]))
            place += 1
    if not members:
        return ("." if is_negated else "(?!)"), place + 1
    return f"[{'^' if is_negated else ''}{''.join(members)}]", place + 1
