"""All symbols as the switches know them, and what control is told of them. Part of the switches."""

from collections.abc import Iterable, Iterator, Mapping

from naive_daemon import names
from naive_daemon.execution.messages import EntriesHeld, EntriesReviewed
from naive_daemon.otp import Actor, Ref
from naive_daemon.trading.cause import cause_text
from naive_daemon.trading.guard import Guard
from naive_daemon.trading.reports import LeaderReport
from naive_daemon.trading.switch_messages import ActualChanged, StatusDrained, SymbolKey
from naive_daemon.trading.symbol_record import SymbolRecord, SymbolView


class SymbolBoard:
    """Belongs to the switches, `actor`. Finds a symbol by its key, its supervisor or its account."""

    def __init__(self, actor: Actor, guard: Guard) -> None:
        self._actor = actor
        self._guard = guard
        self._records: dict[SymbolKey, SymbolRecord] = {}
        self._by_account: dict[str, dict[SymbolKey, SymbolRecord]] = {}
        self._by_ref: dict[Ref, SymbolKey] = {}
        self._market_reasons: dict[SymbolKey, str] = {}

    def get(self, key: SymbolKey) -> SymbolRecord | None:
        """Give a symbol's record, if there is one."""
        return self._records.get(key)

    def keys(self) -> Iterable[SymbolKey]:
        """Give all keys."""
        return self._records.keys()

    def items(self) -> Iterable[tuple[SymbolKey, SymbolRecord]]:
        """Give all symbols."""
        return self._records.items()

    def of_account(self, account: str) -> Iterator[tuple[SymbolKey, SymbolRecord]]:
        """Give all symbols of an account."""
        yield from self._by_account.get(account, {}).items()

    def add(self, key: SymbolKey, record: SymbolRecord) -> SymbolRecord:
        """Know one symbol more."""
        record.market_reason = self._market_reasons.get(key)
        self._records[key] = self._by_account.setdefault(key[0], {})[key] = record
        return record

    def adopt(self, key: SymbolKey, ref: Ref) -> None:
        """Know a symbol's supervisor, and hear of its end."""
        record = self._records[key]
        record.ref = ref
        record.started_at_s = self._now_s
        self._by_ref[ref] = key
        self._actor.monitor(ref)

    def take_end(self, ref: Ref) -> tuple[SymbolKey, SymbolRecord] | None:
        """Give whose supervisor has ended, and know it no more."""
        key = self._by_ref.pop(ref, None)
        if key is None:
            return None
        record = self._records[key]
        record.ref = None
        return key, record

    def take_report(self, report: LeaderReport) -> None:
        """Note how a symbol trades, as its leader says; one that is being stopped says so no more."""
        symbol = self._records.get((report.account, report.symbol))
        if symbol is None or symbol.state not in ("starting", "on", "shutdown"):
            return
        symbol.state = "shutdown" if report.is_draining else "on"
        symbol.heard = report.revision
        symbol.traders = report.traders
        symbol.completed, symbol.realised_pnl = report.completed, report.realised_pnl
        if report.restarted is not None:
            symbol.restarts += 1
            symbol.note_fault(report.restarted, self._now_s)
        if report.fault is not None:
            symbol.note_fault(report.fault, self._now_s)
        self.tell(symbol)

    def note_restart(self, key: SymbolKey, reason: str) -> None:
        """Note that a symbol has started again, and why."""
        symbol = self._records.get(key)
        if symbol is not None:
            symbol.restarts += 1
            symbol.note_fault(reason, self._now_s)
            self.tell(symbol)

    def note_held(self, held: EntriesHeld | EntriesReviewed) -> None:
        """Note why entries wait."""
        name = self._guard.note(held)
        if name is not None:
            concerned = [self._records.get((held.account, name))]
        else:
            concerned = [symbol for _, symbol in self.of_account(held.account)]
        for symbol in filter(None, concerned):
            self.tell(symbol)

    def note_no_market(self, name: str) -> None:
        """Note that nobody has a market for a symbol."""
        for key, symbol in self._records.items():
            if key[1] == name and symbol.state in ("starting", "on", "shutdown"):
                symbol.note_fault(f"no market data for {name}", self._now_s)
                self.tell(symbol)

    def note_market(self, reasons: Mapping[SymbolKey, str]) -> None:
        """Note which symbols the market gives nothing, and why; all others are well."""
        before = self._market_reasons
        self._market_reasons = now = {key: cause_text(reason) for key, reason in reasons.items()}
        for key in sorted(before.keys() | now.keys()):
            symbol = self._records.get(key)
            if symbol is not None and before.get(key) != now.get(key):
                symbol.market_reason = now.get(key)
                self.tell(symbol)

    @property
    def _now_s(self) -> float:
        return self._actor.system.clock.monotonic_s()

    def views(self) -> tuple[SymbolView, ...]:
        """Give all symbols as they are shown to whoever asks the daemon itself."""
        return tuple(record.view(self._guard.reason(key)) for key, record in self._records.items())

    def tell(self, record: SymbolRecord) -> None:
        """Tell control what a symbol does, if that is new."""
        settings = record.settings
        actual = record.actual(self._guard.reason((settings.account, settings.symbol)))
        if actual != record.told:
            record.told = actual
            self._actor.system.tell(names.CONTROL, ActualChanged(actual))

    def tell_all(self) -> None:
        """Tell control everything again."""
        for key, record in self._records.items():
            record.told = None
            self.tell(record)
            if record.has_drained and record.state in ("stopping", "drained"):
                self._actor.system.tell(names.CONTROL, StatusDrained(*key, record.settings.revision))
