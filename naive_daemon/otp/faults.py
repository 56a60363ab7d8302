"""Faults of a simulated system: at every step a hook may crash, kill, delay, or lose or reorder what is to be handled.

What the runtime promises holds all the same (OTP rules 12, 63, 71): a signal, a `Down`, a `Started` or a time-out is
neither lost nor overtaken, and a hook that asks for that is refused. What may happen to each message:

- `Crash`: the handler raises at once; of a `Begin`, init does. A request fails with the reason (rule 73).
- `Kill`: the actor is killed in place of handling it.
- `Delay`: the actor stalls, as one does whose thread is busy. Everything that it would read, signals too, waits in
  order; a kill does not. Others go on.
- `Busy`: its handler takes long. What it does comes out when that time is over, and only then does it read on, signals
  too: so it still acts though its supervisor has ended meanwhile. A kill ends it, and nothing comes out.
- `Drop`: the message is lost; a request then ends by its time-out.
- `Reorder`: messages behind it are handled first, but none of the runtime's own.
"""

import math
import random
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from naive_daemon.otp.atom import label_of
from naive_daemon.otp.call import Call
from naive_daemon.otp.messages import Reply
from naive_daemon.otp.ref import Ref


class InjectedError(Exception):
    """A crash that a fault hook has asked for."""


class Crash(msgspec.Struct, frozen=True):
    """The handler raises `error`."""

    error: BaseException


class Kill(msgspec.Struct, frozen=True):
    """The actor is killed."""


class Delay(msgspec.Struct, frozen=True):
    """The actor reads nothing for `delay_s` seconds."""

    delay_s: float

    def __post_init__(self) -> None:
        """Refuse a time that never comes; raises ValueError."""
        if not math.isfinite(self.delay_s) or self.delay_s <= 0:
            raise ValueError(f"delay_s={self.delay_s!r} is not a number of seconds > 0")


class Busy(msgspec.Struct, frozen=True):
    """The actor takes `busy_s` seconds to handle it; a signal is put off for as long."""

    busy_s: float

    def __post_init__(self) -> None:
        """Refuse a time that never comes; raises ValueError."""
        if not math.isfinite(self.busy_s) or self.busy_s <= 0:
            raise ValueError(f"busy_s={self.busy_s!r} is not a number of seconds > 0")


class Drop(msgspec.Struct, frozen=True):
    """The message is lost."""


class Reorder(msgspec.Struct, frozen=True):
    """The next `places` messages are handled before it, as far as there are so many."""

    places: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no place; raises ValueError."""
        if self.places < 1:
            raise ValueError(f"places={self.places!r} is not a whole number >= 1")


Fault = Crash | Kill | Delay | Busy | Drop | Reorder


class Step(msgspec.Struct, frozen=True):
    """What is about to be handled: the `number`-th message of the system, from 1, at `time_ns`, by `ref`."""

    number: int
    time_ns: int
    ref: Ref
    message: Any
    is_signal: bool

    @property
    def label(self) -> str:
        """The actor's name as text, or its class's."""
        return label_of(self.ref)

    @property
    def actor_number(self) -> int:
        """The actor's serial number in its system."""
        return self.ref.number

    @property
    def may_be_lost(self) -> bool:
        """Say whether it may be dropped or overtaken: what actors tell each other, and no promise of the runtime."""
        return not self.is_signal and may_be_lost(self.message)


class Faults(Protocol):
    """Decides what goes wrong. Asked once for each message, before it is handled; the answer must be repeatable."""

    def fault(self, step: Step) -> Fault | None:
        """Say what shall happen in place of handling the message; None is nothing."""


def may_be_lost(message: object) -> bool:
    """Say whether a message of the ordinary lane may be dropped or overtaken.

    What the runtime tells its actors and itself stands in modules of this package; of these only requests and their
    answers may be lost, since a time-out awaits them.
    """
    kind = type(message)
    return kind in (Call, Reply) or not kind.__module__.startswith(f"{__package__}.")


class RandomFaults:
    """Draws faults at given rates, each a probability for every message; `heal` ends them.

    `only` chooses the steps that may fail. A delay is up to `longest_delay_s` seconds, a reordering up to
    `furthest` places. What may not be lost is neither dropped nor reordered. Raises ValueError for a rate that is
    no probability, or rates that are more than 1 together.
    """

    def __init__(
        self,
        seed: int,
        *,
        crash: float = 0.0,
        kill: float = 0.0,
        delay: float = 0.0,
        drop: float = 0.0,
        reorder: float = 0.0,
        longest_delay_s: float = 1.0,
        furthest: int = 3,
        only: Callable[[Step], bool] = lambda _: True,
    ) -> None:
        rates = {"crash": crash, "kill": kill, "delay": delay, "drop": drop, "reorder": reorder}
        for name, rate in rates.items():
            if not 0 <= rate <= 1:
                raise ValueError(f"{name}={rate!r} is not a probability from 0 to 1")
        if sum(rates.values()) > 1:
            raise ValueError(f"the rates are more than 1 together: {rates}")
        self._rates = rates
        self._longest_delay_s = Delay(longest_delay_s).delay_s
        self._furthest = Reorder(furthest).places
        self._only = only
        self._draw = draw_from(seed)
        self._is_healed = False

    def heal(self) -> None:
        """Let nothing go wrong from now on."""
        self._is_healed = True

    def fault(self, step: Step) -> Fault | None:
        """Draw what goes wrong with a message; two draws for each that is asked for, whatever comes of them."""
        if self._is_healed or not self._only(step):
            return None
        lot, size = self._draw(), self._draw()
        for name, rate in self._rates.items():
            lot -= rate
            if lot < 0:
                return self._make(name, size, step)
        return None

    def _make(self, name: str, size: float, step: Step) -> Fault | None:
        match name:
            case "crash":
                return Crash(InjectedError(f"at step {step.number}"))
            case "kill":
                return Kill()
            case "delay":
                return Delay(self._longest_delay_s * (1.0 - size))
            case "drop" if step.may_be_lost:
                return Drop()
            case "reorder" if step.may_be_lost:
                return Reorder(1 + int(self._furthest * size))
            case _:
                return None


def draw_from(seed: int) -> Callable[[], float]:
    """Give a generator of numbers in [0, 1), the same for a seed in every version of Python; raises ValueError.

    Only `random()` keeps its sequence between versions; what else `Random` offers may draw differently.
    """
    value: object = seed
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"seed={value!r} is not a whole number >= 0")
    return random.Random(value).random  # noqa: S311 - chooses an order and faults, no secrets
