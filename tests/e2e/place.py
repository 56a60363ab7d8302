"""A place where the installed program runs: a home of its own, the environment that goes with it, and what it leaves.

Everything that a test starts is started by a place and ended by `Place.clear`, also when the test fails.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import psutil

from naive_daemon.storage.embedded import EmbeddedPostgres
from tests.e2e.daemon import PATIENCE_S, Daemon
from tests.exchange.local_exchange import LocalExchange

PROGRAM = Path(sys.executable).with_name("naive-daemon")


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed as JSON; it must have succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)


class Place:
    """A home and an environment; `environment` overrides what the program is given. `prefix` runs it as another."""

    def __init__(self, home: Path, prefix: Sequence[str] = (PROGRAM.as_posix(),), **environment: str) -> None:
        self.home = home
        self.environment = environment
        self._prefix = prefix
        self._daemons: list[Daemon] = []

    def __call__(self, *arguments: str, **environment: str) -> Answer:
        """Run a command to its end."""
        done = subprocess.run(
            [*self._prefix, *arguments],
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str, command: str = "run", **environment: str) -> Daemon:
        """Start a daemon in a process group of its own, as a shell does; gives it at once, ready or not."""
        process = subprocess.Popen(
            [*self._prefix, command, *arguments],
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        daemon = Daemon(process)
        self._daemons.append(daemon)
        return daemon

    def connect(self, exchange: LocalExchange, **environment: str) -> None:
        """Have what runs from now on trade there, on its market, with the first account's key."""
        self.environment |= {
            "NAIVE_EXCHANGE__NAME": "binance",
            "NAIVE_MARKET__FEED": "binance",
            "NAIVE_EXCHANGE__BINANCE__REST_URL": exchange.rest_url,
            "NAIVE_EXCHANGE__BINANCE__WS_API_URL": exchange.ws_api_url,
            "NAIVE_EXCHANGE__BINANCE__STREAM_URL": exchange.stream_url,
            "NAIVE_EXCHANGE__BINANCE__API_KEY": exchange.api_key,
            "NAIVE_EXCHANGE__BINANCE__API_SECRET": exchange.api_secret,
            **environment,
        }

    def trade(self, *arguments: str, **environment: str) -> Daemon:
        """Start a daemon and wait until it is ready."""
        daemon = self.run(*arguments, **environment)
        daemon.log.await_event("ready")
        return daemon

    def become(self, *arguments: str, **environment: str) -> NoReturn:
        """Turn this process, which was forked for it, into the program."""
        command = [*self._prefix, *arguments]
        os.execvpe(command[0], command, self._environment(environment))  # noqa: S606 - there is nothing for a shell to do

    @property
    def url(self) -> str:
        """URL of the database: the configured one, else that of the embedded server that runs now."""
        url = self.environment.get("NAIVE_DATABASE_URL") or EmbeddedPostgres.running_url(self.home)
        assert url is not None, f"no PostgreSQL runs in {self.home}"
        return url

    def servers(self) -> list[psutil.Process]:
        """Give the processes of embedded servers that work in the home, whoever's children they are."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if Path(process.cwd()).is_relative_to(self.home.resolve()):
                    found.append(process)
        return found

    def server(self, name: str) -> psutil.Process:
        """Give the main process of the server whose program has this name."""
        own = self.servers()
        return next(
            process for process in own if process.name() == name and process.ppid() not in {other.pid for other in own}
        )

    def await_servers_end(self) -> None:
        """Wait until the servers that run now have ended."""
        for process in self.servers():
            with contextlib.suppress(ProcessLookupError):
                await_end(process.pid)

    def clear(self) -> None:
        """End what is left and remove the home."""
        for daemon in self._daemons:
            daemon.end_hard()
        for process in self.servers():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.await_servers_end()
        if self.home.is_dir():
            shutil.rmtree(self.home)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("NAIVE_")}
        return {**kept, "NAIVE_HOME": str(self.home), **self.environment, **more}


def await_end(pid: int) -> None:
    """Wait until the process has ended, even where its parent is slow to take note of it."""
    watch = os.pidfd_open(pid)
    try:
        assert select.select([watch], [], [], PATIENCE_S)[0], f"process {pid} has not ended"
    finally:
        os.close(watch)
