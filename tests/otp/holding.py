"""A worker that is kept in its handler, for as long as a test wants it busy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.otp.laboratory import PATIENCE_S, Laboratory


@contextmanager
def held(lab: Laboratory, name: str) -> Iterator[None]:
    """Keep the worker of this name in its handler."""
    inside, release = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        inside.set()
        release.wait(PATIENCE_S)

    lab.find(name).tell(hold)
    assert inside.wait(PATIENCE_S)
    try:
        yield
    finally:
        release.set()
