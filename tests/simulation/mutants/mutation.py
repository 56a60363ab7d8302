"""`make mutants`: does the simulation find each deliberate bug? Every one is tried on a copy of the product.

`python -m tests.simulation.mutants.mutation` copies package and tests into a temporary folder, runs the simulation on
the copy as it is, then once for each bug on a copy that has it. Exit code 1 when one was not found within its number of
seeds, or the copy without a bug failed. A run that fails in any other way than by a broken promise has found nothing,
nor has one whose seed fails without the bug as well.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

import naive_daemon
from tests.simulation.mutants.mutant import PACKAGE, Mutant
from tests.simulation.mutants.mutants import MUTANTS
from tests.simulation.promises.violation import NO_LOOK

TOP = Path(naive_daemon.__file__).parents[1]
HUNG_S = 900.0
"""Longer than any number of seeds takes."""
SAID_MAX = 2_000
BROKEN = re.compile(r"^seed (?P<seed>\d+): (?P<promise>[^:]+): (?P<detail>.*)$", re.MULTILINE)
RUN = """
import runpy, sys
import naive_daemon
assert naive_daemon.__file__.startswith(sys.argv[1]), naive_daemon.__file__
del sys.argv[1]
runpy.run_module("tests.simulation", run_name="__main__", alter_sys=True)
"""
"""Runs the simulation on the copy, and on nothing else."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one copy: which promise its bug broke, at the how-manieth seed; `trouble`: why nothing is known."""

    name: str
    breaks: str
    rule: bool = False
    promise: str | None = None
    detail: str | None = None
    seed: int | None = None
    seeds: int | None = None
    took_s: float
    trouble: str | None = None


def main() -> int:
    """Try the bugs; gives the exit code."""
    asked = _parse()
    mutants = [mutant for mutant in MUTANTS if mutant.name in asked.only]
    console = Console(width=180, highlight=False)
    began_s = time.monotonic()
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="naive-daemon-mutants-") as folder:
        top = copy_product(Path(folder))
        for finding in try_all(mutants, top, asked):
            findings.append(finding)
            console.print(_line(finding), soft_wrap=True, markup=False)
    order = {mutant.name: number for number, mutant in enumerate(mutants)}
    findings.sort(key=lambda finding: order.get(finding.name, -1))
    healthy, found = findings[0], findings[1:]
    _print(console, "Lines of naive.md's rules", [finding for finding in found if finding.rule])
    _print(console, "Mutants", [finding for finding in found if not finding.rule])
    if asked.json is not None:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(findings)))
    missed = [finding.name for finding in found if finding.promise is None]
    console.print(f"{len(found) - len(missed)} of {len(found)} mutants found in {time.monotonic() - began_s:.0f} s")
    if missed:
        console.print(f"not found: {', '.join(missed)}", soft_wrap=True)
    is_well = healthy.promise is None and healthy.trouble is None
    if not is_well:
        console.print(f"the product without a bug fails, so nothing is shown: {_line(healthy)}", soft_wrap=True)
    return 0 if is_well and not missed else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed of each run")
    parser.add_argument("--seeds", type=int, help="how many for each mutant, at most, in place of its own number")
    parser.add_argument("--healthy-seeds", type=int, default=300, help="how many for the product without a bug")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at the same time")
    names = [mutant.name for mutant in MUTANTS]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME", help="names of mutants")
    parser.add_argument("--json", type=Path, help="write what came of each")
    return parser.parse_args()


def copy_product(folder: Path) -> Path:
    """Copy package and tests as they are now, whatever changes in the checkout meanwhile; gives the copy's folder."""
    top = folder / "healthy"
    for part in (PACKAGE, "tests"):
        shutil.copytree(TOP / part, top / part, symlinks=True)
    return top


def try_all(mutants: Sequence[Mutant], top: Path, asked: argparse.Namespace) -> Iterator[Finding]:
    """Try the product as it is and each bug, some at a time, in the order in which they become done."""
    with ThreadPoolExecutor(asked.jobs) as pool:
        runs = [pool.submit(try_healthy, top, asked.seed, asked.healthy_seeds)]
        runs += [
            pool.submit(try_mutant, mutant, top, asked.seed, asked.seeds or mutant.seeds_max) for mutant in mutants
        ]
        for run in as_completed(runs):
            yield run.result()


def try_healthy(top: Path, seed: int, seeds: int) -> Finding:
    """Run the simulation on the copy without a bug."""
    return _find(Finding(name="", breaks="nothing", took_s=0.0), top, seed, seeds)


def try_mutant(mutant: Mutant, top: Path, seed: int, seeds: int) -> Finding:
    """Run the simulation on a copy of its own that has the bug."""
    folder = Path(tempfile.mkdtemp(dir=top.parent))
    shutil.copytree(top / PACKAGE, folder / PACKAGE)
    (folder / "tests").symlink_to(top / "tests")
    mutant.apply(folder)
    blank = Finding(name=mutant.name, breaks=mutant.breaks, rule=mutant.rule, took_s=0.0)
    finding = _find(blank, folder, seed, seeds)
    shutil.rmtree(folder)
    if finding.seed is None:
        return finding
    without = try_healthy(top, finding.seed, 1)
    if without.promise is None and without.trouble is None:
        return finding
    took_s = finding.took_s + without.took_s
    return msgspec.structs.replace(blank, took_s=took_s, trouble=f"fails without it as well: {_line(without)}")


def _find(blank: Finding, folder: Path, seed: int, seeds: int) -> Finding:
    options = ["--seed", str(seed), "--seeds", str(seeds), "--jobs", "1", "--stop-at-first", "--tell", "0"]
    began_s = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN, str(folder), *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=HUNG_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return msgspec.structs.replace(blank, took_s=time.monotonic() - began_s, trouble=f"no end within {HUNG_S:g} s")
    took_s = time.monotonic() - began_s
    broken = BROKEN.search(done.stdout)
    if broken is None or broken["promise"] == NO_LOOK:
        trouble = None if done.returncode == 0 else f"{done.stdout}{done.stderr}"[-SAID_MAX:]
        return msgspec.structs.replace(blank, took_s=took_s, trouble=trouble)
    found_seed = int(broken["seed"])
    return msgspec.structs.replace(
        blank,
        took_s=took_s,
        promise=broken["promise"],
        detail=broken["detail"],
        seed=found_seed,
        seeds=found_seed - seed + 1,
    )


def _line(finding: Finding) -> str:
    name = finding.name or "without a bug"
    if finding.promise is not None:
        return f"{name}: seed {finding.seed}, {finding.took_s:.1f} s, {finding.promise}: {finding.detail}"
    return f"{name}: {finding.trouble or 'nothing found'} ({finding.took_s:.1f} s)"


def _print(console: Console, title: str, findings: Sequence[Finding]) -> None:
    table = Table(title=title, title_justify="left")
    for heading in ("mutant", "what it breaks", "found by", "seeds", "s"):
        table.add_column(heading, justify="right" if heading in ("seeds", "s") else "left")
    for finding in findings:
        seeds = "" if finding.seeds is None else str(finding.seeds)
        table.add_row(finding.name, finding.breaks, finding.promise or "NOT FOUND", seeds, f"{finding.took_s:.1f}")
    if findings:
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
