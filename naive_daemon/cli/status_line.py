"""The status line of `run`: below the log, what every symbol does now, for a person at a terminal."""

import io
from decimal import Decimal
from types import TracebackType
from typing import Self, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from naive_daemon import names
from naive_daemon.domain.events import LastPrice, Trade
from naive_daemon.domain.money import plain
from naive_daemon.otp import ActorDiedError, ActorSystem
from naive_daemon.trading.switch_messages import AskSymbols
from naive_daemon.trading.symbol_record import SymbolView

ASK_TIMEOUT_S = 0.5
SHOWN_MAX = 3


class _Above(io.TextIOBase):
    """Writes log lines above the status line."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        self._console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
        return len(text)

    def isatty(self) -> bool:
        return True


class StatusLine:
    """Draws one line on a terminal, again and again; use as a context."""

    def __init__(self, terminal: TextIO) -> None:
        console = Console(file=terminal, highlight=False, markup=False, emoji=False)
        self._live = Live(Text("starting …", style="dim"), console=console, auto_refresh=False, transient=True)
        self.log_target = cast("TextIO", _Above(console))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def draw(self, system: ActorSystem) -> None:
        """Ask the switches what the symbols do, and show it."""
        try:
            symbols = system.ask(names.SWITCHES, AskSymbols(), ASK_TIMEOUT_S)
            shown = [self._symbol(system, view) for view in symbols if view.state != "off"]
        except (ActorDiedError, TimeoutError):
            return  # it is being restarted; the next tick shows it
        text = "   ".join(shown[:SHOWN_MAX]) or "no symbol is on: naive-daemon start SYMBOL"
        if len(shown) > SHOWN_MAX:
            text += f"   and {len(shown) - SHOWN_MAX} more"
        self._live.update(Text(text, style="bold", no_wrap=True, overflow="ellipsis"), refresh=True)

    def _symbol(self, system: ActorSystem, view: SymbolView) -> str:
        feed = system.whereis(names.feed(view.symbol))
        trade = system.ask(feed, LastPrice(), ASK_TIMEOUT_S) if feed is not None else None
        price = plain(trade.price) if isinstance(trade, Trade) else "-"
        profit = plain(view.realised_pnl.quantize(Decimal("0.00000001")))
        return (
            f"{view.symbol} {view.state}  price {price}  traders {view.traders}  cycles {view.completed}"
            f"  profit {profit}"
        )
