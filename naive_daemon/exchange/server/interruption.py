"""What may happen to a request instead of an answer, on demand."""


class SwallowedError(Exception):
    """The answer is never to be sent."""


class CutError(Exception):
    """The connection is to be cut."""
