"""Control: carries desired state from Postgres to the switches, and actual state back.

Whoever writes the settings (command line, SQL, the daemon) is equal: a trigger notifies of every change, and control
reads all rows then; after a lost connection it reads them again. Notifications that gather are one read.

Receives: what its listener hears; ReadSettings, ActualChanged and StatusDrained from the switches; KillSwitchObeyed
from execution managers.
Sends: SettingsRead and ControlStarted to the switches.
State: what is not written yet: the newest actual state of each symbol, symbols that have drained, who obeys the kill
switch. What the switches have not been told: whose rows were written.
Crashes when: the listener's thread dies or the store refuses something for good; the daemon then starts its tree anew.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.errors import TransientError
from naive_daemon.execution.messages import KillSwitchObeyed
from naive_daemon.otp import Actor, ExitReason, Ref, Timer, crash
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

RETRY_S = 0.5
HEARTBEAT_S = 2.0
ROOM_TIMEOUT_S = 1.0
SETTINGS_CHANNEL = "naive_settings"
SAFEGUARDS_CHANNEL = "naive_safeguards"
CHANNELS = (SETTINGS_CHANNEL, SAFEGUARDS_CHANNEL)
"""What the listener listens to: whoever writes settings, limits or the kill switch notifies."""

MakeListener = Callable[[SettingsListenerOwner], SettingsListener]


class _Heard(msgspec.Struct, frozen=True):
    channel: str
    payload: str


class _Listening(msgspec.Struct, frozen=True):
    pass


class _ListenerEnded(msgspec.Struct, frozen=True):
    pass


class _Deaf(msgspec.Struct, frozen=True):
    reason: str


class _Retry(msgspec.Struct, frozen=True):
    pass


class _Beat(msgspec.Struct, frozen=True):
    pass


class _Change(msgspec.Struct, frozen=True):
    """What the trigger's notification says: whose row was written."""

    account: str
    symbol: str


class _Ear:
    """Tells control what the listener's thread hears.

    When control is behind that thread waits, so that PostgreSQL keeps the rest; once, as control may be waiting for it.
    """

    def __init__(self, control: Ref) -> None:
        self._control = control
        self._has_room = True

    def listening(self) -> None:
        self._control.tell(_Listening())

    def notified(self, channel: str, payload: str) -> None:
        self._has_room = self._control.wait_for_room(ROOM_TIMEOUT_S if self._has_room else 0.0)
        self._control.tell(_Heard(channel, payload))

    def connection_lost(self, error: TransientError) -> None:
        self._control.tell(_Deaf(str(error)))

    def listener_ended(self) -> None:
        self._control.tell(_ListenerEnded())


class Control(Actor):
    """See the module. `heartbeat` says in the database that the daemon lives; other accounts than ours are not read."""

    runs_on = "thread"
    batches = True

    def __init__(
        self,
        store: DesiredStateStore,
        make_listener: MakeListener,
        heartbeat: Callable[[], None],
        accounts: AbstractSet[str],
    ) -> None:
        super().__init__()
        self._store = store
        self._make_listener = make_listener
        self._heartbeat = heartbeat
        self._accounts = accounts
        self._listener: SettingsListener | None = None
        self._actual: dict[SymbolKey, ActualState] = {}
        self._drained: set[SymbolKey] = set()
        self._obeyed: dict[str, int] = {}
        self._touched: set[SymbolKey] = set()
        self._told: frozenset[SymbolKey] = frozenset()
        self._has_misheard = False
        self._shall_read = True
        self._shall_beat = False
        self._is_away = False
        self._retry: Timer | None = None

    def init(self) -> None:
        """Listen; the first read comes when the listener hears. A former control may have left something unwritten."""
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
            case _Heard(channel, payload):
                self._shall_read = True
                if channel == SETTINGS_CHANNEL:
                    self._touch(payload)
            case _Listening():
                self._shall_read = True
            case ReadSettings():
                self._shall_read = True
                self._touched |= self._told  # the switches that were told may have died before they read it
            case ActualChanged(actual):
                self._actual[actual.account, actual.symbol] = actual
            case KillSwitchObeyed(account, revision):
                self._obeyed[account] = revision
            case StatusDrained(account, symbol):
                self._drained.add((account, symbol))
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
        for key in list(self._drained):
            self._store.drained(*key)
            self._drained.discard(key)
        for account, revision in list(self._obeyed.items()):
            self._store.confirm_kill_switch(account, revision)
            del self._obeyed[account]
        if self._actual:
            self._store.record_actual(list(self._actual.values()))
            self._actual.clear()

    def _read(self) -> None:
        rows = tuple(row for row in self._store.load_settings() if row.account in self._accounts)
        safeguards = self._store.load_safeguards()
        self._shall_read = False
        touched = frozenset(self._touched)
        if self.system.tell(
            names.SWITCHES, SettingsRead(rows, touched, safeguards)
        ):  # else they ask when they are there again
            self._told = touched
            self._touched.clear()

    def _touch(self, payload: str) -> None:
        """Note whose row was written. Anybody may notify; what names no row is told once, and touches nothing."""
        try:
            change = msgspec.json.decode(payload, type=_Change)
        except msgspec.DecodeError as error:
            if not self._has_misheard:
                self.log.warning("notification not understood", payload=payload[:200], reason=str(error))
            self._has_misheard = True
            return
        self._touched.add((change.account, change.symbol))
