"""The interpreter ends while actors live: in time, with the status it would have had, and with no word of Python's."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
"""Deadline of a program; reached only by a bug, also on a machine that has much else to do."""


@contextmanager
def program(situation: str, ending: str) -> Iterator[subprocess.Popen[str]]:
    """Run it up to where it is ready to end, with all of Python's checks on."""
    arguments = [sys.executable, "-X", "dev", "-W", "ignore:This process:DeprecationWarning"]  # of fork, from 3.12 on
    with subprocess.Popen(
        [*arguments, "-m", "tests.otp.exit_program", situation, ending],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def ends(situation: str, ending: str) -> tuple[int, list[str], str]:
    """Run it to its end: its status, the lines that it wrote, what it complained about."""
    with program(situation, ending) as running:
        out, errors = running.communicate(timeout=PATIENCE_S)
        return running.returncode, out.splitlines(), errors


def words(lines: list[str]) -> list[str]:
    """Give what the actors have said, without the log."""
    return [line for line in lines if line.endswith(" shutdown")]


ORDER = ["c shutdown", "b shutdown", "a shutdown"]


@pytest.mark.parametrize(("ending", "status"), [("return", 0), ("exit", 3)])
def test_actors_end_in_order_when_they_are_asked(ending: str, status: int) -> None:
    code, lines, errors = ends("active", ending)
    assert (code, lines, errors) == (status, ["ready", *ORDER], "")


def test_who_does_not_come_back_is_cut_off_and_logged() -> None:
    code, lines, errors = ends("stuck", "return")
    assert (code, errors) == (0, "")
    assert words(lines) == ORDER
    (killed,) = (line for line in lines if "actors killed at exit" in line)
    assert all(word in killed for word in ("'Holding'", "'HoldingThread'"))
    (cut_off,) = (line for line in lines if "threads cut off at exit" in line)
    assert "HoldingThread" in cut_off


def test_a_failure_of_main_is_told_as_ever() -> None:
    code, lines, errors = ends("stuck", "fail")
    assert code == 1
    assert words(lines) == ORDER
    assert errors.startswith("Traceback (most recent call last):\n")
    assert errors.endswith("\nRuntimeError: main failed\n")
    assert errors.count("Traceback") == 1


def test_who_prints_without_end_does_not_abort_the_interpreter() -> None:
    code, lines, errors = ends("chattering", "exit")
    assert (code, errors) == (3, "")
    assert "chatter" * 20 in lines


def test_a_system_that_was_stopped_is_left_alone() -> None:
    code, lines, errors = ends("stopped", "exit")
    assert (code, errors) == (3, "")
    assert words(lines) == []


def test_a_default_sigterm_ends_it_at_once() -> None:
    assert ends("stuck", "terminate") == (-signal.SIGTERM, ["ready"], "")


def test_a_fork_leaves_the_actors_to_its_parent() -> None:
    code, lines, errors = ends("active", "fork")
    assert (code, errors) == (0, "")
    assert lines[:2] == ["ready", "child 5"]
    assert words(lines) == ORDER


def test_another_interrupt_ends_the_waiting() -> None:
    with program("waiting", "exit") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        assert running.stdout.readline() == "orderly shutdown\n"  # so it waits for the other one by now
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=PATIENCE_S)
        assert (running.returncode, errors) == (3, "")
