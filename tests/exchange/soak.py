"""`make exchange-soak`: faults of every kind against a trading daemon for as long as one likes; its seed is printed.

`--minutes` are minutes of the wall clock; the market runs `--speed` times as fast, so 3 minutes at speed 10 are half an
hour of the exchange's market. `--kills` kills the daemon (and the exchange) with -9 on the way, too.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.exchange.trial import Trial


def main() -> None:
    """Run one trial and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--speed", type=int, default=1)
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"seed {seed}: python -m tests.exchange.soak --seed {seed} --minutes {asked.minutes:g}", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), seed, symbols=asked.symbols, speed=asked.speed)
        try:
            trial.start()
            run(trial, asked.minutes * 60, kills=asked.kills)
            trial.heal()
            books = trial.await_agreement()
            assert trial.daemon is not None
            trial.daemon.stop()
            print(trial.told(books))  # noqa: T201
        except BaseException:
            if trial.daemon is not None:
                log = Path(os.environ.get("NAIVE_TEST_LOG", "exchange-soak.log"))
                trial.daemon.end_hard()
                log.write_text(trial.daemon.log.text())
                sys.stderr.write(f"the daemon's log is in {log}\n")
            raise
        finally:
            trial.end()


def run(trial: Trial, seconds: float, *, kills: bool) -> None:
    """Strike every few seconds."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < until:
        pause.wait(trial.draw.uniform(0.5, 4))
        assert trial.daemon is not None
        assert trial.daemon.is_running(), "the daemon has ended by itself"
        chance = trial.draw.random()
        if kills and chance < 0.05:
            trial.kill_daemon()
        elif kills and chance < 0.08:
            trial.kill_exchange(trial.draw.choice((0.0, 3.0, 10.0)))
        else:
            trial.strike()


if __name__ == "__main__":
    main()
