"""The signals of one symbol and one set of needs where they are told from outside: computed once for many backtests.

Receives: Signal, from whoever plays the market; AskLastSignal from traders that start.
Sends: what every Signaller does.
State: the last signal.
"""

from typing import Any

from naive_daemon.market.signaller import Signaller
from naive_daemon.strategy.protocol import Signal


class ToldSignaller(Signaller):
    """See the module; it hears no candle, and analyses nothing."""

    def init(self) -> None:
        """Wait to be told."""

    def on_receive(self, message: Any) -> None:
        """Tell on a signal."""
        if isinstance(message, Signal):
            self._last = message
            self.system.pubsub.publish(self._topic, message)
        else:
            super().on_receive(message)
