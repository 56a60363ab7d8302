"""Why something of a symbol failed, as it is told: in `last_error`, which ends in the database and on a terminal."""

from naive_daemon.otp import NOPROC, ExitReason, Ref, crash, tell_reason


def cause_text(reason: ExitReason | str) -> str:
    """Give a reason on one line of printable text: bounded, without secrets, and nothing a terminal would obey."""
    text = tell_reason(crash(reason) if isinstance(reason, str) else reason)
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def end_of(ref: Ref, reason: ExitReason) -> ExitReason:
    """Give why an actor ended: who began to watch it after its end was told `noproc` (OTP rule 63)."""
    return ref.reason or reason if reason == NOPROC else reason
