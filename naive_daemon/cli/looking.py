"""What the commands share that look into a running daemon: whom they ask, and how they write what they see."""

from collections.abc import Callable

from naive_daemon.cli.command import Options
from naive_daemon.clock import WallClock
from naive_daemon.console.client import ConsoleClient, Expected
from naive_daemon.console.protocol import Request
from naive_daemon.domain.errors import UsageError
from naive_daemon.otp import NodeState

STATE_STYLES = {
    NodeState.RUNNING: "green",
    NodeState.STARTING: "cyan",
    NodeState.SUSPENDED: "yellow",
    NodeState.STUCK: "bold red",
    NodeState.RESTARTING: "yellow",
    NodeState.STOPPING: "cyan",
    NodeState.STOPPED: "dim",
    NodeState.DEAD: "red",
}

_MIB = 1024 * 1024
_KIB = 1024


def console_client(options: Options) -> ConsoleClient:
    """Give who asks the daemon of the configured home."""
    return ConsoleClient(options.load_config().home, WallClock().monotonic_s)


def ask_of_account(
    options: Options,
    account: str | None,
    request: Callable[[str | None], Request],
    expected: type[Expected],
    more_s: float = 0.0,
) -> Expected:
    """Ask the daemon about an account: the one that is named, else the configured one, else the only one it trades."""
    client = console_client(options)
    if account is not None:
        return client.ask(request(account), expected, more_s)
    try:
        return client.ask(request(options.load_config().account), expected, more_s)
    except UsageError:  # it was started for another account: where that is the only one, it is meant
        return client.ask(request(None), expected, more_s)


def size(size_bytes: int) -> str:
    """Write an amount of memory."""
    return f"{size_bytes / _MIB:.1f} MiB" if size_bytes >= _MIB else f"{size_bytes / _KIB:.1f} KiB"
