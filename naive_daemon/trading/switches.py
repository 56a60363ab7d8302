"""The switches: make what runs equal to what is wanted, one symbol at a time. Autostart is what they do first.

Standing after the symbols under rest_for_one, they run again whenever the symbols' supervisor has crashed, and level
everything anew; a task that ran once at boot would leave every symbol down without a word.

Receives: SettingsRead (from control), AccountsTold, AccountUp and AccountDown (from the account desk), LeaderReport,
LeaderFailed, Drained, Down of symbols and execution managers, ExecutionStarted, EntriesHeld, EntriesReviewed,
MarketMissing, MarketTroubled; requests AskSettings, AskSymbols.
Sends: StartChild and TerminateChild to the symbols' supervisor, SettingsChanged to leaders, CancelSymbol, LeaveSymbol,
SymbolEnded and the safeguards to execution managers, ActualChanged and StatusDrained to control, TellAccounts to the
account desk, TellTrouble to the streams' desk.
State: for each symbol what is wanted, what runs, and how often it failed; which accounts are up; the safeguards; why
entries wait.

A symbol whose supervisor gives up is *quarantined*: it is down, its resting orders stay, and it is started again after
a pause that doubles, or at once when an operator says `start`. That costs no other symbol anything. A symbol runs only
while its account is up: with the account it goes down, and it is started when that is up again.

A symbol is off when its tree has ended and the journal has passed on the last that this did. Switches that have just
started do not know what that is, and wait for it with each symbol that is off.

`stop --orders cancel` is a state, not an event: every execution manager that starts, and every one that is there when
the switches start, is told of each symbol that is off with `stop_orders=cancel`.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

import msgspec

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradingStatus
from naive_daemon.execution.messages import (
    CancelSymbol,
    EntriesHeld,
    EntriesReviewed,
    ExecutionStarted,
    SymbolEnded,
)
from naive_daemon.market.feed import MarketMissing
from naive_daemon.market.trouble import MarketTroubled, TellTrouble
from naive_daemon.otp import (
    DEFERRED,
    Actor,
    Call,
    ChildInfo,
    ChildState,
    Deferred,
    Down,
    RequestFailed,
    WhichChildren,
    crash,
)
from naive_daemon.trading.account_book import AccountBook
from naive_daemon.trading.account_messages import AccountDown, AccountsTold, AccountUp, TellAccounts
from naive_daemon.trading.cause import cause_text, end_of
from naive_daemon.trading.context import ContextOf
from naive_daemon.trading.guard import Guard, LeftAlone
from naive_daemon.trading.leader import AskSettings, SettingsChanged
from naive_daemon.trading.quarantine import Quarantine
from naive_daemon.trading.reports import Drained, LeaderFailed, LeaderReport
from naive_daemon.trading.switch_messages import (
    AskSymbols,
    ControlStarted,
    ReadSettings,
    SettingsRead,
    StatusDrained,
    SymbolKey,
)
from naive_daemon.trading.symbol_board import SymbolBoard
from naive_daemon.trading.symbol_record import SymbolRecord
from naive_daemon.trading.symbol_runner import AskAgain, Left, SymbolRunner


class Retry(msgspec.Struct, frozen=True):
    """A symbol has been in quarantine for as long as it should."""

    key: SymbolKey


class Switches(Actor):
    """See the module."""

    def __init__(self, context_of: ContextOf, quarantine: Quarantine | None = None) -> None:
        super().__init__()
        self._guard = Guard(self)
        self._accounts = AccountBook()
        self._symbols = SymbolBoard(self, self._guard)
        self._runner = SymbolRunner(
            self, self._symbols, context_of, on_running=self._take_running, on_failed=self._fail
        )
        self._quarantine = quarantine or Quarantine()
        self._early: list[SettingsRead] | None = []
        self._asking: dict[SymbolKey, list[Call]] = {}
        self._unread: set[SymbolKey] = set()  # adopted, and what is wanted of them is not known yet

    def init(self) -> None:
        """Find out what runs since before, and have the settings read; control sends them when it starts, too."""
        self.subscribe(names.MARKET_MISSING)
        self.subscribe(names.MARKET_TROUBLE)
        self.system.tell(names.STREAM_DESK, TellTrouble())
        self.system.tell(names.ACCOUNT_DESK, TellAccounts())
        self.request(self.system.whereis(names.SYMBOLS), WhichChildren(), self._take_children)
        self.system.tell(names.CONTROL, ReadSettings())

    def on_receive(self, message: Any) -> Any:
        """Level what is wanted and what is so, or answer."""
        match message:
            case SettingsRead():
                if self._early is None:
                    self._take_read(message)
                else:
                    self._early.append(message)
            case ControlStarted():
                self._symbols.tell_all()
                self._guard.tell_all()  # who obeyed the kill switch may have told a control that has died
            case AskSettings(account, symbol):
                return self._settings_of((account, symbol))
            case AccountUp() | AccountDown() | AccountsTold():
                self._take_accounts(message)
            case ExecutionStarted(account):
                self._guard.add(account)
                self._clear_all(account)
            case AskAgain(key):
                self._runner.ask_again(key)
            case Retry(key):
                self._retry(key)
            case AskSymbols():
                return self._symbols.views()
            case _:
                self._take_news(message)
        return None

    def _take_news(self, message: Any) -> None:
        """Note what a symbol has done, or what has befallen it."""
        match message:
            case LeaderReport():
                self._symbols.take_report(message)
            case LeaderFailed(account, symbol, reason):
                self._symbols.note_restart((account, symbol), reason)
            case Drained(account, symbol, told):
                self._drained((account, symbol), told)
            case Down():
                self._take_end(message)
            case Left(key):
                self._stopped(key)
            case MarketMissing(symbol):
                self._symbols.note_no_market(symbol)
            case MarketTroubled(reasons):
                self._symbols.note_market(reasons)
            case EntriesHeld() | EntriesReviewed():
                self._symbols.note_held(message)
            case LeftAlone():
                self._guard.take_left_alone(message)
            case _:
                super().on_receive(message)

    def _settings_of(self, key: SymbolKey) -> SettingsChanged | Deferred:
        """Answer a leader; one that has outlived the former switches waits until the settings have been read."""
        known = self._symbols.get(key)
        if known is not None and key not in self._unread:
            return self._told_leader(key, known)
        self._asking.setdefault(key, []).append(self.caller())
        return DEFERRED

    def _told_leader(self, key: SymbolKey, symbol: SymbolRecord) -> SettingsChanged:
        """Give what its leader is to be told, and remember that."""
        symbol.told_leader, symbol.told_fee = symbol.settings, self._accounts.fee(key[0])
        return SettingsChanged(symbol.told_leader, symbol.told_fee)

    # Desired --------------------------------------------------------------------------------------------------------

    def _take_read(self, read: SettingsRead) -> None:
        """Pass the safeguards on before anything that they guard starts."""
        self._guard.take_safeguards(read.safeguards)
        self._take_settings(read.rows)

    def _take_settings(self, rows: Iterable[SymbolSettings]) -> None:
        self._unread.clear()
        read = {(row.account, row.symbol): row for row in rows}
        for key, gone in self._symbols.items():
            if key not in read:
                read[key] = self._off(gone.settings)
        for key, settings in read.items():
            symbol = self._symbols.get(key) or self._symbols.add(key, SymbolRecord(settings))
            before, symbol.settings = symbol.settings, settings
            if symbol.is_looked_at(before):
                self._guard.look(key)
            symbol.is_read = True
            for call in self._asking.pop(key, ()):
                call.reply(self._told_leader(key, symbol))
            self._level(key, symbol, again=before != settings)

    def _off(self, gone: SymbolSettings) -> SymbolSettings:
        """Give what is wanted of a symbol without a row; where its account is down, too, its orders are left alone."""
        stop_orders = RestingOrders.KEEP if self._accounts.is_down(gone.account) else gone.stop_orders
        return msgspec.structs.replace(gone, status=TradingStatus.OFF, stop_orders=stop_orders)

    def _take_accounts(self, told: AccountUp | AccountDown | AccountsTold) -> None:
        """Start what waited for an account, stop what ran with one that is down, and pass on a fee that has changed."""
        for account in self._accounts.take(told):
            if self._accounts.is_down(account):
                self._guard.drop(account)
            if self._accounts.is_ours(account):
                self._guard.add(account)
            for key, symbol in self._symbols.of_account(account):
                self._level(key, symbol, again=False)

    def _take_children(self, children: tuple[ChildInfo, ...] | RequestFailed) -> None:
        """Adopt the symbols that outlived the former switches, as off: what is wanted of them is read now.

        One that the former switches were stopping goes on with that.
        """
        if isinstance(children, RequestFailed):
            self.exit(crash(f"what runs is not known: {children.reason}"))
        for child in children:
            account, name = key = cast("SymbolKey", child.id)
            symbol = self._symbols.add(key, SymbolRecord(SymbolSettings(account=account, symbol=name)))
            self._unread.add(key)
            if child.ref is not None and child.ref.is_alive():
                symbol.state = "stopping" if child.state is ChildState.STOPPING else "starting"
                self._symbols.adopt(key, child.ref)
        early, self._early = self._early or [], None
        for read in early:
            self._take_read(read)

    def _level(self, key: SymbolKey, symbol: SymbolRecord, *, again: bool) -> None:
        """Bring what is so nearer to what is wanted; what was done for that already only `again`."""
        is_wanted = symbol.settings.status is not TradingStatus.OFF
        fee = self._accounts.fee(key[0])
        match symbol.state:
            case _ if symbol.state == "stopping" or key in self._unread:
                pass  # levelled again when it has stopped, or what is wanted is known
            case "starting" | "on" | "shutdown":
                if not is_wanted or self._accounts.is_down(key[0]):
                    self._runner.stop(key, symbol)
                elif again or (fee is not None and fee != symbol.told_fee):
                    self.system.tell(names.leader(*key), self._told_leader(key, symbol))
            case "drained" if symbol.settings.status is TradingStatus.SHUTDOWN:
                # Control may have died with it, or an operator have said so again before the end of it was read.
                self.system.tell(names.CONTROL, StatusDrained(*key, symbol.settings.revision))
            case _ if is_wanted and fee is None:  # its account is not up
                symbol.wait(self._accounts.reason(key[0]))
            case "quarantined" if is_wanted and not again:
                pass
            case _ if is_wanted and fee is not None:
                self._start_symbol(key, symbol, fee)
            case _:  # also off already: `stop --orders cancel` is for what was left resting
                self._turn_off(key, symbol, again=again)
        self._symbols.tell(symbol)

    # Start and stop -------------------------------------------------------------------------------------------------

    def _start_symbol(self, key: SymbolKey, symbol: SymbolRecord, fee: Decimal) -> None:
        reason = self._runner.start(key, symbol, fee)
        if reason is not None:
            self._quarantine_symbol(key, symbol, reason)

    def _take_running(self, key: SymbolKey, symbol: SymbolRecord) -> None:
        """Tell its leader the settings: it may have reported and drained while nobody waited, and says so again."""
        self._level(key, symbol, again=True)

    def _stopped(self, key: SymbolKey) -> None:
        symbol = self._symbols.get(key)
        if symbol is None or symbol.state != "stopping" or symbol.ref is not None:
            return  # one of the former switches' symbols, which these have begun anew
        symbol.may_wait_in_journal = False
        symbol.rest()
        if symbol.has_drained and symbol.settings.status is TradingStatus.SHUTDOWN:
            symbol.state = "drained"
        self._level(key, symbol, again=True)

    def _turn_off(self, key: SymbolKey, symbol: SymbolRecord, *, again: bool) -> None:
        """Let a symbol rest whose tree is down; its resting orders are cancelled when that is wanted."""
        if symbol.may_wait_in_journal:
            self._runner.wait_for_journal(key, symbol)
            return
        settings = symbol.settings
        shall_clear = settings.stop_orders is RestingOrders.CANCEL and settings.status is TradingStatus.OFF
        if shall_clear and (again or not symbol.is_clearing):
            self._runner.pass_on(key, CancelSymbol(key[1]))
        symbol.is_clearing = shall_clear
        symbol.rest()

    def _clear_all(self, account: str) -> None:
        """Tell an execution manager that has started what its predecessor may have died with."""
        for key, symbol in self._symbols.of_account(account):
            if symbol.is_clearing:
                self._runner.pass_on(key, CancelSymbol(key[1]))

    # What symbols do ------------------------------------------------------------------------------------------------

    def _drained(self, key: SymbolKey, told: SymbolSettings) -> None:
        symbol = self._symbols.get(key)
        if symbol is None or symbol.ref is None or told is not symbol.told_leader:
            return  # it has been told something else since, or will be once its start is answered: it says so again
        if symbol.settings.status is TradingStatus.SHUTDOWN and symbol.state != "stopping":
            symbol.has_drained = True
            self.system.tell(names.CONTROL, StatusDrained(*key, told.revision))
            self._runner.stop(key, symbol)

    def _take_end(self, down: Down) -> None:
        ended = self._symbols.take_end(down.ref)
        if ended is None:
            self._guard.take_end(down.ref)
            return
        key, symbol = ended
        self._runner.pass_on(key, SymbolEnded(key[1]))
        if symbol.state == "stopping":
            self._runner.wait_for_journal(key, symbol)
        else:
            now_s = self.system.clock.monotonic_s()
            self._fail(key, symbol, symbol.why_ended(end_of(down.ref, down.reason), now_s))

    # Quarantine -----------------------------------------------------------------------------------------------------

    def _fail(self, key: SymbolKey, symbol: SymbolRecord, reason: str) -> None:
        """Try a symbol again later, unless it is not wanted any more: then what rests of it may be to cancel now."""
        self._quarantine_symbol(key, symbol, reason)
        self._level(key, symbol, again=False)

    def _quarantine_symbol(self, key: SymbolKey, symbol: SymbolRecord, reason: str) -> None:
        ran_s = self.system.clock.monotonic_s() - symbol.started_at_s
        has_recovered = symbol.failures > 0 and ran_s > self._quarantine.pause_s(symbol.failures)
        symbol.failures = 1 if has_recovered else symbol.failures + 1
        pause_s = self._quarantine.pause_s(symbol.failures)
        reason = cause_text(reason)
        symbol.state, symbol.traders, symbol.last_error = "quarantined", 0, reason
        symbol.retry = self.send_after(pause_s, Retry(key))
        symbol.retry_at_ns = self.system.clock.now_ns() + round(pause_s * NS_PER_S)
        self.log.error("symbol quarantined", symbol=key[1], account=key[0], reason=reason, retry_s=pause_s)

    def _retry(self, key: SymbolKey) -> None:
        """Start a symbol again that is wanted; where that is not known yet, it is when what is wanted has been read."""
        symbol = self._symbols.get(key)
        if symbol is not None and symbol.state == "quarantined":
            self._level(key, symbol, again=True)
