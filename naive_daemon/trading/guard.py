"""What guards entries, as the switches know it: the safeguards that operators set, and why entries wait now.

Part of the switches. They pass the safeguards on to the execution managers, before anything that these guard starts,
and keep what those say holds, to show it with each symbol.
"""

import msgspec

from naive_daemon import names
from naive_daemon.domain.limits import KillCancel, Safeguards
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.execution.messages import EntriesHeld, EntriesReviewed, KillSwitchObeyed, OperatorLooked
from naive_daemon.execution.promises import BROKEN
from naive_daemon.otp import Actor, Ref
from naive_daemon.trading.switch_messages import SymbolKey


class LeftAlone(msgspec.Struct, frozen=True):
    """An account has had no execution manager for so long that no entry of one leaves any more. `wait`: which one."""

    account: str
    wait: int


class Guard:
    """Belongs to the switches, `actor`; for the accounts that this daemon trades, up or down."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._accounts: set[str] = set()
        self._safeguards: Safeguards | None = None
        self._held: dict[tuple[str, str | None], str] = {}
        self._waits: dict[str, int] = {}
        self._waited = 0
        self._told: dict[Ref, str] = {}

    def add(self, account: str) -> None:
        """Hear why entries of an account that is ours wait, and tell its execution manager what holds."""
        if account not in self._accounts:
            self._accounts.add(account)
            self._actor.subscribe(names.entries(account))
        self.tell(account)

    def drop(self, account: str) -> None:
        """Know an account no more: it has nobody through whom an entry could leave, or will have nobody in a moment."""
        self._held = {scope: reason for scope, reason in self._held.items() if scope[0] != account}
        self._accounts.discard(account)
        self._waits.pop(account, None)
        self._actor.unsubscribe(names.entries(account))

    def take_safeguards(self, safeguards: Safeguards | None) -> None:
        """Take the safeguards as they are now; None where nobody sets any."""
        if safeguards is not None and safeguards != self._safeguards:
            self._safeguards = safeguards
            self.tell_all()

    def tell_all(self) -> None:
        """Tell every execution manager, also again: who obeys the kill switch says so to control each time."""
        for account in sorted(self._accounts):
            self.tell(account)

    def tell(self, account: str) -> None:
        """Tell one account's execution manager.

        Where nobody is, a client or its gateway may have outlived who was, and have an entry that it still sends: the
        kill switch is obeyed there once the last one has left. Who comes waits for the safeguards first.
        """
        self._waits.pop(account, None)
        if self._safeguards is None:
            return
        manager = self._actor.system.whereis(names.execution_manager(account))
        if manager is None:
            self._wait(account)
            return
        manager.tell(self._safeguards)
        if manager not in self._told:
            self._told[manager] = account
            self._actor.monitor(manager)

    def take_end(self, manager: Ref) -> None:
        """Know that a manager has ended, which may have outlived its account, and have confirmed nothing."""
        account = self._told.pop(manager, None)
        if account in self._accounts and self._actor.system.whereis(names.execution_manager(account)) is None:
            self._wait(account)

    def _wait(self, account: str) -> None:
        self._waited += 1
        self._waits[account] = self._waited
        self._actor.send_after(SEND_WITHIN_S, LeftAlone(account, self._waited))

    def take_left_alone(self, alone: LeftAlone) -> None:
        """Say that the kill switch is obeyed by an account through which no entry can leave."""
        account, system, safeguards = alone.account, self._actor.system, self._safeguards
        if self._waits.get(account) != alone.wait or safeguards is None:
            return
        switch, manager = safeguards.kill_switch, system.whereis(names.execution_manager(account))
        if manager is None and not (switch.is_on and switch.cancel is KillCancel.ENTRIES):
            system.tell(names.CONTROL, KillSwitchObeyed(account, switch.revision))

    def look(self, key: SymbolKey) -> None:
        """Tell that an operator has looked at a symbol, and wants it traded."""
        self._actor.system.tell(names.execution_manager(key[0]), OperatorLooked(key[1]))

    def note(self, held: EntriesHeld | EntriesReviewed) -> str | None:
        """Note what holds; gives the symbol that this is about, None for the whole account."""
        if isinstance(held, EntriesReviewed):
            others = {scope: reason for scope, reason in self._held.items() if scope[0] != held.account}
            self._held = others | {(held.account, scope): reason for scope, reason in held.reasons.items()}
            return None
        if held.reason is None:
            self._held.pop((held.account, held.symbol), None)
        else:
            self._held[held.account, held.symbol] = held.reason
        return held.symbol

    def reason(self, key: SymbolKey) -> str | None:
        """Say why a symbol's entries wait; None when they do not.

        What holds the whole account goes first, but for a promise that is broken: that one passes not by itself.
        """
        own = self._held.get(key)
        return own if own is not None and own.startswith(BROKEN) else self._held.get((key[0], None)) or own
