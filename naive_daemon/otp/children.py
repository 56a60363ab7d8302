"""Who is below an actor, read without asking it."""

from naive_daemon.otp.process import Process


def living_children(actor: Process) -> list[Process]:
    """List the actors whose parent this one is, those that were added first coming first."""
    below = [ref._actor for ref in actor.linked()]
    return [child for child in below if isinstance(child, Process) and child.parent is actor.ref]
