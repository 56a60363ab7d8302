"""Why no entry may leave: one gate for an account, closed for all of it or for one symbol, by kinds of reasons. Pure.

Exits and cancels never pass through it. Whoever stands before a closed gate is told when it opens, so nobody has to
try.
"""

from collections.abc import Iterator

Scope = str | None
"""A symbol, or None for the whole account."""


class EntryGate:
    """Reasons by scope and kind; of one scope the reason that came first is told.

    `effects`: kinds whose cause may be another reason of the same scope; that one is told then. `causes`: what it is.
    """

    def __init__(self, effects: frozenset[str] = frozenset(), causes: frozenset[str] = frozenset()) -> None:
        self._effects = effects
        self._causes = causes
        self._reasons: dict[Scope, dict[str, str]] = {}

    def hold(self, kind: str, reason: str, scope: Scope = None) -> bool:
        """Hold entries back; True when what the scope is told changes."""
        before = self.own_reason(scope)
        self._reasons.setdefault(scope, {})[kind] = reason
        return self.own_reason(scope) != before

    def release(self, kind: str, scope: Scope = None) -> bool:
        """Take one kind of reason away; True when what the scope is told changes."""
        before = self.own_reason(scope)
        kinds = self._reasons.get(scope, {})
        kinds.pop(kind, None)
        if not kinds:
            self._reasons.pop(scope, None)
        return self.own_reason(scope) != before

    def holds(self, kind: str, scope: Scope = None) -> bool:
        """Say whether a kind of reason holds a scope back."""
        return kind in self._reasons.get(scope, ())

    def scopes(self, kind: str) -> list[Scope]:
        """Give what is held back for a kind of reason."""
        return [scope for scope, kinds in self._reasons.items() if kind in kinds]

    def reason(self, symbol: str) -> str | None:
        """Say why no entry of a symbol may leave; None when it may."""
        of_account = self.own_reason(None)
        return self.own_reason(symbol) if of_account is None else of_account

    def own_reason(self, scope: Scope) -> str | None:
        """Give the first reason of exactly this scope, or its cause."""
        kinds = self._reasons.get(scope, {})
        first = next(iter(kinds), None)
        if first in self._effects:
            first = next((kind for kind in kinds if kind in self._causes), first)
        return None if first is None else kinds[first]

    def __iter__(self) -> Iterator[tuple[Scope, str]]:
        """Go over everything that is held back, with its first reason."""
        for scope in list(self._reasons):
            reason = self.own_reason(scope)
            if reason is not None:
                yield scope, reason
