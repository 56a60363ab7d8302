"""Keeps an account's metadata in the cache database: read before trading starts, written after each change.

Owned by the account actor, whose thread it runs on. Invariants: nothing is written before what is there has been read,
so what can not be read is never overwritten; and what changes while a write is on its way is written after it.
"""

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.metadata import Note, SymbolMetadata, noted
from naive_daemon.account.metadata_document import DocumentError, decode, encode, key_of
from naive_daemon.account.metadata_table import MetadataTable
from naive_daemon.cache.messages import LoadDocument, SaveDocument
from naive_daemon.otp import Actor, RequestFailed, Timer


class MetadataConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds. `debounce_s`: what changes within it is written once.

    A start waits for `restore_timeout_s`, and trades without what it could not read.
    """

    debounce_s: float = 0.25
    restore_timeout_s: float = 2.0
    write_timeout_s: float = 10.0
    retry_first_s: float = 0.25
    retry_max_s: float = 30.0


class MetadataState(enum.StrEnum):
    """Whether what was kept has been read."""

    NOT_KEPT = "not kept"
    NOT_TRIED = "not tried"
    RESTORED = "restored"
    AWAY = "away"
    UNREADABLE = "unreadable"


class MetadataHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the keeping of metadata stands: `trouble` says why it was not read, or why the last write came to nothing."""

    state: MetadataState = MetadataState.NOT_KEPT
    is_pending: bool = False
    trouble: str | None = None


class WriteMetadata(msgspec.Struct, frozen=True):
    """To oneself: the time of a write has come."""


class ReadMetadata(msgspec.Struct, frozen=True):
    """To oneself: try again to read what is kept."""


class MetadataKeeper:
    """See the module. `when_tried` is called once, when what is kept was read, or could not be in time."""

    def __init__(
        self,
        actor: Actor,
        account: str,
        table: MetadataTable[SymbolMetadata],
        config: MetadataConfig,
        when_tried: Callable[[], None],
    ) -> None:
        self._actor = actor
        self._account = account
        self._key = key_of(account)
        self._table = table
        self._config = config
        self._when_tried: Callable[[], None] | None = when_tried
        self._state = MetadataState.NOT_TRIED
        self._trouble: str | None = None
        self._early: dict[tuple[str, type], Note] = {}
        self._is_reading = False
        self._is_writing = False
        self._timer: Timer | None = None
        self._pause_s = config.retry_first_s
        self._flushes: list[Callable[[bool], None]] = []

    @property
    def health(self) -> MetadataHealth:
        """Say how it stands."""
        return MetadataHealth(
            state=self._state, is_pending=self._table.is_pending_persist or self._is_writing, trouble=self._trouble
        )

    def take(self, note: Note) -> None:
        """Take what a leader has noted of its symbol."""
        if self._state is not MetadataState.RESTORED:
            self._early[note.symbol, type(note)] = note
        known = self._table.get(note.symbol)
        changed = noted(known, note)
        if changed != known:
            self._table.set(note.symbol, changed)
            self._write_later()

    def take_loss(self) -> None:
        """Write everything again: the database has lost it. Where it was not read yet, look once more."""
        if self._state is MetadataState.RESTORED:
            self._table.is_pending_persist = True
            self._write_later()
        else:
            self.read()

    def take_time(self, message: WriteMetadata | ReadMetadata) -> None:
        """Do what the time has come for."""
        if isinstance(message, ReadMetadata):
            self.read()
        elif self._table.is_pending_persist and not self._is_writing:  # or a flush has come before it
            self._write()

    # Reading --------------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Ask for what is kept; until it has come, nothing is written."""
        if self._is_reading or self._state is MetadataState.RESTORED:
            return
        self._forget_timer()
        self._is_reading = True
        self._request(LoadDocument(self._key), self._take_document, self._config.restore_timeout_s)

    def _take_document(self, value: bytes | RequestFailed | None) -> None:
        self._is_reading = False
        if isinstance(value, RequestFailed):
            self._read_later(MetadataState.AWAY, str(value.reason))
        else:
            try:
                kept = {} if value is None else decode(self._account, value)
            except DocumentError as error:
                self._pause_s = self._config.retry_max_s
                self._read_later(MetadataState.UNREADABLE, f"{self._key}: {error}")
            else:
                self._restore(kept)
        tried, self._when_tried = self._when_tried, None
        if tried is not None:
            tried()

    def _read_later(self, state: MetadataState, trouble: str) -> None:
        """Trade on without, and say so once."""
        if state is not self._state:
            tell = self._actor.log.error if state is MetadataState.UNREADABLE else self._actor.log.warning
            tell("metadata not restored", key=self._key, reason=trouble)
        self._state, self._trouble = state, trouble
        self._timer = self._actor.send_after(self._pause(), ReadMetadata())

    def _restore(self, kept: dict[str, SymbolMetadata]) -> None:
        """Have what was kept, and above it what was noted since: that is newer."""
        restored = dict(kept)
        for note in self._early.values():
            restored[note.symbol] = noted(restored.get(note.symbol), note)
        if self._state is not MetadataState.NOT_TRIED:
            self._actor.log.info("metadata restored", symbols=len(kept))
        self._early.clear()
        self._table.replace_all(restored)
        self._table.is_pending_persist = restored != kept
        self._state, self._trouble = MetadataState.RESTORED, None
        self._pause_s = self._config.retry_first_s
        self._write_later()

    # Writing --------------------------------------------------------------------------------------------------------

    def flush(self, then: Callable[[bool], None]) -> None:
        """Write at once what is not written; `then` learns whether it is."""
        if self._state is not MetadataState.RESTORED:
            then(not self._early)
        elif self.health.is_pending:
            self._flushes.append(then)
            if not self._is_writing:
                self._write()
        else:
            then(True)

    def write_last(self) -> None:
        """Hand over what is not written, without waiting: whoever owns this ends."""
        if self._state is MetadataState.RESTORED and self.health.is_pending:
            self._write()

    def _write_later(self) -> None:
        if self._state is MetadataState.RESTORED and self._table.is_pending_persist and not self._is_busy:
            self._timer = self._actor.send_after(self._config.debounce_s, WriteMetadata())

    @property
    def _is_busy(self) -> bool:
        return self._is_writing or self._timer is not None

    def _write(self) -> None:
        self._forget_timer()
        self._is_writing = True
        self._table.is_pending_persist = False  # before the write: what changes from now on is not in it
        value = encode(self._account, self._table.all())
        self._request(SaveDocument(self._key, value), self._take_answer, self._config.write_timeout_s)

    def _take_answer(self, answer: RequestFailed | None) -> None:
        self._is_writing = False
        if isinstance(answer, RequestFailed):
            self._table.is_pending_persist = True
            self._take_failure(str(answer.reason))
        else:
            self._take_success()

    def _take_failure(self, reason: str) -> None:
        if self._trouble is None:
            self._actor.log.warning("metadata not written", key=self._key, reason=reason)
        self._trouble = reason
        self._answer_flushes(is_written=False)
        self._timer = self._actor.send_after(self._pause(), WriteMetadata())

    def _take_success(self) -> None:
        if self._trouble is not None:
            self._actor.log.info("metadata written again", key=self._key)
        self._trouble = None
        self._pause_s = self._config.retry_first_s
        if not self._table.is_pending_persist:
            self._answer_flushes(is_written=True)
        elif self._flushes:
            self._write()
        else:
            self._write_later()

    def _answer_flushes(self, *, is_written: bool) -> None:
        flushes, self._flushes = self._flushes, []
        for then in flushes:
            then(is_written)

    def _request(self, message: Any, then: Callable[[Any], None], timeout_s: float) -> None:
        self._actor.request(self._actor.system.whereis(names.CACHE), message, then, timeout_s)

    def _pause(self) -> float:
        pause_s = self._pause_s
        self._pause_s = min(pause_s * 2, self._config.retry_max_s)
        return pause_s

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
