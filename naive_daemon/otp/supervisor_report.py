"""What a supervisor logs about a child: one structured event for each start, end or stop that went wrong."""

import math
from collections.abc import Hashable
from typing import Literal

from naive_daemon.otp.child import Child
from naive_daemon.otp.crash_report import tell_reason
from naive_daemon.otp.exit import ExitReason

Context = Literal["start_error", "child_terminated", "shutdown_error", "shutdown"]
"""A start that failed; an end that nobody asked for; a stop that went otherwise; too many restarts."""

REACHED_MAX_RESTART_INTENSITY = ExitReason("reached_max_restart_intensity")


def supervisor_report(context: Context, child: Child, reason: ExitReason) -> dict[str, object]:
    """Give the fields of the log event about a child's last incarnation."""
    error = reason.detail if isinstance(reason.detail, BaseException) else None
    return {"context": context, "reason": tell_reason(reason), "offender": offender(child), "exc_info": error}


def offender(child: Child) -> dict[str, object]:
    """Say which child a report is about, as plain data; incarnation 0 is one that was never made."""
    spec = child.spec
    return {
        "id": _text(spec.id),
        "label": _text(spec.id if spec.name is None else spec.name),
        "incarnation": child.incarnation,
        "restart": spec.restart.value,
        "shutdown": _shutdown_text(spec.grace_s),
        "type": spec.type.value,
    }


def _text(key: Hashable) -> str:
    return ":".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _shutdown_text(grace_s: float) -> float | str:
    """Give seconds as they are, the other two by their names: JSON knows no infinity."""
    if math.isfinite(grace_s):
        return grace_s
    return "infinity" if grace_s > 0 else "brutal_kill"
