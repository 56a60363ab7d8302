"""Nothing in the daemon waits inside an actor: what would wait is refused there, and no actor's code tries it."""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator

import naive_daemon
from naive_daemon.otp import KILL, KILLED, Actor, send_exit
from tests.otp.laboratory import PATIENCE_S, Laboratory, ThreadWorker, Worker

WAITING = frozenset({"ask", "inspect", "start", "stop", "terminate"})
"""What waits: `ask` of anything, and the others of a system."""


def actors() -> list[type[Actor]]:
    """Find every class of actors in the daemon, outside of the runtime."""
    found: list[type[Actor]] = []
    for module in pkgutil.walk_packages(naive_daemon.__path__, "naive_daemon."):
        if module.name.startswith("naive_daemon.otp") or module.name.endswith("__main__"):
            continue
        classes = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found += [kind for _, kind in classes if issubclass(kind, Actor) and kind.__module__ == module.name]
    return found


def waits_in(source: str) -> Iterator[str]:
    """List the calls in a class's text that would wait for another actor."""
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WAITING:
            owner = ast.unparse(node.func.value)
            if node.func.attr == "ask" or owner.removeprefix("self.").removeprefix("_") == "system":
                yield f"{owner}.{node.func.attr}"


def test_no_actor_of_the_daemon_waits_for_another() -> None:
    classes = actors()
    assert len(classes) > 10
    assert {kind.__qualname__: list(waits_in(inspect.getsource(kind))) for kind in classes} == {
        kind.__qualname__: [] for kind in classes
    }


def test_what_would_wait_is_seen() -> None:
    source = """
        class Waiting(Actor):
            def on_receive(self, message):
                self.system.ask(message, "x")
                client.ask("x")
                self._system.terminate(message, 1.0)
                self.request(message, "x", print)
                self.timer.start()
    """
    assert list(waits_in(source)) == ["self.system.ask", "client.ask", "self._system.terminate"]


def test_who_has_a_thread_of_its_own_may_let_all_others_come_to_rest(lab: Laboratory) -> None:
    """On threads it counts itself as busy; in a simulation the others run within its handler."""
    server = lab.worker("server")
    waiter = lab.worker("waiter", ThreadWorker)

    def wait(actor: Worker) -> str:
        server.tell("before")
        assert actor.system.settle(1, PATIENCE_S)
        lab.events.append(("rested", "waiter"))
        server.tell("after")
        return "done"

    assert lab.ask(waiter, wait) == "done"
    lab.settle()
    assert lab.seen("got", "rested") == [("got", "server", "before"), ("rested", "waiter"), ("got", "server", "after")]


def test_who_was_killed_while_it_let_others_run_reaches_nobody(simulated: Laboratory) -> None:
    server = simulated.worker("server")
    waiter = simulated.worker("waiter", ThreadWorker)

    def wait(actor: Worker) -> None:
        server.tell(lambda _: send_exit(waiter, KILL))
        actor.system.settle(1)
        server.tell("too late")

    simulated.tell(waiter, wait)
    assert simulated.reason_of(waiter) == KILLED
    assert simulated.seen("got") == []
