"""One process at a time in a home; whoever comes second learns who is there."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from naive_daemon.domain.errors import ConfigError, NaiveError, PermanentError, TransientError
from naive_daemon.home import HomeInUseError, HomeLock, make_home, read_holder

HOLD = """
import sys
from pathlib import Path
from naive_daemon.home import HomeLock
with HomeLock(Path(sys.argv[1]), role=sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def hold(home: Path, role: str = "daemon") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), role], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "a" / "home with ümlaut"
    with HomeLock(home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert read_holder(home).pid == os.getpid()
    assert not (home / "daemon.pid").exists()


@pytest.mark.parametrize("role", ["daemon", "command"])
def test_a_second_holder_is_told_who_is_there(tmp_path: Path, role: str) -> None:
    with hold(tmp_path, role) as process:
        with pytest.raises(
            HomeInUseError, match=rf"another naive-daemon \(pid {process.pid}\) uses {tmp_path}"
        ) as caught:
            HomeLock(tmp_path).acquire()
        assert caught.value.exit_code == 1
        assert read_holder(tmp_path) == (process.pid, role)
        process.communicate("\n")
    with HomeLock(tmp_path):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        with HomeLock(tmp_path):
            assert read_holder(tmp_path).pid == os.getpid()


def test_waiting_for_the_former_holder(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        with HomeLock(tmp_path).acquire(wait_s=30):
            assert read_holder(tmp_path).pid == os.getpid()


def test_a_lock_may_be_released_twice(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path).acquire()
    lock.release()
    lock.release()


@pytest.mark.parametrize("text", ["", "half", "x daemon", "1 2 3"])
def test_a_pid_file_that_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "daemon.pid").write_text(text, encoding="ascii")
    assert read_holder(tmp_path).pid is None


@pytest.mark.parametrize("place", ["", "below"])
def test_a_home_that_is_no_directory(tmp_path: Path, place: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match="is not a directory"):
        HomeLock(file / place).acquire()


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (errno.EACCES, ConfigError),
        (errno.EROFS, ConfigError),
        (errno.ENAMETOOLONG, ConfigError),
        (errno.ENOSPC, PermanentError),
        (errno.EIO, TransientError),
        (errno.ESTALE, TransientError),
        (errno.EMFILE, TransientError),
        (errno.ENOMEM, TransientError),
        (errno.ENOLCK, TransientError),
    ],
)
@pytest.mark.parametrize("step", ["mkdir", "exists", "write_text"])
def test_only_what_does_not_mend_itself_is_a_mistake_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, step: str, code: int, refusal: type[NaiveError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, fail)
        with pytest.raises(refusal, match=f"the home .* can not be written: {os.strerror(code)}"):
            HomeLock(tmp_path).acquire()
    with HomeLock(tmp_path):
        pass


def test_a_home_that_can_not_be_made() -> None:
    with pytest.raises(ConfigError, match=r"the home /proc/home can not be written: "):
        make_home(Path("/proc/home"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could spoil another account's home")
def test_root_leaves_another_accounts_home_alone(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(ConfigError, match="belongs to the account with uid 12345") as refused:
        HomeLock(tmp_path).acquire()
    assert refused.value.hint is not None
    assert "sudo -u '#12345'" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_home_of_another_account() -> None:
    # Root may write everywhere, so a test that runs as root is nobody for a moment.
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="the home /usr can not be written: Permission denied"):
            make_home(Path("/usr"))
    finally:
        os.seteuid(mine)
