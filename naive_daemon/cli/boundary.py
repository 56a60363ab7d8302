"""The edge of the command line: every error becomes one line, a hint and an exit code.

0 done, 1 failed, 2 usage, 69 a service is unreachable, 78 configuration, 130 interrupted. What is none of our own
errors is a bug, and is told as one.
"""

import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, cast

import click

from naive_daemon.cli.command import Options
from naive_daemon.domain.errors import NaiveError

PROGRAM = "naive-daemon"
EXIT_INTERRUPTED = 130
_EXIT_UNWRITTEN = 1


class OutputError(NaiveError):
    """Standard output can not be written: its disk is full, or the caller has closed it."""


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run the command line and give the exit code; errors are told on standard error.

    An exception that is a bug leaves this function: `sys.excepthook`, which is set here, tells of it, and Python then
    ends the process with status 1.
    """
    _occupy_closed_streams()
    options = Options(json=_asks_for_json(arguments), debug="--debug" in arguments)
    sys.excepthook = _BugReport(options)
    try:
        with _guarded_output():
            code = command.main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=options)
            sys.stdout.flush()
    except NaiveError as error:
        if isinstance(error, OutputError):
            _give_up_output()
        _trace(options)
        _tell(options, type(error).__name__, error.message, error.hint, error.exit_code)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        _tell(options, "UsageError", error.format_message(), _usage_hint(error), error.exit_code)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _tell(options, "Interrupted", "interrupted", None, EXIT_INTERRUPTED)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read has left (`orders | head`).
        _give_up_output()
        return _EXIT_UNWRITTEN
    return code if isinstance(code, int) else 0


def _occupy_closed_streams() -> None:
    """Put something in the place of standard streams that the caller has closed (`>&-`).

    Else a file or a socket of ours gets their number, and what is printed goes there. What is put in the place of
    standard output can not be written, so that a command that has something to say fails, and `run` does not.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free: this one
            name = ("stdin", "stdout", "stderr")[number]
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


class _Output:
    """Standard output whose failure is told from a bug; a reader that has left is nobody's failure."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; raises OutputError."""
        with self._telling():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush; raises OutputError."""
        with self._telling():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            hint = "what was asked for is done, but not shown: give the output a place to go"
            raise OutputError(f"the output can not be written: {error.strerror}", hint=hint) from error


@contextmanager
def _guarded_output() -> Iterator[None]:
    former = sys.stdout
    sys.stdout = cast("TextIO", _Output(former))
    try:
        yield
    finally:
        sys.stdout = former


def _give_up_output() -> None:
    """Let go what can not be written: Python flushes once more at its end, and must find a file that takes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Look for --json even in a command line that click refuses, so that its refusal is JSON too."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


def _usage_hint(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path} --help says more" if context is not None else None


class _BugReport:
    """Tells of an exception that nobody has caught."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if self._options.debug:
            _write("".join(traceback.format_exception(kind, error, trace)).rstrip())
        text = " ".join(str(error).split())
        hint = "this is a bug in naive-daemon: please report it, with what --debug shows"
        _tell(self._options, kind.__name__, f"{kind.__name__}: {text}", hint, 1)


def _trace(options: Options) -> None:
    if options.debug:
        _write(traceback.format_exc().rstrip())


def _tell(options: Options, kind: str, message: str, hint: str | None, code: int) -> None:
    if options.json:
        told = {"type": kind, "message": message, "hint": hint, "exit_code": code}
        _write(json.dumps({"error": told}, ensure_ascii=False))
        return
    _write(f"error: {message}")
    if hint:
        _write(f"hint: {hint}")


def _write(text: str) -> None:
    # Imported here: only errors need it, and it is slow to load.
    from naive_daemon.logs import hide_secrets

    click.echo(hide_secrets(text), err=True)
