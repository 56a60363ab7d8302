"""`naive-daemon actor`."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.looking_values import ActorNameType, SecondsType
from naive_daemon.cli.output import console, emit, print_table
from naive_daemon.domain.errors import UsageError

if TYPE_CHECKING:
    from naive_daemon.console.client import ConsoleClient
    from naive_daemon.console.protocol import Told
    from naive_daemon.otp import ActorView, TraceEvent

_BELONGS_TO = {"count": "trace", "seconds": "trace", "for": "suspend"}
_MARKS = {"receive": "→", "send": "←", "handled": "="}


@click.command(cls=Command)
@click.argument("name", type=ActorNameType(), metavar="NAME")
@click.argument("verb", type=click.Choice(["state", "trace", "suspend", "resume"]))
@click.option(
    "--count", type=click.IntRange(1, 10_000), metavar="N", help="End a trace after so many messages; 100 unless given."
)
@click.option(
    "--seconds",
    type=SecondsType(0, 600, min_open=True),
    metavar="SECONDS",
    help="End a trace after this time, 600 at most; 10 unless given.",
)
@click.option(
    "--for",
    "for_s",
    type=SecondsType(0, 600, min_open=True),
    metavar="SECONDS",
    help="Suspend for this time, 600 at most; 60 unless given.",
)
@pass_options
def actor(
    options: Options, *, name: str, verb: str, count: int | None, seconds: float | None, for_s: float | None
) -> None:
    """Look into one actor of a running daemon.

    NAME is a name as `naive-daemon tree` shows it, or a number. "state" shows its place, its own attributes and its
    last messages, between two messages. "trace" shows what it receives and sends, and at last why it has ended: count,
    time or the actor's end. "suspend" lets it handle nothing for a while, "resume" lets it go on; its messages wait
    meanwhile. Secrets are left out.

    Example:
      naive-daemon actor trader:main:BTCUSDT:1 state
      naive-daemon actor switches trace --count 20 --seconds 5
      naive-daemon actor feed:BTCUSDT suspend --for 10
      naive-daemon actor feed:BTCUSDT resume

    """
    for option, value in (("count", count), ("seconds", seconds), ("for", for_s)):
        if value is not None and verb != _BELONGS_TO[option]:
            raise UsageError(f"--{option} belongs to {_BELONGS_TO[option]}", hint="naive-daemon actor --help says more")
    from naive_daemon.cli.looking import console_client

    client = console_client(options)
    match verb:
        case "state":
            _show_state(options, client, name)
        case "trace":
            _trace(options, client, name, count, seconds)
        case "suspend":
            _suspend(options, client, name, for_s)
        case "resume":
            _resume(options, client, name)


def _show_state(options: Options, client: "ConsoleClient", name: str) -> None:
    from naive_daemon.console.protocol import ActorShown, AskActor

    view = client.ask(AskActor(name), ActorShown).view
    emit(options, msgspec.to_builtins(view), lambda: _print_state(view))


def _print_state(view: "ActorView") -> None:
    from naive_daemon.cli.looking import size

    node = view.node
    if view.is_busy:
        click.echo(f"{node.name} is busy: its handler has not ended. It was looked at from outside, maybe in a change.")
    rows: list[tuple[str, Any]] = [
        ("number", node.number), ("class", node.actor_class), ("type", node.type.value), ("state", node.state.value),
        ("mailbox", node.mailbox), ("handled", node.handled), ("busy", f"{node.busy_s:.6f} s"),
        ("memory", None if node.memory_bytes is None else f"about {size(node.memory_bytes)}"),
    ]  # fmt: skip
    if node.restarts:
        rows.append(("restarts", node.restarts))
    print_table([node.name, ""], rows)
    _print_lines("state", [f"{name} = {value}" for name, value in view.state.items()])
    _print_lines("last messages, oldest first", view.last_messages)
    _print_lines("where its thread is, innermost call last", view.stack)


def _print_lines(title: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"\n{title}:")
    for line in lines:
        console().print(f"  {line}", soft_wrap=True)


def _trace(options: Options, client: "ConsoleClient", name: str, count: int | None, seconds: float | None) -> None:
    from naive_daemon.console.protocol import AskTrace, Traced, TraceEnded
    from naive_daemon.otp import TRACE_COUNT_DEFAULT, TRACE_TIME_DEFAULT_S

    request = AskTrace(name, count or TRACE_COUNT_DEFAULT, seconds or TRACE_TIME_DEFAULT_S)
    for answer in client.stream(request, more_s=request.time_s):
        match answer:
            case Traced(event) if options.json:
                click.echo(msgspec.json.encode(event).decode())
            case Traced(event):
                console().print(_event_line(event), soft_wrap=True)
            case TraceEnded(ending) if options.json:
                click.echo(msgspec.json.encode({"ending": ending}).decode())
            case TraceEnded(ending):
                click.echo(f"the trace has ended: {ending}")


def _event_line(event: "TraceEvent") -> str:
    from naive_daemon.clock import to_datetime

    line = f"{to_datetime(event.at_ns):%H:%M:%S.%f}  {_MARKS[event.direction]} {event.direction:7}  "
    if event.peer is not None:
        line += f"to {event.peer}  "
    if event.handler_s is not None:
        return line + f"in {event.handler_s * 1_000:.3f} ms"
    return line + event.message


def _suspend(options: Options, client: "ConsoleClient", name: str, for_s: float | None) -> None:
    from naive_daemon.console.protocol import SuspendActor, Told
    from naive_daemon.otp import SUSPEND_DEFAULT_S

    time_s = for_s or SUSPEND_DEFAULT_S
    told = client.ask(SuspendActor(name, time_s), Told)
    emit(options, told, lambda: _say_told(told, f"suspended for {time_s:g} s, or until resume"))


def _resume(options: Options, client: "ConsoleClient", name: str) -> None:
    from naive_daemon.console.protocol import ResumeActor, Told

    told = client.ask(ResumeActor(name), Told)
    emit(options, told, lambda: _say_told(told, "resumed"))


def _say_told(told: "Told", what: str) -> None:
    later = "; it is busy, and takes note as soon as its handler ends" if told.is_busy else ""
    click.echo(f"{told.name} (#{told.number}): {what}{later}")
