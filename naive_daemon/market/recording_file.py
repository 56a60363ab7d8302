"""The bytes of a recording, unpacked and cut into lines, block by block. Owned by its Recording.

Whatever is wrong with the file, and not with a row in it, ends as one error here; no file is ever held in memory.
"""

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from naive_daemon.domain.errors import NaiveError

_BLOCK_BYTES = 1 << 16
_LINE_BYTES_MAX = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_ZIP_EMPTY_MAGIC = b"PK\x05\x06"
_PACKED_SUFFIXES = (".gz", ".zip")
_ZIP_ENCRYPTED = 0x1
_AGAIN = "download the file again"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class RecordingFile:
    """A plain, .gz or .zip file of text, told apart by its first bytes; `fail` makes the error that is raised.

    `bytes_total` and `bytes_read` count the file as it lies on disk, packed.
    """

    def __init__(self, path: Path, fail: Callable[..., NaiveError]) -> None:
        self._path = path
        self._fail = fail
        self._is_packed = True
        self.bytes_read = 0
        self.bytes_total = self._size()

    def lines(self) -> Iterator[list[str]]:
        """Go over the lines in blocks, without their ends.

        Every byte comes out as one character, so nothing fails here that is only one row's fault.
        """
        return map(lines_of, self.texts())

    def texts(self) -> Iterator[bytes]:
        """Go over the same blocks as bytes: whole lines, the last one without its end."""
        self.bytes_read = 0
        rest = b""
        for number, block in enumerate(self._blocks()):
            if not number:
                block = block.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901 - the mark is not part of the first row
            whole, end, rest = (rest + block).rpartition(b"\n")
            if len(rest) > _LINE_BYTES_MAX:
                self.check()
                raise self._error("it is not a text of rows: one has no end", "give a CSV file of trades")
            if end:
                yield whole
        if rest:
            yield rest
        self.bytes_read = self.bytes_total

    def check(self) -> None:
        """Read a packed file to its end, where its check sum is; raises when it is damaged. Leaves `bytes_read`."""
        bytes_read = self.bytes_read
        for _ in self._blocks():
            pass
        self.bytes_read = bytes_read
        if not self._is_packed and self._path.suffix in _PACKED_SUFFIXES:
            raise self._error(f"it is called {self._path.suffix} and does not begin like one: it is damaged", _AGAIN)

    def _blocks(self) -> Iterator[bytes]:
        try:
            with ExitStack() as stack:
                disk = stack.enter_context(self._path.open("rb"))
                unpacked = self._unpacked(disk, stack)
                while block := unpacked.read(_BLOCK_BYTES):
                    self.bytes_read = disk.tell()
                    yield block
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise self._error(f"it is damaged or cut off: {error}", _AGAIN) from error
        except NotImplementedError as error:  # what zipfile raises for a packing that it does not know
            raise self._error(f"it can not be unpacked: {error}", "pack it with deflate, or unpack it") from error
        except OSError as error:
            raise self._error(error.strerror or str(error), "give a file that can be read") from error

    def _unpacked(self, disk: io.BufferedReader, stack: ExitStack) -> _Readable:
        magic = disk.peek(len(_ZIP_MAGIC))[: len(_ZIP_MAGIC)]
        if magic.startswith(_GZIP_MAGIC):
            return stack.enter_context(gzip.GzipFile(fileobj=disk))
        if magic not in (_ZIP_MAGIC, _ZIP_EMPTY_MAGIC):
            self._is_packed = False
            return disk
        archive = stack.enter_context(zipfile.ZipFile(disk))
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise self._error(f"the archive holds {len(members)} files", "give an archive of one CSV file")
        if members[0].flag_bits & _ZIP_ENCRYPTED:
            raise self._error("the archive is encrypted", "unpack it first")
        return stack.enter_context(archive.open(members[0]))

    def _size(self) -> int:
        try:
            found = self._path.stat()
        except OSError as error:
            raise self._error(error.strerror or str(error), "give a file that is there") from error
        except ValueError as error:
            raise self._error("a path holds no NUL character", "give a file that is there") from error
        if stat.S_ISDIR(found.st_mode):
            raise self._error("it is a directory", "give a file")
        if not found.st_size and stat.S_ISREG(found.st_mode):
            raise self._error("it is empty", _AGAIN)
        return found.st_size

    def _error(self, reason: str, hint: str) -> NaiveError:
        return self._fail(f"{self._path}: {reason}", hint=hint)


def lines_of(block: bytes) -> list[str]:
    """Cut a block of `RecordingFile.texts` into its lines."""
    text = block.decode("latin-1")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return text.split("\n")
