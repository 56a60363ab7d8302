"""The writer: one thread that makes the writes of a queue, in order, each exactly once, for as long as it takes.

Owned by a cache database, whose `close` ends it. What Redis does not take is kept and tried again, with a pause that
doubles up to 2 s; a write that it can never make (somebody else's value is under the key) is told, and left behind.
"""

import threading
import uuid

import redis
import tenacity

from naive_daemon.cache.database import CacheCorruptError
from naive_daemon.storage.redis import fault
from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.storage.redis.link import Link, RefusedError, Server
from naive_daemon.storage.redis.write import Write, WriteQueue

PAUSE_FIRST_S = 0.05
PAUSE_MAX_S = 2.0
WARNINGS_MAX = 8
"""So many writes that could not be made are remembered for who looks, until all is forgotten there."""

_FAILURES = (*fault.FAILURES, RefusedError)


class Writer:
    """See the module."""

    def __init__(self, config: RedisCacheConfig, queue: WriteQueue, pattern: bytes) -> None:
        self._config = config
        self._queue = queue
        self._pattern = pattern
        self._name = uuid.uuid4().hex
        self._link: Link | None = None
        self._former: Server | None = None
        self._number = 0
        self._known: int | None = None  # the last number that the server has told us it has
        self._is_in_doubt = False
        self._abandon = threading.Event()
        self._bad: list[str] = []
        self._server_warnings: tuple[str, ...] = ()
        self.losses = 0
        self.crash: str | None = None
        self.refused = 0
        self._thread = threading.Thread(target=self._run, name=f"redis writer {config.where}", daemon=True)
        self._thread.start()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say what is wrong with the server's settings, and which writes could not be made."""
        return self._server_warnings + tuple(self._bad)

    def end(self, patience_s: float) -> None:
        """Have what waits written within a time, then end; the queue is closed already."""
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self._abandon.set()
            if (link := self._link) is not None:
                link.cut()
            self._thread.join()

    # The thread -------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._look()
            while batch := self._queue.take(
                self._config.batch_max, self._config.batch_bytes_max, self._config.buffer_interval_ms / 1_000
            ):
                if not self._make(batch):
                    return
                self._queue.finish(batch)
            if self._link is not None:
                self._link.forget()
        except _FAILURES as error:
            self._fail(error)
        except BaseException as error:
            self.crash = f"its writer has crashed: {type(error).__name__}"
            self._queue.set_away(self.crash)
            raise
        finally:
            self._drop_link()

    def _look(self) -> None:
        """Connect before there is anything to write, so that what is wrong is known early."""
        try:
            self._connected()
        except _FAILURES as error:
            self._fail(error)

    def _make(self, batch: list[Write]) -> bool:
        """Make a batch; False when it was given up, at the end."""
        left = batch
        while left:
            self._number += 1
            trying = tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(_FAILURES),
                wait=tenacity.wait_random_exponential(multiplier=PAUSE_FIRST_S, max=PAUSE_MAX_S, min=PAUSE_FIRST_S),
                stop=tenacity.stop_when_event_set(self._abandon),
                sleep=tenacity.sleep_using_event(self._abandon),
                before_sleep=self._note_failure,
                reraise=True,
            )
            try:
                left = trying(self._try, left)
            except _FAILURES as error:
                self._fail(error)
                return False
            self._queue.set_away("no memory is left for some writes" if left else None)
        return True

    def _try(self, batch: list[Write]) -> list[Write]:
        """Make a batch unless it is made already; gives what of it must be tried again."""
        was_linked = self._link is not None
        try:
            return self._transact(batch)
        except redis.ConnectionError:
            # A server that was restarted, or that ends idle connections, is there: one more attempt at once.
            if not was_linked or self._abandon.is_set():
                raise
            self._drop_link()
            return self._transact(batch)

    def _transact(self, batch: list[Write]) -> list[Write]:
        link = self._connected()
        if self._is_in_doubt and self._known == self._number:
            self._is_in_doubt = False  # it was made, and its answer was lost
            return []
        self._is_in_doubt = True
        if batch[0].is_flush:
            self._flush(link, batch[0])
            return []
        try:
            before, errors = link.transact(batch, self._number)
        except RefusedError:
            self._is_in_doubt = False
            raise
        self._is_in_doubt = False
        self._compare(before)
        self._known = self._number
        return self._left_of(batch, errors)

    def _flush(self, link: Link, write: Write) -> None:
        prefix = self._config.prefix
        link.flush([f"{prefix}{kind}:".encode() for kind in write.keep], self._pattern, self._number)
        self._is_in_doubt = False
        self._known = self._number
        self._bad = []  # what was under their keys has gone

    def _left_of(self, batch: list[Write], errors: list[Exception | None]) -> list[Write]:
        """Tell of writes that can not be made; gives those that can, later: memory ran out between two looks at it."""
        left = []
        for write, error in zip(batch, errors, strict=True):
            if error is None:
                continue
            if fault.is_out_of_memory(error):
                left.append(write)
                continue
            self.refused += 1
            write.error = CacheCorruptError(f"{write.key} was not written: {error}")
            text = str(write.error)
            if text not in self._bad and len(self._bad) < WARNINGS_MAX:
                self._bad.append(text)
        return left

    def _connected(self) -> Link:
        if self._link is None:
            link = Link(self._config, self._name)
            self._link = link  # at once, so that whoever ends us can cut it
            try:
                known = link.open(self._former)
            except BaseException:
                self._link = None
                link.close()
                raise
            finally:
                self._server_warnings = tuple(f"Redis at {self._config.where}: {one}" for one in link.server.warnings)
            self._former = link.server
            if not (self._is_in_doubt and known == self._number):
                self._compare(known)
            self._known = known
        return self._link

    def _compare(self, found: int | None) -> None:
        """Count a loss when the server does not know the last number that it has told us it had."""
        if found != self._known:
            self.losses += 1

    def _note_failure(self, state: tenacity.RetryCallState) -> None:
        if state.outcome is not None and (error := state.outcome.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error, RefusedError) and error.__cause__ is not None else error
        self._queue.set_away(fault.reason(self._config.where, cause))
        if not isinstance(error, RefusedError):
            self._drop_link()

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
