"""What a trader hears of the market beside the prices it waits for: the signals of its strategy, if that has any.

Part of the trader. While the trader's orders are not confirmed the newest signal is kept for it.
"""

from naive_daemon import names
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.signaller import AskLastSignal, signals_of
from naive_daemon.otp import Actor
from naive_daemon.strategy.protocol import Signal, Strategy
from naive_daemon.strategy.settings import needs_of
from naive_daemon.trading.context import SymbolContext


class Hearing:
    """Belongs to the trader, `actor`."""

    def __init__(self, actor: Actor, context: SymbolContext, strategy: Strategy, settings: TradeSettings) -> None:
        self._actor = actor
        needs = needs_of(strategy, settings)
        self._topic = None if needs is None else names.signals(context.symbol, signals_of(settings.strategy, needs))
        self._kept: Signal | None = None

    def begin(self) -> None:
        """Hear signals, and be told the last one; where nobody computes them yet, it is told when somebody does."""
        if self._topic is not None:
            self._actor.subscribe(self._topic)
            self._actor.system.tell(self._topic, AskLastSignal(self._actor.ref))

    def keep(self, signal: Signal) -> None:
        """Keep a signal until it can be decided on; one that is told again takes none away that is as young."""
        if self._kept is None or signal.is_new or signal.time_ns > self._kept.time_ns:
            self._kept = signal

    def take_kept(self) -> Signal | None:
        """Give the signal that came while nothing could be decided, once."""
        kept, self._kept = self._kept, None
        return kept
