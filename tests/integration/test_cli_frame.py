"""The contract with the terminal: options, exit codes, errors of one line. Runs the installed program."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from naive_daemon.cli import COMMANDS, boundary, cli
from naive_daemon.cli.command import Command, CommonOption, Group, Options, pass_options
from naive_daemon.cli.output import print_table
from naive_daemon.domain.errors import ConfigError, PermanentError, UnreachableError

PROGRAM = Path(sys.executable).with_name("naive-daemon")


def naive_daemon(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NAIVE_")}
    return subprocess.run(
        [PROGRAM, *arguments], env={**kept, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_loads_no_command_and_nothing_slow() -> None:
    script = (
        "import sys\nfrom naive_daemon.cli import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "slow = {'pydantic', 'sqlalchemy', 'alembic', 'psycopg', 'rich', 'structlog', 'naive_daemon.cli.start'}\n"
        "sys.exit(', '.join(slow & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Commands:" in done.stdout


def test_version() -> None:
    done = naive_daemon("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "naive-daemon")


def test_no_command_shows_the_help() -> None:
    done = naive_daemon()
    assert done.returncode == 2
    assert "Commands:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("strat", "X"), "there is no command 'strat'; did you mean start"),
        (("--jsno",), "No such option '--jsno'"),
        (("db", "upgrad"), "upgrade"),
        (("start",), "Missing argument 'SYMBOL...'"),
        (("stop", "X", "--orders", "sell"), "'sell' is not one of 'keep', 'cancel'"),
        (("start", "X", "--timeout", "-1"), "-1"),
    ],
)
def test_usage_errors_exit_with_2(arguments: tuple[str, ...], message: str) -> None:
    done = naive_daemon(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [("--json", "start"), ("start", "--json"), ("--json", "--bogus")])
def test_usage_errors_are_json_when_json_is_asked_for(arguments: tuple[str, ...]) -> None:
    done = naive_daemon(*arguments)
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["exit_code"] == 2


@pytest.mark.parametrize("arguments", [("--config", "none.toml", "status"), ("status", "--config", "none.toml")])
def test_common_options_stand_before_or_after_the_command(arguments: tuple[str, ...]) -> None:
    done = naive_daemon(*arguments)
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        "error: the configuration file none.toml can not be read: No such file or directory",
        "hint: name another with --config or NAIVE_CONFIG",
    ]


def test_mistakes_in_the_configuration_exit_with_78_and_hide_secrets() -> None:
    done = naive_daemon("status", "--json", NAIVE_DATABASE_URL="mysql://u:sesame@h", NAIVE_LOG__LEVEL="loud")
    assert done.returncode == 78
    error = json.loads(done.stderr)["error"]
    assert (error["type"], error["exit_code"]) == ("ConfigError", 78)
    assert "log.level (NAIVE_LOG__LEVEL): given 'loud'" in error["message"]
    assert "sesame" not in done.stderr


def every_command(group: click.Group, name: str) -> list[tuple[str, click.Command]]:
    context = click.Context(group, info_name=name)
    found: list[tuple[str, click.Command]] = []
    for below in group.list_commands(context):
        command = group.get_command(context, below)
        assert command is not None
        found.append((f"{name} {below}", command))
        if isinstance(command, click.Group):
            found += every_command(command, f"{name} {below}")
    return found


def test_every_command_takes_the_common_options_and_shows_an_example() -> None:
    for name, command in every_command(cli, "naive-daemon"):
        common = {parameter.name for parameter in command.params if isinstance(parameter, CommonOption)}
        assert common == {"config_path", "home", "json", "debug"}, name
        assert command.help is not None, name
        assert f"\b\nExample:\n  {name}" in command.help, name


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    context = click.Context(cli)
    for name, loading in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == loading.short_help


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermanentError("no space", hint="free some"), 1),
        (UnreachableError("no answer"), 69),
        (ConfigError("wrong"), 78),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes_stand_on_the_errors(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    @click.command(cls=Command)
    def fail() -> None:
        raise error

    assert boundary.run(fail, ["--json"]) == code
    assert json.loads(capsys.readouterr().err)["error"]["exit_code"] == code


def test_a_group_hands_its_options_down(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    @click.group(cls=Group)
    def outer() -> None:
        pass

    @outer.command()
    @pass_options
    def inner(options: Options) -> None:
        click.echo(f"{options.json} {options.home}")

    assert boundary.run(outer, ["--home", "/a", "inner"]) == 0
    assert boundary.run(outer, ["--json", "inner", "--home", "/b"]) == 0
    assert boundary.run(outer, ["--home", "/a", "inner", "--home", "/b", "--json"]) == 0
    assert capsys.readouterr().out == "False /a\nTrue /b\nTrue /b\n"


def test_a_table_pads_no_line_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "reason"], [["a", None], ["b", "a long reason"]])
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert [head, *rows] == ["id   reason", "a    -", "b    a long reason"]
    assert set(rule) == {"─"}


BUG = """
import click, sys
from naive_daemon.cli import boundary
from naive_daemon.cli.command import Command, pass_options
from naive_daemon.cli.output import emit, print_table

@click.command(cls=Command)
def bug():
    raise LookupError("at postgresql://u:sesame@h")

@click.command(cls=Command)
def many():
    for number in range(100_000):
        click.echo(number)

@click.command(cls=Command)
@pass_options
def show(options):
    emit(options, {"shown": 1}, lambda: print_table(["what"], [["shown"]]))

@click.command(cls=Command)
def wait():
    click.echo("ready")
    sys.stdin.readline()

sys.exit(boundary.run({"bug": bug, "many": many, "show": show, "wait": wait}[sys.argv[1]], sys.argv[2:]))
"""


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_told_as_one(debug: bool) -> None:
    arguments = ["--debug"] if debug else []
    done = subprocess.run([sys.executable, "-c", BUG, "bug", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: LookupError: at postgresql://u:**********@h\nhint: this is a bug" in done.stderr
    assert ("Traceback" in done.stderr) is debug


def test_a_reader_that_leaves_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUG, "many"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("words", ["many", "show", "show --json"])
@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
def test_output_that_can_not_be_written_is_told_in_a_line(words: str, redirection: str) -> None:
    command, shell = words.split(), f'"$0" "$@" {redirection}'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, "-c", BUG, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the output can not be written: " in done.stderr
    assert "bug" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "2>&-"])
def test_closed_streams_cost_nothing_but_what_is_shown(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" "$@" {closed}', sys.executable, "-c", BUG, "wait"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (1 if closed.startswith(">") else 0)
    assert done.stderr == ""


def test_an_interrupt_exits_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUG, "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert told.strip() == "error: interrupted"
