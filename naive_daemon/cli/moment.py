"""Moments on the command line: a date or time in ISO, or how long ago."""

import re
from datetime import UTC, datetime
from typing import Any

import click

from naive_daemon.clock import NS_PER_S, WallClock, from_datetime

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class MomentType(click.ParamType[int]):
    """A moment in the past, kept as UTC nanoseconds: `2024-05-01`, `2024-05-01T10:00Z`, or `15m`, `24h`, `7d` ago."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give nanoseconds since the epoch; a time without a zone is UTC."""
        if isinstance(value, int):
            return value
        ago = re.fullmatch(r"(\d{1,6})([smhd])", str(value).strip())
        if ago is not None:
            return WallClock().now_ns() - int(ago[1]) * _SECONDS[ago[2]] * NS_PER_S
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(
                f"{value!r} is no moment; it looks like 2024-05-01, 2024-05-01T10:00Z, 15m, 24h or 7d", param, ctx
            )
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
