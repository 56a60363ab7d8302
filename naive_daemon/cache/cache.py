"""The cache actor: keeps what is hot outside of the process as well.

The journal is the truth; losing this loses nothing but an account's metadata, which its owner has while it lives.

Receives: KeepState, KeepActor (only the newest of each key is written, with each beat), DropState, DropActor,
DropLive, KeepInstruments, KeepAccount, KeepOrder, KeepPosition (written at once); requests SaveDocument, LoadDocument,
AskCache.
Sends: CacheEmptied, published on `names.CACHE`, when what was stored is lost: its owners then tell everything anew.
State: what is written with the next beat, one entry for each trader and actor; which orders and positions are
stored; who waits for a document. Everything but documents begins afresh with it: what an earlier life had stored may be
of what is over by now.
While the store is away the daemon trades on, *degraded*: what comes waits in the database's bounded queue, and when
that is full, nothing more is taken until the store is back; then it is emptied, and its owners are asked.
Crashes when: the database's writer has.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.cache.database import (
    CacheAwayError,
    CacheCorruptError,
    CacheDatabase,
    CacheFullError,
    CacheHealth,
)
from naive_daemon.cache.kept import Kept
from naive_daemon.cache.messages import (
    AskCache,
    CacheEmptied,
    DropActor,
    DropLive,
    DropState,
    KeepAccount,
    KeepActor,
    KeepInstruments,
    KeepOrder,
    KeepPosition,
    KeepState,
    LoadDocument,
    SaveDocument,
)
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.currency import Currency
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT
from naive_daemon.otp import DEFERRED, Actor, Call, Continue, ExitReason, Timer, crash

HEARTBEAT_S = 1.0
SAVE_TIMEOUT_S = 5.0
"""Whoever saves a document waits no longer than that; it is written all the same once that is possible."""

PURGE_INTERVAL_S = 3_600.0
KEEP_S = 86_400.0
"""For so long after their end orders and positions stay; a heap of them for ever is what a journal is for."""

OVER_MAX = 10_000
"""So many orders that are over, and as many flat positions, stay at most; of their age see `KEEP_S`."""

ACCOUNT_STATES_MAX = 100
"""An account's list begins anew with its state after so many: only the newest one is ever needed."""

MEND_INTERVAL_S = 60.0
"""A store that refuses what it is told, as other values are under our keys, is emptied no more often than that."""

_WHOLE = "cache is whole again"
_LOST = "cache had lost what it had"

STATE = "state"
"""The one field of a trader's state."""


class _Begin(msgspec.Struct, frozen=True):
    pass


class _Beat(msgspec.Struct, frozen=True):
    pass


class _Saved(msgspec.Struct, frozen=True):
    number: int


class _Saving(msgspec.Struct, frozen=True):
    """A document on its way, and until when whoever saves it waits."""

    call: Call
    until_s: float


class _Listed(msgspec.Struct, frozen=True):
    """The newest state in an account's list, and how many there are."""

    time_ns: int
    count: int


class Cache(Actor):
    """See the module."""

    runs_on = "thread"
    batches = True

    def __init__(self, database: CacheDatabase) -> None:
        super().__init__()
        self._database = database
        self._states: dict[str, Any] = {}
        self._actors: dict[str, KeepActor] = {}
        self._too_large: set[DropState | DropActor] = set()
        self._precisions: dict[str, int] = {}
        self._accounts: dict[str, _Listed] = {}
        self._kept = Kept(database, OVER_MAX)
        self._saving: dict[int, _Saving] = {}
        self._saves = 0
        self._away: str | None = None
        self._warned: set[str] = set()
        self._losses = 0
        self._refused = 0
        self._gap: str | None = None
        self._mend_at_s = 0.0
        self._purge_at_s = 0.0
        self._timer: Timer | None = None

    def init(self) -> Continue:
        """Release the starter: a store that is away must not hold up the start."""
        return Continue(_Begin())

    def on_batch(self, messages: list[Any]) -> None:
        """Note states, write the rest."""
        for message in messages:
            self.on_receive(message)

    def on_receive(self, message: Any) -> Any:
        """Note a state, write something else, or answer."""
        match message:
            case KeepState(key, value):
                self._states[key] = value
            case KeepActor(key):
                self._actors[key] = message
            case DropState(key):
                self._states.pop(key, None)
                self._too_large.discard(message)
                self._write(partial(self._database.delete_strategy, key))
            case DropActor(key):
                self._actors.pop(key, None)
                self._too_large.discard(message)
                self._write(partial(self._database.delete_actor, key))
            case DropLive(account):
                self._write(partial(self._kept.drop_live, account))
            case KeepOrder() | KeepPosition() | KeepAccount() | KeepInstruments():
                self._write(partial(self._keep, message))
            case SaveDocument():
                return self._save(message)
            case LoadDocument(key):
                return self._load(key)
            case AskCache():
                return self._database.health()
            case _:
                self._take_own(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Write what is left, within a bound, and say so when that did not do."""
        self._write_states()
        self._database.close()
        if left := self._database.health().waiting:
            self.log.warning("cache not written", writes=left)

    def _take_own(self, message: Any) -> None:
        match message:
            case _Beat():
                self._beat()
                self._beat_later()
            case _Saved(number):
                if (saving := self._saving.pop(number, None)) is not None:
                    saving.call.reply(None)
            case _Begin():
                self._empty()
                self._beat_later()
            case _:
                super().on_receive(message)

    # Writes -----------------------------------------------------------------------------------------------------------

    def _write(self, write: Callable[[], None]) -> None:
        """Write unless too much waits; what is left out then is told again by its owners."""
        if self._gap is not None:
            return
        try:
            write()
        except CacheFullError as error:
            self._gap = _WHOLE
            self.log.warning("cache overflowed", reason=str(error))

    def _keep(self, message: KeepOrder | KeepPosition | KeepAccount | KeepInstruments) -> None:
        match message:
            case KeepOrder():
                self._kept.keep_order(message)
            case KeepPosition():
                self._kept.keep_position(message)
            case KeepAccount(state):
                self._keep_account(state)
            case KeepInstruments(instruments):
                for instrument in instruments:
                    self._database.add_instrument(instrument)
                self._keep_currencies(instruments)

    def _keep_account(self, state: AccountState) -> None:
        """Append a state to its account's list, or begin one; a list takes nothing that is not newer."""
        known = self._accounts.get(state.account)
        if known is not None and state.time_ns <= known.time_ns:
            return
        if known is None or known.count >= ACCOUNT_STATES_MAX:
            self._database.add_account(state)
            count = 1
        else:
            self._database.update_account(state)
            count = known.count + 1
        self._accounts[state.account] = _Listed(state.time_ns, count)

    def _keep_currencies(self, instruments: tuple[Instrument, ...]) -> None:
        """Keep the assets, with the most decimals that any of their instruments has."""
        known = self._precisions
        before = dict(known)
        for one in instruments:
            for code, grid in ((one.base_asset, one.step_size), (one.quote_asset, one.tick_size)):
                known[code] = max(known.get(code, 0), _decimals(grid))
        for code, precision in known.items():
            if before.get(code) != precision:
                self._database.add_currency(Currency(code=code, precision=precision))

    def _write_states(self) -> None:
        encode = self._database.encoding.encode
        states, self._states = self._states, {}
        for key, value in states.items():
            fields = {STATE: encode(value)}
            self._write_state(partial(self._database.update_strategy, key, fields), DropState(key))
        actors, self._actors = self._actors, {}
        for key, kept in actors.items():
            fields = {name: encode(value) for name, value in kept.state.items()}
            self._write_state(partial(self._database.update_actor, key, fields), DropActor(key))

    def _write_state(self, write: Callable[[], None], drop: DropState | DropActor) -> None:
        """Write a state; one that is too large is left out, as is what was kept before it, and that is said once."""
        try:
            self._write(write)
        except ValueError as error:
            if drop not in self._too_large:
                self.on_receive(drop)
                self._too_large.add(drop)
                self.log.warning("state not cached", key=drop.key, reason=str(error))
        else:
            self._too_large.discard(drop)

    # Documents --------------------------------------------------------------------------------------------------------

    def _save(self, document: SaveDocument) -> Any:
        call = self.caller()
        try:
            self._database.replace(document.key, document.value)
        except (CacheFullError, ValueError) as error:
            call.fail(crash(str(error)))
            return DEFERRED
        self._saves += 1
        number, me = self._saves, self.ref
        self._saving[number] = _Saving(call, self.system.clock.monotonic_s() + SAVE_TIMEOUT_S)
        self._database.notify(lambda: me.tell(_Saved(number)))
        return DEFERRED

    def _load(self, key: str) -> Any:
        try:
            return self._database.load_object(key)
        except (CacheAwayError, CacheCorruptError) as error:
            self.caller().fail(crash(str(error)))
            return DEFERRED

    def _refuse_late_saves(self, health: CacheHealth) -> None:
        now_s = self.system.clock.monotonic_s()
        for number, saving in list(self._saving.items()):
            if saving.until_s > now_s:
                return
            del self._saving[number]
            saving.call.fail(crash(health.away or f"not acknowledged for {SAVE_TIMEOUT_S:g} s"))

    # Beats ------------------------------------------------------------------------------------------------------------

    def _beat_later(self) -> None:
        self._timer = self.send_after(HEARTBEAT_S, _Beat())

    def _beat(self) -> None:
        health = self._database.health()
        self._tell(health)
        self._refuse_late_saves(health)
        self._look_for_gaps(health)
        if self._gap is not None:
            self._fill_gap(self._gap, health)
            return
        if health.away is not None:
            return  # states are kept here meanwhile, where a newer one replaces an older one
        self._write_states()
        if not health.waiting:
            self._write(partial(self._database.heartbeat, self.system.clock.now_ns()))
            self._purge()

    def _look_for_gaps(self, health: CacheHealth) -> None:
        """See whether the store has lost what it had, or refused some of it: what is left there is not as it should be.

        Who writes under our keys again and again has it mended now and then only.
        """
        if health.losses != self._losses:
            self._losses = health.losses
            self._gap = self._gap or _LOST
        now_s = self.system.clock.monotonic_s()
        if health.refused != self._refused and now_s >= self._mend_at_s:
            self._refused = health.refused
            self._mend_at_s = now_s + MEND_INTERVAL_S
            self._gap = self._gap or _WHOLE

    def _fill_gap(self, told: str, health: CacheHealth) -> None:
        """Empty the store and have all told again, as soon as it is there; what comes until then is in that."""
        self._states.clear()
        self._actors.clear()
        if health.away is None and not health.waiting and self._empty():
            self._gap = None
            self._losses = self._database.health().losses
            self._ask_owners(told)

    def _purge(self) -> None:
        """Forget what has been over for long, now and then."""
        clock = self.system.clock
        if clock.monotonic_s() < self._purge_at_s:
            return
        self._purge_at_s = clock.monotonic_s() + PURGE_INTERVAL_S
        try:
            gone = self._database.purge(clock.now_ns() - round(KEEP_S * NS_PER_S))
        except (CacheAwayError, CacheFullError) as error:
            self.log.info("cache not purged", reason=str(error))
        except CacheCorruptError as error:
            self.log.warning("cache not purged", reason=str(error))
        else:
            if gone:
                self.log.info("cache purged", objects=gone)

    def _empty(self) -> bool:
        """Forget everything but documents; False when that has to wait, before all that is written later."""
        self._kept.clear()
        try:
            self._database.flush(keep_general=True)
        except CacheAwayError:
            return False
        return True

    def _ask_owners(self, why: str) -> None:
        self._precisions.clear()
        self._accounts.clear()
        self.log.warning(why, next="everything is told to it again")
        self.system.pubsub.publish(names.CACHE, CacheEmptied())

    def _tell(self, health: CacheHealth) -> None:
        """Log what has changed, once."""
        if health.away is not None and self._away is None:
            self.log.warning("cache degraded", reason=health.away)
        elif health.away is None and self._away is not None:
            self.log.info("cache is back")
        self._away = health.away
        for warning in health.warnings:
            if warning not in self._warned:
                self.log.warning("cache warning", reason=warning)
        self._warned = set(health.warnings)


def _decimals(grid: Decimal) -> int:
    """Count the decimals of a grid's step: 0.00100 has three, 10 and none at all have 0."""
    exponent = grid.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
