"""An actor in somebody's place: it writes down what it is told, and answers requests as a test wants."""

from collections.abc import Callable
from typing import Any

from naive_daemon.otp import DEFERRED, Actor


class Recorder(Actor):
    """`answers` maps a request's type to its answer; a request of another type is never answered."""

    def __init__(self, answers: dict[type, Callable[[Any], Any]] | None = None) -> None:
        super().__init__()
        self._answers = answers or {}
        self.told: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.told.append(message)
        answer = self._answers.get(type(message))
        return DEFERRED if answer is None else answer(message)

    def take(self) -> list[Any]:
        """Give what has come since the last look."""
        told, self.told = self.told, []
        return told
