"""`make real-simulate`: schedules of faults of the simulation, made real; the seeds are printed first.

`--seeds N` plays N seeds from a drawn first one, or from `--seed K`. Each is simulated for the list of its faults, and
these befall the installed daemon with real servers on a local exchange. The exit code says whether all held.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.simulation.plan import draw_plan
from tests.simulation.real.schedule import make_schedule
from tests.simulation.real.trial import RealTrial
from tests.simulation.run import run
from tests.state.layout import LAYOUTS

FIRST_MAX = 2**31


def main() -> int:
    """Play the seeds; gives the exit code."""
    asked = _parse()
    first = asked.seed if asked.seed is not None else random.SystemRandom().randrange(FIRST_MAX)
    say(f"seeds {first} to {first + asked.seeds - 1}: {_command(asked, first, asked.seeds)}")
    made: Counter[str] = Counter()
    not_made: Counter[tuple[str, str]] = Counter()
    failed: list[int] = []
    for seed in range(first, first + asked.seeds):
        trial = play(seed, asked)
        if trial is None:
            failed.append(seed)
            continue
        made += trial.made
        not_made += trial.not_made
    say(f"made real: {', '.join(f'{count} {kind}' for kind, count in made.most_common()) or 'nothing'}")
    for (kind, why), count in sorted(not_made.items()):
        say(f"not made real: {count} {kind}: {why}")
    say(f"{asked.seeds} seeds: {f'failed: {failed}' if failed else 'everything agrees'}")
    return 1 if failed else 0


def play(seed: int, asked: argparse.Namespace) -> RealTrial | None:
    """Play one seed; gives None when something did not hold, with the daemon's log kept and everything said."""
    outcome = run(seed)
    layout = asked.layout or random.Random(f"{seed}/layout").choice(LAYOUTS)
    schedule = make_schedule(outcome.faults, asked.seconds, asked.deaths)
    say(f"seed {seed}: {len(outcome.faults)} faults, servers: {layout}; simulated: {outcome.broken or 'all held'}")
    tell = say if asked.tell else lambda _: None
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trial = RealTrial(Path(folder), seed, draw_plan(seed), schedule, layout=layout, say=tell)
        try:
            trial.play()
            books = trial.audit()
            trial.stage.daemon.stop()
        except Exception as error:  # noqa: BLE001 - whatever fails is this seed's failure, and the others are played, too
            say(f"seed {seed}: {error}")
            _keep_log(seed, trial, _command(asked, seed, 1, layout))
            return None
        finally:
            trial.stage.end()
    say(f"seed {seed}: {time.monotonic() - began_s:.0f} s: {trial.told(books)}")
    say(f"seed {seed}: not made real: {trial.told_not_made()}")
    return trial


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.real", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--seed", type=int, help="the first")
    parser.add_argument("--seconds", type=float, default=15.0, help="over which a schedule is spread")
    parser.add_argument("--deaths", type=int, default=6, help="of the daemon in a schedule, at most")
    parser.add_argument("--layout", choices=LAYOUTS, help="drawn by the seed unless given")
    parser.add_argument("--tell", action="store_true", help="print each fault as it befalls")
    return parser.parse_args()


def _command(asked: argparse.Namespace, seed: int, seeds: int, layout: str | None = None) -> str:
    chosen = layout or asked.layout
    layout_words = f" --layout {chosen}" if chosen else ""
    words = f"--seed {seed} --seeds {seeds} --seconds {asked.seconds:g} --deaths {asked.deaths} --tell"
    return f"python -m tests.simulation.real {words}{layout_words}"


def _keep_log(seed: int, trial: RealTrial, command: str) -> None:
    """Leave the daemon's log where it can be read afterwards, and say how to see it again."""
    say(traceback.format_exc())
    say(f"seed {seed} failed: {command}")
    log = Path(os.environ.get("NAIVE_TEST_LOG", f"real-simulate-{seed}.log"))
    if trial.stage.trial.daemon is not None:
        trial.stage.daemon.end_hard()
        log.write_text(trial.stage.daemon.log.text())
        say(f"the daemon's log is in {log}")


if __name__ == "__main__":
    sys.exit(main())
