"""Control: carries desired state from Postgres to the switches, and actual state back.

Whoever writes the settings (command line, SQL, the daemon) is equal: a trigger notifies of every change, and control
reads all rows then; after a lost connection it reads them again. Notifications that gather are one read.

Receives: what its listener hears; ReadSettings, ActualChanged and StatusDrained from the switches; ReadAccounts and
AccountConditionChanged from the account desk; KillSwitchObeyed from execution managers.
Sends: SettingsRead to the switches, AccountsRead to the account desk, ControlStarted to both.
State: what is not written yet: the newest actual state of each symbol and condition of each account, symbols that have
drained, who obeys the kill switch.
Crashes when: the listener's thread dies or the store refuses something for good; the daemon then starts its tree anew.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.errors import TransientError
from naive_daemon.execution.messages import KillSwitchObeyed
from naive_daemon.otp import Actor, ExitReason, Ref, Timer, crash
from naive_daemon.trading.account_messages import AccountConditionChanged, AccountsRead, ReadAccounts
from naive_daemon.trading.desired_state import (
    ActualState,
    DesiredStateStore,
    SettingsListener,
    SettingsListenerOwner,
)
from naive_daemon.trading.switch_messages import (
    ActualChanged,
    ControlStarted,
    ReadSettings,
    SettingsRead,
    StatusDrained,
    SymbolKey,
)

if TYPE_CHECKING:
    from naive_daemon.domain.account import AccountCondition

RETRY_S = 0.5
HEARTBEAT_S = 2.0
ROOM_TIMEOUT_S = 1.0
SETTINGS_CHANNEL = "naive_settings"
SAFEGUARDS_CHANNEL = "naive_safeguards"
ACCOUNTS_CHANNEL = "naive_accounts"
CHANNELS = (SETTINGS_CHANNEL, SAFEGUARDS_CHANNEL, ACCOUNTS_CHANNEL)
"""What the listener listens to: whoever writes settings, limits, the kill switch or accounts notifies."""

MakeListener = Callable[[SettingsListenerOwner], SettingsListener]


class _Heard(msgspec.Struct, frozen=True):
    """Somebody has written something, or may have while nobody listened."""


class _ListenerEnded(msgspec.Struct, frozen=True):
    pass


class _Deaf(msgspec.Struct, frozen=True):
    reason: str


class _Retry(msgspec.Struct, frozen=True):
    pass


class _Beat(msgspec.Struct, frozen=True):
    pass


class _Ear:
    """Tells control what the listener's thread hears.

    When control is behind that thread waits, so that PostgreSQL keeps the rest; once, as control may be waiting for it.
    """

    def __init__(self, control: Ref) -> None:
        self._control = control
        self._has_room = True

    def listening(self) -> None:
        self._control.tell(_Heard())

    def notified(self, _channel: str, _payload: str) -> None:
        self._has_room = self._control.wait_for_room(ROOM_TIMEOUT_S if self._has_room else 0.0)
        self._control.tell(_Heard())

    def connection_lost(self, error: TransientError) -> None:
        self._control.tell(_Deaf(str(error)))

    def listener_ended(self) -> None:
        self._control.tell(_ListenerEnded())


class Control(Actor):
    """See the module. `heartbeat` says in the database that the daemon lives. `account` is the configured one.

    `is_alone`: no other account is read.
    """

    runs_on = "thread"
    batches = True

    def __init__(
        self,
        store: DesiredStateStore,
        make_listener: MakeListener,
        heartbeat: Callable[[], None],
        account: str,
        *,
        is_alone: bool = False,
    ) -> None:
        super().__init__()
        self._store = store
        self._make_listener = make_listener
        self._heartbeat = heartbeat
        self._account = account
        self._is_alone = is_alone
        self._listener: SettingsListener | None = None
        self._actual: dict[SymbolKey, ActualState] = {}
        self._drained: dict[SymbolKey, int] = {}  # the revision of the settings by which they have
        self._obeyed: dict[str, int] = {}
        self._conditions: dict[str, AccountCondition] = {}
        self._shall_read = True
        self._shall_beat = False
        self._is_away = False
        self._retry: Timer | None = None

    def init(self) -> None:
        """Listen; the first read comes when the listener hears. A former control may have left something unwritten."""
        self.system.tell(names.ACCOUNT_DESK, ControlStarted())
        self.system.tell(names.SWITCHES, ControlStarted())
        self._listener = self._make_listener(_Ear(self.ref))
        self._listener.start()
        self.send_after(HEARTBEAT_S, _Beat())

    def on_batch(self, messages: list[Any]) -> None:
        """Gather what there is to do, then do it once."""
        for message in messages:
            self._note(message)
        if self._retry is None:
            self._work()

    def on_terminate(self, reason: ExitReason) -> None:
        """End the listener, write what is not written, give the connection back."""
        if self._listener is not None:
            self._listener.stop()
        try:
            self._write()
        except TransientError as error:
            self.log.warning("actual states not written", reason=str(error))
        self._store.close()

    def _note(self, message: Any) -> None:
        match message:
            case _Heard() | ReadSettings() | ReadAccounts():
                self._shall_read = True
            case AccountConditionChanged(condition):
                self._conditions[condition.account] = condition
            case ActualChanged(actual):
                self._actual[actual.account, actual.symbol] = actual
            case KillSwitchObeyed(account, revision):
                self._obeyed[account] = revision
            case StatusDrained(account, symbol, revision):
                self._drained[account, symbol] = revision
            case _Beat():
                self._shall_beat = True
                self.send_after(HEARTBEAT_S, _Beat())
            case _Retry():
                self._retry = None
            case _Deaf(reason):
                self.log.warning("settings are not heard", reason=reason)
            case _ListenerEnded():
                self.exit(crash("the listener of the settings has died"))
            case _:
                self.on_receive(message)

    def _work(self) -> None:
        """Read first: what an operator wants, a kill switch above all, must not wait for what can not be written."""
        try:
            if self._shall_read:
                self._read()
            self._write()
            if self._shall_beat:
                self._heartbeat()
                self._shall_beat = False
        except TransientError as error:
            if not self._is_away:
                self.log.warning("settings unavailable", reason=str(error), retry_s=RETRY_S)
            self._is_away = True
            self._retry = self.send_after(RETRY_S, _Retry())
            return
        if self._is_away:
            self._is_away = False
            self.log.info("settings are back")

    def _write(self) -> None:
        for key, revision in list(self._drained.items()):
            self._store.drained(*key, revision)
            del self._drained[key]
        for account, revision in list(self._obeyed.items()):
            self._store.confirm_kill_switch(account, revision)
            del self._obeyed[account]
        if self._conditions:
            self._store.record_account_conditions(list(self._conditions.values()))
            self._conditions.clear()
        if self._actual:
            self._store.record_actual(list(self._actual.values()))
            self._actual.clear()

    def _read(self) -> None:
        """Read accounts first: a symbol whose account nobody knows is no symbol of ours."""
        accounts = () if self._is_alone else tuple(self._store.load_accounts())
        ours = {self._account, *(account.name for account in accounts)}
        rows = tuple(row for row in self._store.load_settings() if row.account in ours)
        safeguards = self._store.load_safeguards()
        self._shall_read = False
        # Who is not there now asks when it is there again.
        self.system.tell(names.ACCOUNT_DESK, AccountsRead(accounts))
        self.system.tell(names.SWITCHES, SettingsRead(rows, safeguards))
