"""The home's witness: which journals a daemon of this home has traded with, and how far each had come by then.

A daemon gives signs of life, which the journal's database counts. A journal that was restored from a back-up has
forgotten some that the witness remembers: so it is known, before anything trades, that the exchange has seen orders
which the journal has not. Owned by the world, under the home's lock.
Invariant: the witness never knows of a sign that the database did not have on disk before.
"""

import os
import threading
from pathlib import Path

import msgspec

from naive_daemon.domain.errors import PermanentError

FILE_NAME = "journal.json"
OWNERS_MAX = 100
"""Of more databases than this, which one home has seen, the oldest are forgotten."""


class _Seen(msgspec.Struct, frozen=True):
    signs: dict[str, int]


class Witness:
    """Signs of life by the journal's owner mark, in a file of the home; missing is the same as new.

    Threads that note at once take turns: one that was given up may be writing still.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE_NAME
        self._turn = threading.Lock()

    def signs(self, owner: str) -> int:
        """Give how many signs this owner's journal had counted, 0 for one that was never seen.

        Raises PermanentError that names the file when it can not be read: to guess would be to forget a restore.
        """
        return self._seen().get(owner, 0)

    def note(self, owner: str, signs: int) -> None:
        """Keep it, on disk before this returns; raises PermanentError when the home can not be written."""
        with self._turn:
            self._note(owner, signs)

    def _note(self, owner: str, signs: int) -> None:
        seen = self._seen()
        seen[owner] = max(signs, seen.pop(owner, 0))
        kept = dict(list(seen.items())[-OWNERS_MAX:])
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(_Seen(kept)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise PermanentError(f"{self._path} can not be written: {error.strerror}") from error

    def _seen(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Seen).signs
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise PermanentError(
                f"{self._path} can not be read: {error}",
                hint="take the file away; if the database was restored, run naive-daemon db restored",
            ) from error


def _sync_directory(directory: Path) -> None:
    """Have the file's new name on disk, too."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
