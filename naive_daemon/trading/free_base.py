"""What a trader's account has free of the base asset: asked for once a sell was refused for want of it.

Part of the trader. The exchange itself is asked, after the refusal: what the account was told before may be older, and
a balance that is too low would sell too little. What others have reserved is not free, so two traders of one symbol
never both lack the same.
"""

from collections.abc import Callable
from decimal import Decimal

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import BalanceUpdated
from naive_daemon.domain.money import ZERO, plain
from naive_daemon.domain.order import Order
from naive_daemon.execution.client import AskBalances
from naive_daemon.otp import Actor, RequestFailed
from naive_daemon.trading.context import SymbolContext

ASK_TIMEOUT_S = 30.0
ASK_AGAIN_NS = 10 * NS_PER_S
"""How seldom is asked what was not answered, in the market's time."""


class FreeBase:
    """Belongs to the trader, `actor`, which is told what is free by `take`."""

    def __init__(self, actor: Actor, context: SymbolContext, take: Callable[[Order, Decimal], None]) -> None:
        self._actor = actor
        self._context = context
        self._take = take
        self._asked: str | None = None
        self._asked_ns = 0

    def find_out(self, refused: Order, time_ns: int) -> None:
        """Find out what is free since this order was refused, unless that was asked just now."""
        if refused.client_order_id == self._asked and 0 <= time_ns - self._asked_ns < ASK_AGAIN_NS:
            return
        self._asked, self._asked_ns = refused.client_order_id, time_ns
        client = self._actor.system.whereis(names.client(self._context.account))
        self._actor.request(client, AskBalances(), lambda answer: self._take_answer(refused, answer), ASK_TIMEOUT_S)

    def _take_answer(self, refused: Order, answer: tuple[BalanceUpdated, ...] | RequestFailed) -> None:
        if isinstance(answer, RequestFailed):
            self._actor.log.warning("not known what is free", reason=str(answer.reason))
            return
        asset = self._context.instrument.base_asset
        free = next((balance.free for balance in answer if balance.asset == asset), ZERO)
        self._actor.log.warning("sell was short", wanted=plain(refused.quantity), free=plain(free), base=asset)
        self._take(refused, free)
