"""`make simulate`: seeds of the simulation over all cores; the first line says which, the exit code whether all held.

`--seeds N` runs N seeds from a drawn first one, or from `--seed K`; `--seed K` alone runs that one. `--shrink` finds a
smaller list of faults for each seed that fails. `--report FILE` writes how often each fault was struck where.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from rich.console import Console

from tests.simulation.coverage import Coverage, merged
from tests.simulation.odds import Fault
from tests.simulation.run import Outcome, run
from tests.simulation.shrink import shrink
from tests.simulation.telling import command, tell

CHUNK = 25
FAILURES_MAX = 20
FIRST_MAX = 2**40
STOPPED = 130
"""The exit code of a run that was interrupted before any seed had failed, as a shell gives it."""


def main() -> int:
    """Run the seeds; gives the exit code."""
    asked = _parse()
    first = asked.seed if asked.seed is not None else random.SystemRandom().randrange(FIRST_MAX)
    count = asked.seeds if asked.seeds is not None else 1 if asked.seed is not None else 1_000
    console = Console(width=160, highlight=False)
    extra = ["--seeds", str(count)] if count > 1 else []
    console.print(f"seeds {first} to {first + count - 1}: {command(first, *extra)}", soft_wrap=True)
    began_s, last_s = time.monotonic(), time.monotonic()
    coverage, failed = Coverage(), list[Outcome]()
    is_stopped = False
    try:
        for part, failures in _over_cores(first, count, asked.jobs, stop_at_first=asked.stop_at_first):
            coverage = merged((coverage, part))
            for outcome in failures:
                console.print(f"seed {outcome.seed}: {outcome.broken}", soft_wrap=True, markup=False)
            failed += failures
            if time.monotonic() - last_s > 30:
                last_s = time.monotonic()
                console.print(_figures(coverage, time.monotonic() - began_s, asked.jobs), soft_wrap=True)
            if failed and (asked.stop_at_first or len(failed) >= FAILURES_MAX):
                break
    except KeyboardInterrupt:  # what was run until now is told all the same
        is_stopped = True
    for outcome in failed[: asked.tell]:
        console.print("\n".join(tell(outcome)), soft_wrap=True, markup=False)
        if asked.shrink:
            _print_shrunk(console, outcome)
    if asked.table:
        coverage.print(console)
    console.print(_figures(coverage, time.monotonic() - began_s, asked.jobs), soft_wrap=True)
    verdict = f"{len(failed)} seeds failed" if failed else "no promise was broken"
    cut = f", of {count}: it was stopped" if is_stopped else ""
    console.print(f"{coverage.totals['seeds']} seeds{cut}: {verdict}")
    if asked.report is not None:
        coverage.write(asked.report)
    return STOPPED if is_stopped and not failed else 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_from(1), help="how many")
    parser.add_argument("--seed", type=_from(0), help="the first")
    parser.add_argument("--jobs", type=_from(1), default=os.cpu_count() or 1, help="how many cores")
    parser.add_argument("--shrink", action="store_true", help="find a smaller list of faults")
    parser.add_argument("--stop-at-first", action="store_true", help="run no more seeds once one has failed")
    parser.add_argument("--report", type=_writable, help="write the table of faults as JSON")
    parser.add_argument("--table", action="store_true", help="print the table of faults")
    parser.add_argument("--tell", type=_from(0), default=3, help="tell the last events of so many seeds that failed")
    return parser.parse_args()


def _from(least: int) -> Callable[[str], int]:
    """Read a whole number that is not below the least: a run of no seed would prove nothing, and say that all held."""

    def whole(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is less than {least}")
        return number

    return whole


def _writable(text: str) -> Path:
    """Refuse a file that can not be written before the run, and not when its last seed has been run."""
    path = Path(text)
    try:
        path.open("a").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} can not be written: {error.strerror}") from error
    return path


def _over_cores(first: int, count: int, jobs: int, *, stop_at_first: bool) -> Iterator[tuple[Coverage, list[Outcome]]]:
    """Run seeds a few at a time, in the order in which they become done."""
    chunks = iter(range(first, first + count, CHUNK))
    end = first + count
    if jobs == 1 or count == 1:
        for start in chunks:
            yield run_seeds(start, min(start + CHUNK, end), stop_at_first=stop_at_first)
        return
    with ProcessPoolExecutor(jobs, initializer=_end_with_parent) as pool:
        running: set[Future[tuple[Coverage, list[Outcome]]]] = set()
        try:
            while True:
                while len(running) < 2 * jobs and (start := next(chunks, None)) is not None:
                    running.add(pool.submit(run_seeds, start, min(start + CHUNK, end), stop_at_first=stop_at_first))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:  # also GeneratorExit: nobody waits for what is still being run
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def _end_with_parent() -> None:
    """End at once when the run is interrupted, and when whoever has started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait_for_parent() -> None:
        parent.join()
        os._exit(STOPPED)

    threading.Thread(target=wait_for_parent, daemon=True).start()


def run_seeds(first: int, end: int, *, stop_at_first: bool) -> tuple[Coverage, list[Outcome]]:
    """Run seeds one after the other; gives what was struck, and those that failed."""
    coverage, failed = Coverage(), list[Outcome]()
    for seed in range(first, end):
        outcome = run(seed)
        coverage.add(outcome)
        if outcome.broken is not None:
            failed.append(outcome)
            if stop_at_first:
                break
    return coverage, failed


def _print_shrunk(console: Console, outcome: Outcome) -> None:
    broken = outcome.broken
    assert broken is not None

    def breaks(faults: Sequence[Fault]) -> bool:
        again = run(outcome.seed, faults).broken
        return again is not None and again.promise == broken.promise

    if not breaks(outcome.faults):
        console.print("the faults that befell, given as a list, break nothing: the run draws something else as well")
        return
    left = shrink(outcome.faults, breaks)
    console.print(f"of {len(outcome.faults)} faults {len(left)} are left:")
    for fault in left:
        console.print(f"  {fault!r},", soft_wrap=True, markup=False)
    console.print("\n".join(tell(run(outcome.seed, left), left)), soft_wrap=True, markup=False)


def _figures(coverage: Coverage, took_s: float, jobs: int) -> str:
    totals = coverage.totals
    cores_s = max(took_s, 0.001)
    days = totals["passed_s"] / 86_400
    return (
        f"{totals['seeds']} seeds in {took_s:.0f} s on {jobs} cores: {totals['steps'] / cores_s:,.0f} messages/s, "
        f"{days / cores_s * 60:.1f} simulated days a minute; {totals['lives']} lives, {totals['orders']} orders, "
        f"{totals['fills']} fills, {totals['cycles']} cycles, {totals['faults']} faults"
    )


if __name__ == "__main__":
    sys.exit(main())
