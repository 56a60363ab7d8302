"""The trace of a simulated run: its text, where it goes, that it is the same everywhere, and following it again."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import SHUTDOWN, ActorSystem, ExitReason, Ref, RequestFailed, SimulatedSystem, crash
from naive_daemon.otp.call import Call
from naive_daemon.otp.faults import Busy, Crash, Delay, Drop, InjectedError, Kill, Reorder, Step
from naive_daemon.otp.messages import Begin, Congested, Down, ExitSignal, Reply, RequestTimedOut, Started
from naive_daemon.otp.trace import (
    Replay,
    ReplayDivergedError,
    ReplayStopped,
    TraceFile,
    TraceTail,
    first_line,
    step_line,
    tell_message,
)
from tests.otp import simulation_program
from tests.otp.laboratory import Laboratory

SEED = 11


class Order(msgspec.Struct, frozen=True):
    price: float
    tags: frozenset[str]
    why: Any = None


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Write the trace of a game."""
    path = tmp_path / "trace"
    with TraceFile(path) as file:
        simulation_program.play(simulation_program.faulty_system(SEED, file))
    return path


# Text ----------------------------------------------------------------------------------------------------------------


def a_ref(name: Any = "w") -> Ref:
    return Laboratory(ActorSystem.simulated(VirtualClock())).worker(name)


def test_a_line_says_step_time_actor_message_and_fault() -> None:
    step = Step(7, 1_500_000_000, a_ref(("desk", "BTC")), Order(0.1, frozenset({"b", "a"})), is_signal=False)
    line = "7 1500000000 desk:BTC#1 Order(price=0.1, tags={'a', 'b'}, why=None)"
    assert step_line(step, None) == line
    for fault, text in (
        (Crash(InjectedError("boom")), "crash InjectedError"),
        (Kill(), "kill"),
        (Delay(0.5), "delay 500000000 ns"),
        (Busy(0.5), "busy 500000000 ns"),
        (Drop(), "drop"),
        (Reorder(2), "reorder 2"),
    ):
        assert step_line(step, fault) == f"{line} ! {text}"


def test_the_runtimes_own_messages_are_told_by_what_they_say() -> None:
    ref = a_ref()
    boom = crash(InjectedError("boom"))
    texts = {
        "Begin": Begin(None),
        "ExitSignal(nobody, shutdown)": ExitSignal(None, SHUTDOWN),
        "ExitSignal(w#1, InjectedError)": ExitSignal(ref, boom),
        "Down(w#1, killed)": Down(17, ref, ExitReason("killed")),
        "Started(w#1)": Started(ref, ref),
        "Started(w#1, ignored)": Started(ref, None),
        "Call('ask')": Call("ask", print, print),
        "Reply(1)": Reply(17, 1),
        "Reply(failed, noproc)": Reply(17, RequestFailed(ExitReason("noproc"))),
        "RequestTimedOut": RequestTimedOut(17),
        "Congested": Congested(ref),
    }
    assert {tell_message(message): message for message in texts.values()} == texts


@pytest.mark.parametrize(
    ("why", "text"),
    [
        (KeyError(object()), "KeyError"),  # what Python itself says differs between its versions
        (crash(ValueError("text")), "ValueError"),
        (Path.cwd() / "file.toml", "'.../file.toml'"),
        ("/home/somebody/file.toml", "'.../file.toml'"),
        ([lambda: 1 for _ in range(1)], "[<function lambda>]"),
        (object(), "<object>"),
        ("…é\n", r"'\u2026\xe9\n'"),
        ({"\U0001fae8", "~"}, r"{'\U0001fae8', '~'}"),  # printable from Unicode 15 on only, so repr would differ
    ],
)
def test_what_differs_between_runs_is_not_told(why: Any, text: str) -> None:
    assert tell_line(Order(1.0, frozenset(), why)) == f"1 0 w#1 Order(price=1.0, tags=set(), why={text})"


def tell_line(message: Any) -> str:
    return step_line(Step(1, 0, a_ref(), message, is_signal=False), None)


def test_a_line_is_short_whatever_the_message() -> None:
    assert len(tell_line("x" * 100_000)) < 200
    assert len(tell_line([["…"] * 1_000] * 1_000)) < 600
    assert "\n" not in tell_line("a\nb")


# Where it goes -------------------------------------------------------------------------------------------------------


def test_the_tail_keeps_the_last_lines_and_a_hash_of_all(trace: Path) -> None:
    tail = TraceTail(5)
    simulation_program.play(simulation_program.faulty_system(SEED, tail))
    lines = trace.read_text().splitlines()
    assert lines[0] == first_line(SEED)
    assert (tail.count, tail.lines) == (len(lines) - 1, lines[-5:])
    assert tail.digest == hashlib.sha256(trace.read_bytes()).hexdigest()


def test_a_trace_needs_no_seed() -> None:
    tail = TraceTail()
    lab = Laboratory(ActorSystem.simulated(VirtualClock(), trace=tail))
    lab.tell(lab.worker("a"), "word")
    assert tail.lines == ["1 0 a#1 Begin", "2 0 a#1 'word'"]


def test_what_a_sink_raises_comes_before_its_step() -> None:
    class Full(TraceTail):
        def write(self, line: str) -> None:
            if "word" in line and not self.count > 1:
                self.count = 2
                raise OSError("no space left")
            super().write(line)

    lab = Laboratory(ActorSystem.simulated(VirtualClock(), trace=Full()))
    worker = lab.worker()
    with pytest.raises(OSError, match="no space left"):
        lab.tell(worker, "word")
    assert not lab.seen("got")
    lab.settle()
    assert lab.seen("got") == [("got", "w", "word")]


# Replay --------------------------------------------------------------------------------------------------------------


def followed(trace: Path, until_step: int | None = None, seed: int | None = None) -> tuple[SimulatedSystem, Replay]:
    replay = Replay(trace.read_text().splitlines(), until_step)
    assert replay.seed == SEED
    return simulation_program.faulty_system(replay.seed if seed is None else seed, replay), replay


def test_a_replay_follows_the_trace_to_its_end(trace: Path) -> None:
    with trace.open() as lines:  # a file, as it is
        replay = Replay(lines)
        simulation_program.play(simulation_program.faulty_system(SEED, replay))
        replay.finish()
    assert replay.steps == len(trace.read_text().splitlines()) - 1


def test_a_replay_stops_at_its_step_and_stays_there(trace: Path) -> None:
    lines = trace.read_text().splitlines()
    step = next(number for number, line in enumerate(lines) if number > 100 and "#" in line and "Tick()" in line)
    handled = []
    for until_step in (step - 1, step):
        system, replay = followed(trace, until_step)
        with pytest.raises(ReplayStopped, match=f"up to step {until_step}") as stopped:
            simulation_program.play(system)
        assert (stopped.value.step, replay.steps) == (until_step, until_step)
        with pytest.raises(ReplayStopped):
            system.settle()
        replay.finish()  # the rest was not asked for
        handled.append({f"{ref}#{ref.number}": ref._actor.handled for ref in _players(system)})
    assert [name for name in handled[0] if handled[1][name] == handled[0][name] + 1] == [lines[step].split()[2]]


def _players(system: SimulatedSystem) -> list[Ref]:
    found = [system.whereis(("player", number)) for number in range(simulation_program.PLAYERS)]
    return [ref for ref in found if ref is not None]


def test_a_run_that_leaves_the_trace_is_stopped_with_what_was_expected(trace: Path) -> None:
    lines = trace.read_text().splitlines()
    expected = lines[30]
    lines[30] = lines[30].replace("#", "#9")
    replay = Replay(lines)
    system = simulation_program.faulty_system(SEED, replay)
    with pytest.raises(ReplayDivergedError) as diverged:
        simulation_program.play(system)
    error = diverged.value
    assert (error.step, error.expected, error.came) == (30, lines[30], expected)
    assert str(error).splitlines() == [
        "at step 30 the run leaves the trace",
        f"expected: {lines[30]}",
        f"came:     {expected}",
    ]
    with pytest.raises(ReplayDivergedError, match="at step 30"):  # and says the same for ever
        system.settle()
    with pytest.raises(ReplayDivergedError, match="at step 30"):
        replay.finish()


def test_another_seed_is_another_run(trace: Path) -> None:
    with pytest.raises(ReplayDivergedError, match="expected: # otp trace 1, seed 11\ncame:     # otp trace 1, seed 12"):
        followed(trace, seed=SEED + 1)


def test_a_run_that_goes_on_behind_the_trace_or_ends_before_it_is_told(trace: Path) -> None:
    lines = trace.read_text().splitlines()
    system = simulation_program.faulty_system(SEED, Replay(lines[:-1]))
    with pytest.raises(ReplayDivergedError, match="expected: nothing, the trace ends before it"):
        simulation_program.play(system)
    longer = Replay([*lines, "one more"])
    simulation_program.play(simulation_program.faulty_system(SEED, longer))
    with pytest.raises(ReplayDivergedError, match="expected: one more\ncame:     nothing, the run has ended"):
        longer.finish()


@pytest.mark.parametrize("first", ["", "# otp trace 2, seed 1", "# otp trace 1, seed x", "1 0 w#1 Begin"])
def test_what_is_no_trace_is_refused(first: str) -> None:
    with pytest.raises(ValueError, match="not a trace: its first line is"):
        Replay([first] if first else [])


def test_a_trace_without_a_seed_is_replayed_in_order_of_arrival() -> None:
    replay = Replay([first_line(None), "1 0 w#1 Begin", "2 0 w#1 'word'"])
    lab = Laboratory(ActorSystem.simulated(VirtualClock(), replay.seed, trace=replay))
    lab.tell(lab.worker(), "word")
    replay.finish()
    assert replay.steps == 2
