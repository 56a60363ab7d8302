"""What becomes of systems that nobody has stopped when the interpreter ends: their actors end in order, or are cut off.

Python takes threads like ours into its own end, where one that prints can abort the whole process. So at exit all roots
are asked to end, as a parent would, children first. Who has not ended after `ASK_S` is killed, and a handler that still
does not come back gets a SystemExit. Invariant: together this takes `DEADLINE_S` at most, prints nothing but an entry
of the log, and leaves the exit status alone. Another ^C cuts the polite part short.

What blocks inside the operating system gets no exception; its thread just never comes back to Python, which is no harm.
"""

import atexit
import contextlib
import ctypes
import math
import os
import queue
import signal
import threading
from typing import TYPE_CHECKING

import structlog

from naive_daemon.otp.actor import send_exit
from naive_daemon.otp.exit import KILL, SHUTDOWN
from naive_daemon.otp.process import Process
from naive_daemon.otp.uncaught import report_uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from naive_daemon.otp.ref import Ref
    from naive_daemon.otp.system import ActorSystem

ASK_S = 3.0
"""How long actors have to end when they are asked."""

KILL_S = 1.0
"""How long the rest has to end when it is killed; what runs in a handler then reaches nobody."""

INTERRUPT_S = 0.5
"""How long threads have to end when they get an exception."""

DEADLINE_S = ASK_S + KILL_S + INTERRUPT_S

_LOOK_S = 0.1
"""How late a ^C may be noticed that came at the very moment at which a wait began."""

_living: "dict[ActorSystem, int]" = {}
"""The systems that have not been stopped, and the process each was made in: a fork has none of its parent's threads.

They are held here on purpose. A system that only a function of the program knew has threads and actors all the same,
and these shall not end otherwise than those of one that a module keeps.
"""


def end_at_exit(system: "ActorSystem") -> None:
    """See to it that a live system ends before the interpreter does. `forget` is called when it was stopped."""
    # Again for each system: so it runs before whatever was set up earlier is torn down, such as the log.
    atexit.unregister(_end_all)
    atexit.register(_end_all)
    _living[system] = os.getpid()


def forget(system: "ActorSystem") -> None:
    """Leave a system alone from now on."""
    _living.pop(system, None)


def _end_all() -> None:
    here = os.getpid()
    systems = [system for system, process in _living.copy().items() if process == here]
    if not systems:
        return
    family = _family_of(ref for system in systems for ref in system.roots())
    over: queue.SimpleQueue[None] = queue.SimpleQueue()
    with _interrupts_to(lambda: over.put(None)):
        _ask(systems, over)
        _kill(systems)
        _interrupt(systems, family)


@contextlib.contextmanager
def _interrupts_to(hurry: "Callable[[], None]") -> "Iterator[None]":
    """Let ^C call `hurry` where it would raise KeyboardInterrupt, at any place, perhaps with a lock in hand."""
    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not raises or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: hurry())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _ask(systems: "list[ActorSystem]", over: "queue.SimpleQueue[None]") -> None:
    """Ask the roots, all at once, and wait until all of them have ended, or a word in `over` ends the wait."""
    roots = [(system, ref) for system in systems for ref in system.roots()]
    missing = {ref for _, ref in roots}

    def end(ref: "Ref") -> None:
        missing.discard(ref)
        if not missing:
            over.put(None)

    for system, ref in roots:
        system.on_down(ref, lambda down: end(down.ref))
        send_exit(ref, SHUTDOWN)
    for _ in range(math.ceil(ASK_S / _LOOK_S) if roots else 0):
        with contextlib.suppress(queue.Empty):
            over.get(timeout=_LOOK_S)
            return


def _kill(systems: "list[ActorSystem]") -> None:
    """Kill roots that are left, whose children then end by themselves if they can, and stop the systems."""
    left = [ref for system in systems for ref in system.roots()]
    for ref in left:
        send_exit(ref, KILL)
    if left:
        _tell("actors killed at exit", actors=[ref.label for ref in left[:10]], count=len(left))
    for system in systems:
        with contextlib.suppress(RuntimeError):  # somebody else has stopped it meanwhile
            system.settle(timeout_s=KILL_S / 2 / len(systems))
        system.stop(0.0)
    _join(systems, KILL_S / 2)


def _interrupt(systems: "list[ActorSystem]", family: list[Process]) -> None:
    """Raise SystemExit in the threads that are left; their actors are dead by then, so it is nobody's crash."""
    for actor in family:
        actor.kill()
    threads = _threads_of(systems)
    for thread in threads:
        if thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    _join(systems, INTERRUPT_S)
    if threads:
        _tell("threads cut off at exit", threads=[thread.name for thread in threads[:10]], count=len(threads))


def _family_of(roots: "Iterable[Ref]") -> list[Process]:
    """Collect the living of the trees below some actors, and whoever is linked to them."""
    found: dict[Process, None] = {}
    waiting = list(roots)
    while waiting:
        actor = waiting.pop()._actor
        if isinstance(actor, Process) and actor not in found:
            found[actor] = None
            waiting.extend(actor.linked())
    return list(found)


def _threads_of(systems: "list[ActorSystem]") -> list[threading.Thread]:
    return [thread for system in systems for thread in system.threads if thread.is_alive()]


def _join(systems: "list[ActorSystem]", timeout_s: float) -> None:
    """Wait for all threads of the systems, each for its share of the time."""
    threads = _threads_of(systems)
    for thread in threads:
        thread.join(timeout_s / len(threads))


def _tell(event: str, **details: object) -> None:
    try:
        structlog.get_logger("naive_daemon").warning(event, **details)
    except BaseException as error:  # noqa: BLE001 - a log that has gone before must not keep the threads from ending
        report_uncaught(error)
