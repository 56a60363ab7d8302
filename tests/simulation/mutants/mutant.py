"""A deliberate bug of the product: a piece of one file, and what stands there instead."""

from pathlib import Path

import msgspec

PACKAGE = "naive_daemon"


class OutdatedMutantError(Exception):
    """The product has changed, so that the mutant can not be applied any more."""


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """`old` stands exactly once in `file`, a path below the package. `breaks`: what it costs whoever trades with it.

    `seeds_max`: so many seeds are tried, at most. `rule`: what is changed is a line of naive.md's rules.
    """

    name: str
    file: str
    old: str
    new: str
    breaks: str
    seeds_max: int = 2_000
    rule: bool = False

    def applied_to(self, source: str) -> str:
        """Give the file with the bug in it; raises OutdatedMutantError."""
        found = source.count(self.old)
        if found != 1:
            raise OutdatedMutantError(f"{self.name}: {self.file} has {found} places, not one, that read {self.old!r}")
        return source.replace(self.old, self.new)

    def apply(self, folder: Path) -> None:
        """Write the bug into a copy of the package that stands in a folder."""
        path = folder / PACKAGE / self.file
        path.write_text(self.applied_to(path.read_text()))
