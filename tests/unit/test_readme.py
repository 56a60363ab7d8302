"""What README and docs say is so: commands parse, targets and keys exist, tables and figures agree, links resolve."""

import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click
import msgspec
import pytest

from naive_daemon.backtest import BacktestPlan, run_backtest
from naive_daemon.cli import boundary, cli
from naive_daemon.config import Config
from naive_daemon.config.mistake import allowed, known_keys
from naive_daemon.config.source import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, SHORT_VARIABLES
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.money import plain
from naive_daemon.domain.settings import SETTING_RULES, TradeSettings
from naive_daemon.exchange.server.fault import KINDS
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS
from naive_daemon.market.recording import Recording
from naive_daemon.report.sheet import COLUMNS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = "docs/BTCUSDT-trades-generated.csv.gz"
# Words after which the rest of a line is another command.
_SEPARATORS = frozenset({"|", "&&", ";", "||"})
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


def shell_lines(page: Path) -> Iterator[list[str]]:
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():  # a line that goes on is one command
            yield shlex.split(line, comments=True)


def command_lines(page: Path) -> Iterator[tuple[str, ...]]:
    """Give the arguments of every `naive-daemon …` in code, whatever it is prefixed with."""
    inline = re.findall(r"`(naive-daemon [^`]+)`", page.read_text(encoding="utf-8"))
    for words in [*shell_lines(page), *map(shlex.split, inline)]:
        program = next((number for number, word in enumerate(words) if not _ASSIGNMENT.match(word)), 0)
        for number, word in enumerate(words):
            if word.endswith("/bin/naive-daemon") or (word == "naive-daemon" and number == program):
                rest = words[number + 1 :]
                end = next((at for at, later in enumerate(rest) if later in _SEPARATORS), len(rest))
                yield tuple(rest[:end])


def table(page: Path, head: str) -> list[list[str]]:
    """Give the rows of the table whose first column is called `head`."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"| {head} |")
    rows = [line for line in rest.partition("\n\n")[0].splitlines()[2:] if line.startswith("|")]
    assert rows, f"{page.name} has no table {head}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


COMMANDS = sorted({arguments for page in PAGES for arguments in command_lines(page)})


def test_commands_are_found() -> None:
    assert ("status",) in COMMANDS
    assert ("start", "BTCUSDT") in COMMANDS


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_parses(arguments: tuple[str, ...]) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    words = list(arguments)
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name}"
        command = found
    with command.make_context("naive-daemon", words, parent=context):
        pass


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = [words for page in PAGES for words in shell_lines(page) if words[:1] == ["make"]]
    inline = [line.split() for page in PAGES for line in re.findall(r"`(make [a-z-]+)`", page.read_text("utf-8"))]
    used = {[word for word in words if "=" not in word][-1] for words in [*lines, *inline]}
    assert {"run", "test"} <= used <= targets


def test_the_table_of_faults_is_complete() -> None:
    section = (ROOT / "docs" / "exchanges.md").read_text(encoding="utf-8").partition("### Faults\n")[2]
    table = section.partition("### ")[0]
    kinds = [kind for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for kind in re.findall(r"`(.+?)`", row)]
    assert [kind for kind in kinds if not kind.startswith("-")] == list(KINDS)


def test_the_table_of_settings_is_the_rules() -> None:
    rows = {row[0].strip("`"): row[1:3] for row in table(README, "setting")}
    defaults = TradeSettings()
    assert rows == {
        key: [plain(value) if isinstance(value := getattr(defaults, key), Decimal) else str(value), rule.allowed]
        for key, rule in SETTING_RULES.items()
    }


def test_the_table_of_a_reports_columns_is_the_columns() -> None:
    assert {row[0].strip("`"): row[1] for row in table(README, "column")} == COLUMNS


def test_the_table_of_the_configuration_is_the_model() -> None:
    rows = {row[0].strip("`"): row[1:4] for row in table(ROOT / "docs" / "configuration.md", "key")}
    assert rows.keys() == {".".join(key) for key in known_keys()}
    for key, (default, takes, what) in rows.items():
        model = Config
        *sections, name = key.split(".")
        for section in sections:
            model = model.model_fields[section].annotation
        field = model.model_fields[name]
        assert takes == allowed(field)
        assert what == field.description
        assert default == ("depends" if field.default_factory else _written(field.default))


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"`{key}` {plain(amount)}" for key, amount in value.items())
    return f"`{plain(value) if isinstance(value, Decimal) else value}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_are_read(page: Path) -> None:
    keys = {ENVIRONMENT_PREFIX + "__".join(key).upper() for key in known_keys()}
    for name in set(re.findall(r"NAIVE_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8"))):
        row = name.rpartition("__")[0]  # a table's rows can be set one by one
        assert name in {CONFIG_VARIABLE, *SHORT_VARIABLES, *keys} or row == "NAIVE_EXCHANGE__BALANCES", name


def test_the_table_of_exit_codes_is_complete() -> None:
    told = {int(row[0]) for row in table(README, "code")}
    errors = [NaiveError, *NaiveError.__subclasses__()]
    assert told == {0, boundary.EXIT_INTERRUPTED, *(error.exit_code for error in errors)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(naive_daemon/[\w./]*\w)`", "".join(
    page.read_text(encoding="utf-8") for page in PAGES
)))))  # fmt: skip
def test_places_in_the_source_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_figures_of_the_first_backtest_are_those_printed() -> None:
    assert ("backtest", EXAMPLE) in COMMANDS
    recording = Recording(ROOT / EXAMPLE)
    plan = BacktestPlan(instrument=GENERATED_INSTRUMENTS[recording.symbol], settings=TradeSettings())
    summary = msgspec.structs.asdict(run_backtest(recording, plan).summary)
    printed = re.search(r"^what +figure\n─+\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert printed is not None
    rows = dict(re.split(r" {2,}", line) for line in printed[1].splitlines())
    assert rows == {key.replace("_", " "): _figure(summary[key]) for key in map(_key, rows)}


def _key(words: str) -> str:
    return words.replace(" ", "_")


def _figure(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
