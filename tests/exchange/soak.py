"""`make exchange-soak`: faults of every kind against a trading daemon for as long as one likes; its seed is printed.

`--minutes` are minutes of the wall clock; the market runs `--speed` times as fast. `--kills` kills the daemon so often
with -9 on the way, at drawn moments, and now and then the exchange too.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.exchange.trial import Trial

EXCHANGE_DIES_TOO = 0.3


def main() -> None:
    """Run one trial and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--speed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**31)
    words = f"--minutes {asked.minutes:g} --symbols {asked.symbols} --speed {asked.speed} --kills {asked.kills}"
    say(f"seed {seed}: python -m tests.exchange.soak --seed {seed} {words}")
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), seed, symbols=asked.symbols, speed=asked.speed)
        try:
            trial.start()
            for _ in range(asked.kills):
                run(trial, asked.minutes * 60 / (asked.kills + 1))
                trial.kill_daemon()
                if trial.draw.random() < EXCHANGE_DIES_TOO:
                    trial.kill_exchange(trial.draw.choice((0.0, 3.0, 10.0)))
            run(trial, asked.minutes * 60 / (asked.kills + 1))
            trial.heal()
            books = trial.await_agreement()
            assert trial.daemon is not None
            trial.daemon.stop()
            say(trial.told(books))
        except BaseException:
            if trial.daemon is not None:
                log = Path(os.environ.get("NAIVE_TEST_LOG", "exchange-soak.log"))
                trial.daemon.end_hard()
                log.write_text(trial.daemon.log.text())
                sys.stderr.write(f"the daemon's log is in {log}\n")
            raise
        finally:
            trial.end()


def run(trial: Trial, seconds: float) -> None:
    """Strike every few seconds, about so long in all."""
    until = time.monotonic() + seconds * trial.draw.uniform(0.5, 1.5)
    while time.monotonic() < until:
        trial.rest(trial.draw.uniform(0.3, 3))
        trial.strike()


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
