"""The service that systemd is given: what the daemon relies on stands in it, and it is locked down."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from naive_daemon.config import load_config
from naive_daemon.config.source import CREDENTIALS

UNIT = Path(__file__).parents[2] / "config" / "systemd" / "naive-daemon.service"
EXPOSURE_MAX = 1.5


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Z]\w*=", line):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "30"),
        ("ExecStart", "/opt/naive-daemon/.venv/bin/naive-daemon run"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("StateDirectory", "naive-daemon"),
        ("KillMode", "mixed"),
    ],
)
def test_what_the_daemon_relies_on(key: str, value: str) -> None:
    assert settings()[key] == [value]


def test_the_environment_of_the_service_is_a_configuration(tmp_path: Path) -> None:
    for name in CREDENTIALS:
        (tmp_path / name).write_text("\n", encoding="utf-8")  # what SetCredential puts there
    environment = dict(text.replace("%S", "/var/lib").split("=", 1) for text in settings()["Environment"])
    config = load_config(environment={**environment, "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.home == Path("/var/lib/naive-daemon")
    assert (config.database.url, config.redis.url) == (None, None)
    assert (config.exchange.binance.api_key, config.exchange.binance.api_secret) == (None, None)
    for key in ("LoadCredential", "SetCredential"):
        assert {line.split(":")[0] for line in settings()[key]} == set(CREDENTIALS)


def test_the_stop_outlasts_the_daemons_own_time_out() -> None:
    (seconds,) = settings()["TimeoutStopSec"]
    assert int(seconds) > load_config(environment={}).shutdown_timeout_s


def test_the_service_is_locked_down() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [analyze, "security", "--no-pager", "--offline=true", str(UNIT)], capture_output=True, text=True, check=False
    )
    exposure = re.search(r"Overall exposure level for naive-daemon.service: ([\d.]+)", done.stdout)
    assert exposure is not None, done.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX
