"""`naive-daemon run`."""

import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import structlog

from naive_daemon.cli.account_choice import account_option
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.symbols import SymbolType, check_known
from naive_daemon.domain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from naive_daemon.config import Config
    from naive_daemon.config.section import Section
    from naive_daemon.logs import LogLevel
    from naive_daemon.otp import ActorSystem


def _keep_log() -> None:
    """Go on with a log that nobody takes away."""


class Terminal(NamedTuple):
    """What a person sees: `draw` shows the present state, `set_level` changes what is logged.

    `reopen_log` opens the log file anew, which may have been moved away; raises ConfigError when it can not be opened.
    """

    draw: "Callable[[ActorSystem], None]"
    set_level: "Callable[[LogLevel], None]"
    reopen_log: "Callable[[], None]" = _keep_log


@click.command(cls=Command)
@click.option("--feed", metavar="generated|binance|FILE", help="Where trades come from.")
@click.option(
    "--exchange", type=click.Choice(["paper", "binance"]), help="Where orders go to; binance brings its own market."
)
@click.option("--speed", metavar="N|max", help="How many times faster than its own time the market is played.")
@click.option("--seed", type=int, help="Seed of the generated market.")
@account_option()
@click.option(
    "--start",
    "symbols",
    multiple=True,
    type=SymbolType(),
    metavar="SYMBOL",
    help="Switch this symbol on unless somebody has stopped it; may be given several times.",
)
@pass_options
def run(
    options: Options,
    *,
    feed: str | None,
    exchange: str | None,
    speed: str | None,
    seed: int | None,
    account: str | None,
    symbols: tuple[str, ...],
) -> None:
    """Trade until Ctrl-C or SIGTERM, with servers of its own where none are configured.

    What was traded before goes on where it was. `start`, `stop`, `shutdown` and `status` work from another terminal.

    Example:
      naive-daemon run --start BTCUSDT
      naive-daemon run --feed binance --start BTCUSDT

    """
    from naive_daemon.clock import WallClock
    from naive_daemon.config.exchange import BINANCE
    from naive_daemon.config.model import GENERATED
    from naive_daemon.daemon import Daemon
    from naive_daemon.market.recording import Recording
    from naive_daemon.world import World

    def load() -> "Config":
        return options.load_config(
            {
                "market.feed": feed or (BINANCE if exchange == BINANCE else None),
                "market.speed": speed,
                "market.seed": seed,
                "exchange.name": exchange,
                "account": account,
            }
        )

    config = load()
    with logging_to_terminal(options, config) as terminal:
        recording = None if config.market.feed in (GENERATED, BINANCE) else Recording(config.market.feed)
        world = World(config, WallClock(), recording)
        names = check_known(symbols, world.instruments)
        daemon = Daemon(
            world,
            on_start=lambda world: world.seed(names),
            on_tick=terminal.draw,
            on_reload=lambda: reload_config(load, config, terminal),
        )
        daemon.run()


@contextmanager
def logging_to_terminal(options: Options, config: "Config", *, quiet: bool = False) -> Iterator[Terminal]:
    """Log as configured; where a person watches, put a status line below the log. `quiet` logs warnings only."""
    from naive_daemon.cli.status_line import StatusLine
    from naive_daemon.logs import LogStream, configure_logs, open_log_file

    shape = "json" if options.json else config.log.format
    stream = LogStream(sys.stderr if config.log.file is None else open_log_file(config.log.file))

    def set_level(level: "LogLevel") -> None:
        configure_logs("debug" if options.debug else "warning" if quiet else level, shape, stream)

    def reopen_log() -> None:
        file = config.log.file
        if file is None or not _may_be_moved(file):
            return
        former = stream.swap(open_log_file(file))
        with suppress(OSError):  # its disk is full: the lines that it could not take are counted already
            former.close()

    set_level(config.log.level)
    try:
        if quiet or shape == "json" or not stream.is_terminal():
            yield Terminal(lambda _: None, set_level, reopen_log)
            return
        with StatusLine(stream.target) as line:
            former = stream.swap(line.log_target)
            try:
                yield Terminal(line.draw, set_level)
            finally:
                stream.swap(former)
    finally:
        stream.close()  # what is said after this, an error's one line, stands below the log


def _may_be_moved(file: "Path") -> bool:
    """Say whether somebody may move a log file away: nobody does with a pipe or a terminal."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:  # to open it makes it, or says what is wrong
        return True


def reload_config(load: "Callable[[], Config]", running: "Config", terminal: Terminal) -> None:
    """Open the log file anew and read the configuration again (SIGHUP).

    The log's level changes at once, the rest is said to wait.
    """
    try:
        terminal.reopen_log()
    except ConfigError as error:
        _log().error("the log goes on in the former file", reason=error.message)
    try:
        fresh = load()
    except ConfigError as error:
        _log().error("configuration is wrong, the running one stays", reason=error.message)
        return
    terminal.set_level(fresh.log.level)
    changed = _changed(running, fresh)
    waiting = [name for name in changed if name != "log"]
    waiting += [f"log.{name}" for name in _changed(running.log, fresh.log) if name != "level"]
    # A logger of before would still hold to the former level.
    _log().info("configuration read again", changed=changed, at_next_start=waiting)


def _changed(running: "Section", fresh: "Section") -> list[str]:
    return [name for name in type(running).model_fields if getattr(fresh, name) != getattr(running, name)]


def _log() -> Any:
    return structlog.get_logger("naive_daemon").bind(actor="daemon")
