"""What a crashed actor leaves for whoever reads the log: why, its last messages, its state. Bounded, no secrets."""

from typing import TYPE_CHECKING

from naive_daemon.otp.description import describe, describe_state
from naive_daemon.otp.exit import ExitReason

if TYPE_CHECKING:
    from naive_daemon.otp.process import Process


def crash_report(actor: "Process", reason: ExitReason) -> dict[str, object]:
    """Give the fields of the log event: reason, incarnation, handled, waiting, last_messages (oldest first), state."""
    return {
        "reason": str(reason),
        "incarnation": actor.number,
        "handled": actor.handled,
        "waiting": len(actor.actor_inbox.messages),
        "last_messages": [describe(message) for message in actor.recent_messages()],
        "state": describe_state(actor),
    }
