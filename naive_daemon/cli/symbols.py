"""Symbols on the command line: in any case, known by the settings or the exchange, else refused with the nearest."""

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import click

from naive_daemon.clock import WallClock
from naive_daemon.config import Config
from naive_daemon.domain.errors import UsageError
from naive_daemon.exchange.listing import KEPT_S, list_instruments

_NEAREST_MAX = 3
_NAMED_MAX = 10


class SymbolType(click.ParamType[str]):
    """A symbol: given in any case, kept in upper case."""

    name = "symbol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the symbol in upper case; an empty one and one with blanks in it are refused."""
        symbol = str(value).strip().upper()
        if not symbol:
            self.fail("a symbol is empty", param, ctx)
        if not symbol.isprintable() or any(character.isspace() for character in symbol):
            self.fail(f"{value!r} is no symbol", param, ctx)
        return symbol


def listed_symbols(config: Config) -> Sequence[str]:
    """Give what the configured exchange lists, or listed within the last hour.

    Raises ConfigError when its information can not be read, UnreachableError when it can not be asked.
    """
    return list(list_instruments(config, WallClock(), kept_s=KEPT_S))


def check_known(symbols: Iterable[str], known: Collection[str]) -> list[str]:
    """Give each symbol once; raises UsageError, with the nearest names, when one is not known."""
    wanted = list(dict.fromkeys(symbols))
    names = frozenset(known)
    unknown = [symbol for symbol in wanted if symbol not in names]
    if unknown:
        named = ", ".join(unknown[:_NAMED_MAX]) + (" …" if len(unknown) > _NAMED_MAX else "")
        noun = "unknown symbol" if len(unknown) == 1 else f"{len(unknown)} unknown symbols:"
        raise UsageError(f"{noun} {named}", hint=_nearest(unknown[:_NAMED_MAX], known))
    return wanted


def check_settled_or_listed(
    symbols: Iterable[str], settled: Iterable[str], listed: Callable[[], Iterable[str]]
) -> list[str]:
    """Give each symbol once; raises as `check_known`, and as `listed`, which is asked where one has no settings."""
    wanted, known = list(dict.fromkeys(symbols)), frozenset(settled)
    return wanted if known.issuperset(wanted) else check_known(wanted, [*known, *listed()])


def _nearest(unknown: Sequence[str], known: Collection[str]) -> str:
    alike = dict.fromkeys(near for symbol in unknown for near in difflib.get_close_matches(symbol, known, _NEAREST_MAX))
    if alike:
        return f"did you mean {', '.join(alike)}?"
    return "naive-daemon settings list shows the symbols that have settings"
