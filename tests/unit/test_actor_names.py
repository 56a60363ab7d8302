"""No actor of the daemon may override, by accident, what the runtime itself calls or holds."""

import ast
import inspect
import textwrap
from collections.abc import Iterator

from naive_daemon import daemon, replay, tree
from naive_daemon.otp import Actor
from naive_daemon.otp.hooks import Hooks

HOOKS = {name for name in vars(Hooks) if name == "init" or name.startswith("on_")} | {"log_context"}
MAY_OVERRIDE = HOOKS | {"batches", "mailbox", "may_be_suspended", "runs_on", "traps_exit"}


def subclasses(parent: type[Actor]) -> Iterator[type[Actor]]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def own_names(actor: type) -> set[str]:
    """Give what a class defines and what its methods assign to self."""
    tree_of_class = ast.parse(textwrap.dedent(inspect.getsource(actor)))
    assigned = {
        target.attr
        for node in ast.walk(tree_of_class)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    }
    return assigned | {name for name in vars(actor) if not name.startswith("__") and name != "_abc_impl"}


def test_no_actor_overrides_the_runtime() -> None:
    assert all((tree, daemon, replay))  # the modules that import every actor there is
    runtime = {name for each in Actor.__mro__ for name in vars(each)} | set(vars(Actor()))
    actors = [each for each in subclasses(Actor) if each.__module__.startswith("naive_daemon.")]
    ours = [each for each in actors if not each.__module__.startswith("naive_daemon.otp.")]
    assert len(ours) >= 10
    for actor in ours:
        assert (own_names(actor) & runtime) - MAY_OVERRIDE == set(), actor
