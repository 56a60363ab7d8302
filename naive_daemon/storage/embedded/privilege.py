"""With which rights a server runs: what `setpriv` of util-linux is told before it becomes the server.

It does two things that Python alone can not do safely between fork and exec: it asks the kernel to signal the server
when its parent dies, and it turns root into the ordinary account that PostgreSQL insists on.
"""

import functools
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import msgspec

from naive_daemon.domain.errors import ConfigError

_DEATH_SIGNAL = "--pdeathsig"
_IDENTITY = ("--reuid", "--regid", "--clear-groups", "--inh-caps", "--ambient-caps", "--securebits")
_HINT = "run as an ordinary user, or set NAIVE_DATABASE_URL to a server of your own"
# Bits of linux/capability.h: what root needs to hand files to an account, become it, signal it and look at its files.
_ROOT_NEEDS = {"chown": 0, "dac_override": 1, "kill": 5, "setgid": 6, "setuid": 7, "setpcap": 8}
_DAC_READ_SEARCH_BIT = 2


class Account(msgspec.Struct, frozen=True):
    """An ordinary account for a server that refuses root, and the one capability that goes with it.

    With `capability` the server passes directories that only root may enter (its programs and data often lie below
    /root), so that nobody has to open them to everybody.
    """

    uid: int
    gid: int
    capability: str


def server_account(data: Path) -> Account | None:
    """Choose the account for a server that refuses root; None when this process is not root.

    The owner of existing `data`, else `postgres`, else `nobody`. Raises ConfigError when this root may not switch.
    """
    if os.geteuid() != 0:
        return None
    effective = _capabilities("CapEff") & _capabilities("CapBnd")
    missing = [name for name, bit in _ROOT_NEEDS.items() if not effective >> bit & 1]
    if missing:
        raise ConfigError(
            f"PostgreSQL refuses to run as root, and this root lacks {', '.join(missing)} to run it as another user",
            hint=_HINT,
        )
    uid, gid = _owner(data)
    # Reading and entering is all it takes; containers often grant only the broader capability.
    capability = "dac_read_search" if effective >> _DAC_READ_SEARCH_BIT & 1 else "dac_override"
    return Account(uid, gid, capability)


def prefix(death_signal: signal.Signals, account: Account | None) -> list[str]:
    """Give the start of a command line that runs a program as `account` and signals it when its parent dies.

    The parent is the thread that starts the program. Without a `setpriv` that knows how, the death signal is left out
    (the next start ends the left-over server); an account without it is a ConfigError. A parent that dies in the moment
    before `setpriv` has asked the kernel leaves a server over, too.
    """
    options = setpriv_options()
    command: list[str] = []
    if account is not None:
        if not options.issuperset(_IDENTITY):
            raise ConfigError("PostgreSQL refuses to run as root, and setpriv of util-linux is missing", hint=_HINT)
        added = f"+{account.capability}"
        command += ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
        command += ["--inh-caps", added, "--ambient-caps", added]
        # Without this, access(2) forgets the capability, and PostgreSQL can not find its own programs.
        command += ["--securebits", "+no_setuid_fixup"]
    if _DEATH_SIGNAL in options:
        command += [_DEATH_SIGNAL, death_signal.name.removeprefix("SIG")]
    return ["setpriv", *command] if command else []


def environment() -> dict[str, str]:
    """Give what a server inherits: where to find libraries, and neither our secrets nor PG* settings of the shell."""
    kept = ("PATH", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


@functools.cache
def setpriv_options() -> frozenset[str]:
    """Find out which of the options that we need this machine's `setpriv` knows; none when there is no such program."""
    if shutil.which("setpriv") is None:
        return frozenset()
    told = subprocess.run(["setpriv", "--help"], capture_output=True, text=True, timeout=10, check=False)
    return frozenset(option for option in (_DEATH_SIGNAL, *_IDENTITY) if option in told.stdout)


def _owner(data: Path) -> tuple[int, int]:
    """Say who owns `data`, or shall own it; root does not, as PostgreSQL refuses that."""
    if data.exists() and (found := data.stat()).st_uid != 0:
        return found.st_uid, found.st_gid
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ConfigError("PostgreSQL refuses to run as root, and there is no account postgres or nobody", hint=_HINT)


def _capabilities(field: str) -> int:
    """Read one capability set of this process, as bits."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value, 16)
    return 0
