"""What every command has: the common options, before or after its name, and loading on demand."""

import difflib
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from naive_daemon.config import Config


@dataclass
class Options:
    """What the common options say; filled while click reads the command line. `json` is what output goes by."""

    config_path: Path | None = None
    home: Path | None = None
    json: bool = False
    debug: bool = False

    def load_config(self, overrides: Mapping[str, Any] | None = None) -> "Config":
        """Read the configuration; `overrides` are the command's own options, by dotted keys, None for not given."""
        # Imported here: pydantic takes longer to load than --help may take to answer.
        from naive_daemon.config import load_config

        return load_config(self.config_path, {"home": self.home, **(overrides or {})})


pass_options = click.make_pass_decorator(Options, ensure=True)


class CommonOption(click.Option):
    """An option that every command takes; it is kept in `Options` and not handed to the command."""


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # Not given here may have been given before the command's name.
    if value is not None and parameter.name is not None:
        setattr(context.ensure_object(Options), parameter.name, value)


def common_options() -> list[click.Parameter]:
    """Make the options that every command takes."""
    path = click.Path(path_type=Path)
    shared: dict[str, Any] = {"expose_value": False, "callback": _keep, "default": None}
    flag: dict[str, Any] = {**shared, "is_flag": True, "flag_value": True, "type": click.BOOL}
    return [
        CommonOption(["--config", "config_path"], type=path, metavar="FILE", help="Read this TOML file.", **shared),
        CommonOption(["--home"], type=path, metavar="DIR", help="The directory of the daemon's data.", **shared),
        CommonOption(["--json"], help="Print JSON on standard output, and nothing else.", **flag),
        CommonOption(["--debug"], help="Show tracebacks and what the program does.", **flag),
    ]


class _Formatted(click.Command):
    """Lists the common options below the command's own, and leaves the lines of an example as they are."""

    def __init__(
        self,
        name: str | None,
        *,
        params: list[click.Parameter] | None = None,
        help: str | None = None,  # noqa: A002 - click's own name
        **kwargs: Any,
    ) -> None:
        text = inspect.cleandoc(help or "").replace("\n\nExample:\n", "\n\n\b\nExample:\n")
        super().__init__(name, params=[*(params or []), *common_options()], help=text or None, **kwargs)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of options in two blocks."""
        blocks: dict[str, list[tuple[str, str]]] = {"Options": [], "Common options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                blocks["Common options" if isinstance(parameter, CommonOption) else "Options"].append(record)
        for title, records in blocks.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


class Command(_Formatted):
    """A command with the common options."""


class Group(_Formatted, click.Group):
    """A group of commands with the common options; its commands have them too."""

    command_class = Command


class Loading(NamedTuple):
    """Where a command is (`module:attribute`), and its one line in the list of commands."""

    target: str
    short_help: str


class LazyGroup(Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def __init__(
        self, name: str | None, *, loadings: Mapping[str, Loading], version: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self._loadings = loadings
        if version:
            self.params.insert(0, _version_option())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order in which they are meant to be read."""
        return [*self._loadings, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and give a command; None when there is none of this name."""
        loading = self._loadings.get(cmd_name)
        if loading is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = loading.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{loading.target} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; an unknown one is refused with the nearest names."""
        name = args[0]
        if name not in self._loadings and not name.startswith("-"):
            near = difflib.get_close_matches(name, self._loadings)
            ctx.fail(f"there is no command {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, loading.short_help) for name, loading in self._loadings.items()])


def _version_option() -> click.Option:
    def show(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            from importlib.metadata import version

            click.echo(f"naive-daemon {version('naive-daemon')}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version."
    )
