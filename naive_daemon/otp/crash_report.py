"""What a crashed actor leaves for whoever reads the log: why, its last messages, its state. Bounded, no secrets."""

from typing import TYPE_CHECKING

from naive_daemon.otp.atom import CUT, cut
from naive_daemon.otp.description import describe, describe_state
from naive_daemon.otp.exit import ExitReason
from naive_daemon.otp.secret import hide_secrets

if TYPE_CHECKING:
    from naive_daemon.otp.process import Process

REASON_LIMIT = 1_000
"""Characters of a reason in the log."""


def tell_reason(reason: ExitReason) -> str:
    """Give a reason as text of at most REASON_LIMIT characters, secrets hidden; an error may say whatever it likes."""
    text = str(reason)
    is_whole = len(text) <= REASON_LIMIT
    shown = hide_secrets(text[:REASON_LIMIT], is_whole=is_whole)
    return cut(shown if is_whole else shown + CUT, REASON_LIMIT)


def crash_report(actor: "Process", reason: ExitReason) -> dict[str, object]:
    """Give the fields of the log event: reason, incarnation, handled, waiting, last_messages (oldest first), state."""
    return {
        "reason": tell_reason(reason),
        "incarnation": actor.number,
        "handled": actor.handled,
        "waiting": len(actor.actor_inbox.messages),
        "last_messages": [describe(message) for message in actor.recent_messages()],
        "state": describe_state(actor),
    }
