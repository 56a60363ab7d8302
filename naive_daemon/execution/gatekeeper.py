"""Who lets entries out: connection, market, kill switch and limits in one place. Part of the execution manager.

It says to everybody why entries wait, once for each change, and opens by itself when a limit has room again.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from naive_daemon import names
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import MarketHealth
from naive_daemon.domain.limits import RiskLimits, Safeguards
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import ClientTrouble, MarketStatus
from naive_daemon.execution.entry_gate import EntryGate, Scope
from naive_daemon.execution.indexer import Indexer
from naive_daemon.execution.journal_store import RiskJournal
from naive_daemon.execution.messages import EntriesHeld, EntriesReviewed
from naive_daemon.execution.risk import RiskBook
from naive_daemon.otp import Actor, Timer

LOOK_S = 5.0
"""How often it is looked whether a limit that was reached has room again."""

CONNECTION, KILL_SWITCH, LIMIT, MARKET, HALTED, UNREAD, DRAIN, PROMISE = (
    "connection", "kill switch", "limit", "market", "halted", "unread", "drain", "promise",
)  # fmt: skip
ORDINARY = (UNREAD, DRAIN)
"""Each start has its moment before the safeguards are read, and each end its drain: no news, nothing to warn of."""


class LookAtLimits(msgspec.Struct, frozen=True):
    """Time to look whether limits that were reached have room again."""


class Gatekeeper:
    """Belongs to one execution manager, `actor`, and runs in its turns only."""

    def __init__(self, actor: Actor, account: str, indexer: Indexer, count_live: Callable[[], int]) -> None:
        self._actor = actor
        self._account = account
        self._count_live = count_live
        # A promise that is broken waits for somebody who looks, whatever else holds the symbol.
        causes = frozenset({"credentials", "ban", PROMISE})
        self._gate = EntryGate(effects=frozenset({CONNECTION, LIMIT, HALTED}), causes=causes)
        self._risk = RiskBook(indexer.quote_asset)
        self._refused: dict[str, Order] = {}
        self._next_look: Timer | None = None
        self.refusals = 0

    def open(self, risk: RiskJournal) -> None:
        """Know what is at risk already."""
        self._risk.restore(risk, self._now_ns())

    def refusal(self, order: Order) -> str | None:
        """Say why an order may not leave now; a sell always may."""
        if order.side is not Side.BUY:
            return None
        reason = self._gate.reason(order.symbol)
        if reason is None:
            reason = self._risk.refusal(order, self._count_live(), self._now_ns())
            if reason is not None:
                self._refused[order.symbol] = order
                self.hold(LIMIT, reason, order.symbol)
                self._look_later()
        elif order.symbol in self._refused:
            self._refused[order.symbol] = order  # what is wanted now, which may have room
        self.refusals += reason is not None
        return reason

    def take_sent(self, order: Order) -> None:
        """Count an order that leaves."""
        self._risk.take_sent(self._now_ns())
        self._risk.take_order(order)

    def take_order(self, order: Order) -> None:
        """Count what has become of an order."""
        self._risk.take_order(order)

    def spent_beside(self, order: Order) -> Decimal:
        """Give what the other buys of an order's cycle have cost or may still cost."""
        return self._risk.spent_beside(order)

    def take_ends(self, cycles: Iterable[Cycle]) -> None:
        """Count cycles that have ended."""
        for cycle in cycles:
            self._risk.take_end(cycle)
            symbol = cycle.key.symbol
            refused = self._refused.get(symbol)
            if refused is not None and refused.key == cycle.key:  # nobody wants it any more
                del self._refused[symbol]
                self.release(LIMIT, symbol)

    def take_safeguards(self, safeguards: Safeguards) -> None:
        """Heed the kill switch and the limits as they are now, and say again what holds."""
        switch = safeguards.kill_switch
        if switch.is_on:
            self.hold(KILL_SWITCH, f"kill switch: {switch.reason}" if switch.reason else "kill switch")
        else:
            self.release(KILL_SWITCH)
        self._risk.limits = safeguards.limits.get(self._account, RiskLimits())
        self.release(UNREAD)
        self.look_at_limits()
        self.tell_all()

    def take_trouble(self, trouble: ClientTrouble) -> None:
        """Hold or release what the client's own trouble concerns."""
        if trouble.reason is None:
            self.release(trouble.kind)
        else:
            self.hold(trouble.kind, trouble.reason)

    def take_market_status(self, status: MarketStatus) -> None:
        """Hold the symbols that are halted, release those that are not any more."""
        for scope in self._gate.scopes(HALTED):
            if scope not in status.halted:
                self.release(HALTED, scope)
        for symbol in sorted(status.halted):
            self.hold(HALTED, f"the exchange has halted {symbol}", symbol)

    def take_market_health(self, health: MarketHealth) -> None:
        """Hold everything while no market data comes: whoever buys blind buys dear."""
        if health.connected:
            self.release(MARKET)
        else:
            self.hold(MARKET, health.reason)

    def hold(self, kind: str, reason: str, scope: Scope = None) -> None:
        """Hold entries back, and say so if that is new."""
        if self._gate.hold(kind, reason, scope):
            say = self._actor.log.debug if kind in ORDINARY else self._actor.log.warning
            say("entries held", **_about(scope), reason=reason)
            self._tell(scope)

    def release(self, kind: str, scope: Scope = None) -> None:
        """Let entries out again, as far as nothing else holds them."""
        if self._gate.release(kind, scope):
            reason = self._gate.own_reason(scope)
            say = self._actor.log.debug if kind in ORDINARY else self._actor.log.info
            if reason is None:
                say("entries released", **_about(scope))
            else:
                say("entries held", **_about(scope), reason=reason)
            self._tell(scope)

    def holds(self, kind: str) -> bool:
        """Say whether a kind of reason holds the whole account back."""
        return self._gate.holds(kind)

    def tell_all(self) -> None:
        """Say everything that holds, and that nothing else does, also to those who have heard otherwise before."""
        self._publish(EntriesReviewed(self._account, dict(self._gate)))

    def held(self) -> tuple[EntriesHeld, ...]:
        """Give everything that holds now."""
        return tuple(EntriesHeld(self._account, scope, reason) for scope, reason in self._gate)

    def held_of(self, symbol: str) -> EntriesHeld:
        """Give what holds one symbol, for a trader that was refused."""
        scope = None if self._gate.own_reason(None) is not None else symbol
        return EntriesHeld(self._account, scope, self._gate.own_reason(scope))

    def look_at_limits(self) -> None:
        """Release the symbols whose refused entries would pass now, were they all placed."""
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        for symbol, order in list(self._refused.items()):
            if self._risk.refusal(order, self._count_live(), self._now_ns()) is None:
                self._risk.offer(order)
                del self._refused[symbol]
                self.release(LIMIT, symbol)
        self._risk.end_offers()
        if self._refused:
            self._look_later()

    def _look_later(self) -> None:
        if self._next_look is None:
            self._next_look = self._actor.send_after(LOOK_S, LookAtLimits())

    def _tell(self, scope: Scope) -> None:
        held = EntriesHeld(self._account, scope, self._gate.own_reason(scope))
        self._publish(held)
        if scope is not None:
            self._actor.system.tell(names.SWITCHES, held)

    def _publish(self, message: EntriesHeld | EntriesReviewed) -> None:
        symbol = message.symbol if isinstance(message, EntriesHeld) else None
        self._actor.system.pubsub.publish(names.entries(self._account, symbol), message)

    def _now_ns(self) -> int:
        return self._actor.system.clock.now_ns()


def _about(scope: Scope) -> dict[str, str]:
    """Name the symbol in a line of the log; a line about the whole account names none."""
    return {} if scope is None else {"symbol": scope}
