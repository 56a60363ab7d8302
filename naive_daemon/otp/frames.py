"""What an error holds of the stack it came through, and how an actor's end lets go of it.

A traceback holds every frame it went through, and each frame its variables: the dead actor, its messages, its books.
A reason of exit outlives its actor (whoever has the ref can read it), so it must not keep those. Once the log has told
the error in full, its type, its text and its arguments are what is left.
"""

from typing import Any

from naive_daemon.otp.exit import ExitReason

# The slots themselves: a subclass may refuse to be changed, or give something else.
_CAUSE: Any = BaseException.__dict__["__cause__"]
_CONTEXT: Any = BaseException.__dict__["__context__"]
_OWNER: Any = AttributeError.__dict__["obj"]
_MEMBERS: Any = BaseExceptionGroup.__dict__["exceptions"]


def let_go_of_frames(reason: ExitReason) -> None:
    """Cut from a reason's error its traceback and the errors it came of, from a group's members, too.

    The errors it came of stay as they are: somebody may be handling one of them at this moment.
    """
    errors = [reason.detail] if isinstance(reason.detail, BaseException) else []
    while errors:
        error = errors.pop()
        BaseException.with_traceback(error, None)
        _CAUSE.__set__(error, None)
        _CONTEXT.__set__(error, None)
        if isinstance(error, AttributeError):
            _OWNER.__set__(error, None)  # whose attribute was missing: a typo in a handler names the actor itself
        if isinstance(error, BaseExceptionGroup):
            errors.extend(_MEMBERS.__get__(error))


def has_frames(reason: ExitReason) -> bool:
    """Say whether it is an error that nothing has told in full yet."""
    return isinstance(reason.detail, BaseException) and reason.detail.__traceback__ is not None
