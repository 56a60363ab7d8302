"""Waits for the daemon to do with symbols what was asked for, and says which it does not do."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine

from naive_daemon.cli.command import Options
from naive_daemon.cli.confirmation import Actual, Target, await_states, read_actual
from naive_daemon.cli.output import progress
from naive_daemon.clock import WallClock
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.settings import RestingOrders, TradingStatus

_NAMED_MAX = 10
_QUARANTINED = "quarantined"
_ON, _OFF, _SHUTDOWN = TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN

# In which states a symbol does what is asked for.
_SETTLED = {_ON: frozenset({"on"}), _OFF: frozenset({"off"}), _SHUTDOWN: frozenset({"shutdown", "off"})}
# Which wishes of others undo what is asked for. A shutdown becomes off by itself, when everything is sold.
_UNDONE = {_ON: frozenset({_OFF, _SHUTDOWN}), _OFF: frozenset({_ON, _SHUTDOWN}), _SHUTDOWN: frozenset({_ON})}
_OPTIONS = {_OFF: "--orders", _SHUTDOWN: "--entries"}


class SwitchWait:
    """What the daemon says is known to be its answer by the revision of which it says it.

    `resting` is what shall become of orders; None where nothing is asked for.
    """

    def __init__(
        self,
        url: str,
        engine: Engine,
        status: TradingStatus,
        timeout_s: float,
        targets: Sequence[Target],
        *,
        resting: RestingOrders | None = None,
    ) -> None:
        self._url = url
        self._engine = engine
        self._status = status
        self._resting = resting
        self._timeout_s = timeout_s
        self._are_several = len({target.account for target in targets}) > 1

    def run(self, options: Options, targets: Sequence[Target]) -> dict[Target, Actual]:
        """Wait; gives the symbols that do not do what is asked for, and what they do."""
        failed: dict[Target, Actual] = {}

        def settled(target: Target, actual: Actual) -> bool:
            if self._is_overtaken(actual) or self._has_failed(actual):
                failed[target] = actual
                return True
            return actual.is_answer and actual.state in _SETTLED[self._status]

        with progress(options) as bar:
            task = bar.add_task("waiting for the daemon", total=len(targets))
            late = await_states(
                self._url,
                lambda wanted: read_actual(self._engine, wanted),
                dict.fromkeys(targets, Actual()),  # what stood before says nothing of what came of it
                settled,
                timeout_s=self._timeout_s,
                clock=WallClock(),
                advance=lambda done: bar.update(task, completed=done),
            )
        return failed | late

    def complaint(self, unsettled: Mapping[Target, Actual]) -> NaiveError:
        """Say which symbols do not do what was asked for."""
        for target, actual in unsettled.items():
            if self._is_overtaken(actual):
                orders = f", {_OPTIONS[self._status]} {actual.resting}," if self._is_otherwise(actual) else ""
                return NaiveError(
                    f"{self._named(target)} was set to {actual.desired}{orders} by another command meanwhile",
                    hint="what was asked for last holds; naive-daemon status shows it",
                )
            if self._has_failed(actual):
                others = f" ({len(unsettled) - 1} more symbols are not on)" if len(unsettled) > 1 else ""
                return NaiveError(
                    f"{self._named(target)} is quarantined: {actual.last_error or 'it crashed'}{others}",
                    hint="it is tried again by itself, ever more seldom; naive-daemon start tries at once",
                )
        named = ", ".join(self._named(target) for target in list(unsettled)[:_NAMED_MAX])
        more = " …" if len(unsettled) > _NAMED_MAX else ""
        return NaiveError(
            f"the daemon has not confirmed within {self._timeout_s:g} s: {named}{more}",
            hint="the wish is kept, and the daemon will do it; naive-daemon status shows how far it is",
        )

    def _named(self, target: Target) -> str:
        return f"{target.symbol} of account {target.account}" if self._are_several else target.symbol

    def _is_overtaken(self, actual: Actual) -> bool:
        return actual.desired in _UNDONE[self._status] or self._is_otherwise(actual)

    def _is_otherwise(self, actual: Actual) -> bool:
        return self._resting is not None and actual.desired is self._status and actual.resting is not self._resting

    def _has_failed(self, actual: Actual) -> bool:
        # A quarantine from before the start is what the start is meant to end.
        return self._status is _ON and actual.state == _QUARANTINED and actual.is_answer
