"""What is asked of a running daemon on the command line: for how many seconds, and of whom."""

import math
from typing import Any

import click

_NAME_CHARACTERS_MAX = 1_000


class SecondsType(click.FloatRange):
    """A finite number of seconds within a range. A range alone lets "nan" pass: it is neither below nor above."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give seconds."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


class ActorNameType(click.ParamType[str]):
    """An actor's name, or number, as `naive-daemon tree` shows it."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the name, which says something and can be written."""
        name = str(value)
        if not name.strip():
            self.fail("an actor's name is missing: naive-daemon tree shows the names", param, ctx)
        if len(name) > _NAME_CHARACTERS_MAX:
            self.fail(f"no actor's name has more than {_NAME_CHARACTERS_MAX} characters", param, ctx)
        # Bytes of the command line that are no UTF-8 arrive as lone surrogates.
        if any("\ud800" <= character <= "\udfff" for character in name):
            self.fail(f"{name!r} is no text", param, ctx)
        return name
