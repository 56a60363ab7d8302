"""Why no entry may leave a trader now: it is held by the execution manager, or who carries orders is behind.

Part of the trader. Exits are never hindered.
"""

from naive_daemon import names
from naive_daemon.domain.money import plain
from naive_daemon.execution.messages import EntriesHeld, EntriesReviewed
from naive_daemon.otp import Actor, Ref
from naive_daemon.strategy.protocol import Place
from naive_daemon.trading.context import SymbolContext


class Hindrances:
    """Belongs to the trader, `actor`. What it took away, `take` and `relieve` say: then it decides again."""

    def __init__(self, actor: Actor, context: SymbolContext) -> None:
        self._actor = actor
        self._symbol = context.symbol
        self._held: dict[str | None, str] = {}
        self._told: str | None = None
        account = context.account
        self._carriers = (names.JOURNAL, names.execution_manager(account), names.account(account))
        self._behind: set[Ref] = set()

    def take(self, held: EntriesHeld | EntriesReviewed) -> bool:
        """Note why entries wait; True when they need not any more."""
        was_held = bool(self._held)
        if isinstance(held, EntriesReviewed):
            reasons = held.reasons
            self._held = {scope: reasons[scope] for scope in (None, self._symbol) if scope in reasons}
        elif held.reason is None:
            self._held.pop(held.symbol, None)
        else:
            self._held[held.symbol] = held.reason
        return was_held and not self._held

    def congest(self, ref: Ref) -> None:
        """Note that somebody is behind with what it has been told."""
        if ref.name in self._carriers:
            self._behind.add(ref)

    def relieve(self, ref: Ref) -> bool:
        """Note that somebody has caught up; True when nobody is behind any more."""
        self._behind.discard(ref)
        return not self._behind

    def holds_back(self, place: Place, *, is_closed: bool) -> bool:
        """Say whether an entry has to wait, and tell why, once."""
        reason = "the symbol is shutting down" if is_closed else self._reason()
        if reason is not None and reason != self._told:
            self._actor.log.warning("no order", reason=reason, price=plain(place.price))
        self._told = reason
        return reason is not None

    def _reason(self) -> str | None:
        """Say why no entry may leave now; what has to end first lets the trader decide again."""
        if self._held:
            return next(iter(self._held.values()))
        for name in self._carriers:
            ref = self._actor.system.whereis(name)
            if ref is not None and not self._actor.await_room(ref):
                self._behind.add(ref)
        behind = ", ".join(sorted(ref.label for ref in self._behind))
        return f"{behind}: too many messages wait, no new entries until they are read" if behind else None
