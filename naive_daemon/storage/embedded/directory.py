"""The directories of the embedded servers: private to their owner, and short enough to hold a unix socket."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from naive_daemon.domain.errors import PermanentError

# sun_path of a unix socket holds 108 bytes, the closing zero included.
SOCKET_PATH_BYTES_MAX = 107
# libpq, SQLAlchemy and PostgreSQL's own settings read these in the path of a socket as separators or quotes.
_SEPARATORS = frozenset(",:;\"'\\\n\r\t")
_SHORT_ROOT = Path("/tmp")  # noqa: S108 - TMPDIR may be long, and differ between a daemon and a CLI; make_private checks
_PRIVATE_MODE = 0o700


@contextlib.contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write below `path` into a PermanentError that names place and reason."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise PermanentError(
            f"can not write {os.fsdecode(place)}: {error.strerror or error}",
            hint="point NAIVE_HOME at a directory that this user may write, with space left",
        ) from error


def make_private(path: Path, owner: tuple[int, int] | None = None) -> None:
    """Make `path` a directory of mode 0700 that belongs to `owner` (uid, gid), by default to this process.

    Its parent must stand. Raises PermanentError when something else stands there or somebody else owns it, because
    whoever owns it could answer in the server's place; raises OSError when the system refuses.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(_PRIVATE_MODE)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise PermanentError(f"{path} is in the way: it is not a directory", hint="move it away")
    allowed = {os.geteuid()} if owner is None else {os.geteuid(), owner[0]}
    if found.st_uid not in allowed:
        raise PermanentError(
            f"{path} belongs to another user (uid {found.st_uid}), so it is not safe to use",
            hint="run as that user, or point NAIVE_HOME elsewhere",
        )
    if owner is not None and (found.st_uid, found.st_gid) != owner:
        os.chown(path, *owner)
    if stat.S_IMODE(found.st_mode) != _PRIVATE_MODE:
        path.chmod(_PRIVATE_MODE)


def make_home(path: Path) -> None:
    """Make the directory of one server, `home/<server>`, with `home` itself where it is missing; raises as above."""
    path.parent.mkdir(_PRIVATE_MODE, parents=True, exist_ok=True)
    make_private(path)


def socket_directory(server_home: Path, socket_name: str) -> Path:
    """Say where the socket of a server lives: `server_home/run`, or a short stand-in where that path can not be used.

    The stand-in's name comes from the user and the home, so that a CLI beside the daemon finds it too.
    """
    directory = server_home / "run"
    socket_path = os.fsencode(directory / socket_name)
    if len(socket_path) <= SOCKET_PATH_BYTES_MAX and not _SEPARATORS & set(str(directory)):
        return directory
    digest = hashlib.sha256(os.fsencode(server_home)).hexdigest()[:16]
    return _SHORT_ROOT / f"naive-{os.geteuid()}-{digest}" / "run"


def make_socket_directory(directory: Path, owner: tuple[int, int] | None = None) -> None:
    """Make a directory that `socket_directory` named, and throw out what dead servers left in it; raises as above.

    The stand-in's parent belongs to this process even where the server runs as another account: nobody else who runs
    as that account gets past it.
    """
    make_private(directory.parent)
    make_private(directory, owner)
    for left_over in directory.iterdir():
        left_over.unlink()
