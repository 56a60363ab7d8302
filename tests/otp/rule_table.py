"""The table of docs/otp.md: each rule and the tests that prove it, read from their names.

`test_rule_7_…` proves rule 7, `test_rules_7_37_…` (or `7_and_37`) both, `test_rules_28_to_30_…` all three.
`python -m tests.otp.rule_table` writes the table between the marks of the page.
"""

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tests.otp.rules import RULES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "otp.md"
FOLDERS = (ROOT / "tests" / "e2e", ROOT / "tests" / "otp")
"""Where tests cite these rules; elsewhere `rule` means one of the execution manager's."""

BEGIN, END = "<!-- rules: written by `make docs` -->", "<!-- end of rules -->"

_ONE = re.compile(r"test_rule_(\d+)_")
_MANY = re.compile(r"test_rules_(\d+(?:_(?:and_|to_)?\d+)*)_")


class Proof(msgspec.Struct, frozen=True, order=True):
    """A test that proves a rule: its file below the repository's root, and its name."""

    file: str
    test: str


def rules_of(test: str) -> set[int]:
    """Read which rules a test's name cites."""
    one = _ONE.match(test)
    if one is not None:
        return {int(one[1])}
    many = _MANY.match(test)
    if many is None:
        return set()
    rules: set[int] = set()
    for part in re.findall(r"\d+_to_\d+|\d+", many[1]):
        first, *last = map(int, part.split("_to_"))
        rules.update(range(first, (last or [first])[0] + 1))
    return rules


def tests_in(folder: Path) -> Iterator[Proof]:
    """List the tests in a folder without running any."""
    for file in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_bytes(), file)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield Proof(file.relative_to(ROOT).as_posix(), node.name)


@functools.cache
def proofs(folders: tuple[Path, ...] = FOLDERS) -> dict[int, list[Proof]]:
    """Find the tests of each rule; a rule without any has an empty list."""
    found: dict[int, list[Proof]] = {rule: [] for rule in RULES}
    for proof in (proof for folder in folders for proof in tests_in(folder)):
        for rule in rules_of(proof.test):
            found.setdefault(rule, []).append(proof)
    return {rule: sorted(found[rule]) for rule in sorted(found)}


def table(found: Mapping[int, list[Proof]]) -> str:
    """Give the table as Markdown; a file is linked once a rule."""
    lines = ["| rule | what it says | the tests that prove it |", "|---|---|---|"]
    for rule, sentence in RULES.items():
        files: dict[str, list[str]] = {}
        for proof in found[rule]:
            files.setdefault(proof.file, []).append(f"`{proof.test}`")
        cells = [f"[{Path(file).name}](../{file}): {', '.join(tests)}" for file, tests in files.items()]
        lines.append(f"| {rule} | {sentence} | {'<br>'.join(cells)} |")
    return "\n".join(lines)


def page_with(rules: str, page: str) -> str:
    """Put the table between the marks of a page; raises ValueError when it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{rules}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table(proofs()), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
