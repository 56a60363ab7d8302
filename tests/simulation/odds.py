"""What goes wrong, and when: drawn from the seed, probabilities included, or given as a list that is to befall again.

Every place where something may go wrong asks `strikes(kind, place)` whenever it could; each such moment is an
*opportunity*, numbered from 1 for its (kind, place). A fault is therefore known by what it is, where, and which
opportunity it took; so any part of a list of faults can befall a run of the same seed again, which is how a list is
made shorter. In a *swarm* most kinds are left out of most runs, so that each kind also meets a world without the rest.
"""

import math
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

Place = tuple[str, str]
"""What kind of fault, and where."""

KIND_LEFT_OUT = 0.45
PLACE_LEFT_OUT = 0.3
MISHAP_LEFT_OUT = 0.75
"""A mishap is made of several faults, and takes a while: too many others beside it, and it comes to nothing."""
SPREAD = (-1.0, 0.8)
"""A rate is the usual one times ten to a number drawn between these."""
RATE_MAX = 0.6

QUIET, QUIET_TIMES = 0.3, 0.15
"""In so many worlds all but mishaps is rarer so many times: there a mishap meets a daemon that trades."""

FOCUSED = 0.6
FOCUS_TIMES = 10
FOCI = (
    "account",
    "execution",
    "leader",
    "settings.read",
    "settings.write",
    "settings.drained",
    "cache.load",
    "cache.write",
    "account.open",
)
"""Places of which a world may have one where things go wrong far more often than usually: what is rare elsewhere."""

USUAL: Mapping[str, float] = {
    # Of each message that an actor handles.
    "crash": 0.002,
    "kill": 0.001,
    "stall": 0.002,
    "stuck": 0.0004,
    "death": 0.0006,
    # Of each request or answer between daemon and exchange, and of each event of an account's stream.
    "not sent": 0.03,
    "request lost": 0.03,
    "answer lost": 0.03,
    "error": 0.03,
    "error after": 0.03,
    "rate limit": 0.02,
    "late request": 0.08,
    "late answer": 0.08,
    "not found": 0.1,
    "fills lag": 0.1,
    "late": 0.08,
    "lost": 0.02,
    "duplicate": 0.05,
    "reordered": 0.05,
    "disconnect": 0.01,
    "behind": 0.01,
    # Of each call of a store.
    "refused": 0.03,
    "commit unanswered": 0.03,
    "death before": 0.004,
    "death after": 0.004,
    # Of each beat of the market, a second or so.
    "away": 0.02,
    "emptied": 0.02,
    "switch": 0.06,
    "setting": 0.04,
    "safeguard": 0.02,
    "notice lost": 0.05,
    "halt": 0.02,
    "silence": 0.02,
    "gap": 0.03,
    "flash crash": 0.02,
    "clock jump": 0.01,
    "stop in order": 0.01,
    "stranger": 0.02,
    "mishap": 0.06,
    # Of each commit.
    "crash after": 0.002,
}
"""How likely each kind of fault usually is at one opportunity."""

OFTEN: Mapping[Place, float] = {
    ("request lost", "cancel"): 6.0,
    ("late request", "cancel"): 3.0,
    ("error", "cancel"): 3.0,
    ("late answer", "order"): 2.0,
    ("refused", "settings.drained"): 20.0,
    ("safeguard", "limits"): 3.0,
    ("mishap", "an answer after a cancel"): 3.0,
    ("mishap", "the switch as an entry leaves"): 3.0,
    ("mishap", "outlive their journal"): 3.0,
    ("mishap", "killed above the busy"): 3.0,
    ("mishap", "closed as it decides"): 3.0,
    ("mishap", "drained, wanted, and drained again"): 3.0,
    ("mishap", "closed as it starts"): 3.0,
    ("mishap", "given back while it trades"): 3.0,
}
"""So many times as likely it is at a place that has few opportunities."""


_NOTHING = random.Random(0)


class Fault(msgspec.Struct, frozen=True, order=True):
    """A fault that befell: `number` counts the opportunities of its kind at its place; `size` is drawn, 0 < size ≤ 1.

    `at_s`: when it befell, in seconds since the world began; it says nothing about when it shall befall again.
    """

    kind: str
    place: str
    number: int
    size: float
    at_s: float = 0.0


class _Stream:
    """The faults of one kind at one place, in the order of their opportunities."""

    __slots__ = ("count", "faults", "next", "rate", "size")

    def __init__(self) -> None:
        self.count = self.next = 0
        self.size = 0.0


class _Drawn(_Stream):
    """Draws how many opportunities pass before the next one is taken, rather than for each whether it is."""

    __slots__ = ("_draw", "_log")

    def __init__(self, rate: float, draw: random.Random) -> None:
        super().__init__()
        self._draw = draw.random
        self._log = math.log1p(-rate) if rate else 0.0
        self.advance()

    def advance(self) -> None:
        if self._log:
            self.next += 1 + int(math.log(1.0 - self._draw()) / self._log)
            self.size = 1.0 - self._draw()


class _Given(_Stream):
    """Gives the faults of a list."""

    __slots__ = ("_left",)

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self._left = sorted(faults, reverse=True)
        self.advance()

    def advance(self) -> None:
        if self._left:
            fault = self._left.pop()
            self.next, self.size = fault.number, fault.size
        else:
            self.next = 0


class Together:
    """Several kinds at one place that share their opportunities, asked at once: most often none of them befalls."""

    __slots__ = ("_next", "_odds", "_place", "_streams", "count")

    def __init__(self, odds: "Odds", place: str, streams: Mapping[str, "_Drawn | _Given"]) -> None:
        self.count = 0
        self._odds = odds
        self._place = place
        self._streams = streams
        self._next = self._nearest()

    def strikes(self) -> tuple[str, float] | None:
        """Say which kind takes this opportunity, the first of several, and how bad it is; None when none does."""
        self.count += 1
        if self.count != self._next:
            return None
        struck = None
        for kind, stream in self._streams.items():
            stream.count = self.count - 1
            size = self._odds.taken(stream, kind, self._place)
            if size is not None and struck is None:
                struck = kind, size
        self._next = self._nearest()
        return struck

    def _nearest(self) -> int:
        return min((stream.next for stream in self._streams.values() if stream.next > self.count), default=0)


def draw_focus(seed: int) -> str | None:
    """Draw the place, if any, where faults are frequent in the world of a seed; no process dies more often for it."""
    draw = random.Random(f"{seed}/focus")
    return draw.choice(FOCI) if draw.random() < FOCUSED else None


class Odds:
    """Decides at every opportunity; `befallen` is what befell so far, `opportunities` how often something could."""

    def __init__(
        self,
        seed: int,
        given: Iterable[Fault] | None = None,
        usual: Mapping[str, float] = USUAL,
        now_s: Callable[[], float] = lambda: 0.0,
        focus: str | None = None,
    ) -> None:
        self.befallen: list[Fault] = []
        self._now_s = now_s
        self._seed = seed
        self._usual = usual
        self._focus = focus
        self._given = None if given is None else list(given)
        self._streams: dict[Place, _Drawn | _Given] = {}
        self._groups: dict[str, tuple[Together, tuple[str, ...]]] = {}
        self._is_healed = False
        draw = random.Random(f"{seed}/kinds")
        self._rates = {kind: self._drawn_rate(draw, rate) for kind, rate in usual.items()}
        if draw.random() < QUIET:
            self._rates |= {kind: rate * QUIET_TIMES for kind, rate in self._rates.items() if kind != "mishap"}

    def strikes(self, kind: str, place: str) -> float | None:
        """Say whether this opportunity is taken: how bad it is, 0 < size ≤ 1, or None."""
        stream = self._streams.get((kind, place))
        if stream is None:
            stream = self._streams[kind, place] = self._open(kind, place)
        return self.taken(stream, kind, place)

    def together(self, kinds: Iterable[str], place: str) -> Together:
        """Give one who is asked for several kinds at once; each (kind, place) belongs to one such, or to `strikes`."""
        streams = {kind: self._open(kind, place) for kind in kinds}
        self._streams.update({(kind, place): stream for kind, stream in streams.items()})
        group = Together(self, place, streams)
        self._groups[place] = group, tuple(streams)
        return group

    def taken(self, stream: "_Drawn | _Given", kind: str, place: str) -> float | None:
        """Count one opportunity of a stream, and say whether it is taken."""
        stream.count += 1
        if stream.count != stream.next:
            return None
        number, size = stream.count, stream.size
        stream.advance()
        if self._is_healed:
            return None
        self.befallen.append(Fault(kind, place, number, size, self._now_s()))
        return size

    def heal(self) -> None:
        """Let nothing go wrong from now on."""
        self._is_healed = True

    @property
    def is_healed(self) -> bool:
        """Say whether nothing may go wrong any more: what was to befall later does not."""
        return self._is_healed

    @property
    def opportunities(self) -> Counter[Place]:
        """Count how often each fault could have befallen."""
        counts = Counter({place: stream.count for place, stream in self._streams.items()})
        for place, (group, kinds) in self._groups.items():
            counts.update({(kind, place): group.count - counts[kind, place] for kind in kinds})
        return counts

    def _open(self, kind: str, place: str) -> _Drawn | _Given:
        if self._given is not None:
            return _Given(fault for fault in self._given if (fault.kind, fault.place) == (kind, place))
        name = f"{self._seed}/{kind}/{place}"
        if place == self._focus and not kind.startswith("death"):
            return _Drawn(min(self._usual[kind] * FOCUS_TIMES, RATE_MAX), random.Random(name))
        rate = min(self._rates[kind] * OFTEN.get((kind, place), 1.0), RATE_MAX)
        # A generator costs more than all it draws in a run: most places need none.
        left_out = MISHAP_LEFT_OUT if kind == "mishap" else PLACE_LEFT_OUT
        if not rate or zlib.crc32(name.encode()) < left_out * 2**32:
            return _Drawn(0.0, _NOTHING)
        return _Drawn(rate, random.Random(name))

    @staticmethod
    def _drawn_rate(draw: random.Random, usual: float) -> float:
        is_left_out, exponent = draw.random() < KIND_LEFT_OUT, draw.uniform(*SPREAD)
        return 0.0 if is_left_out else min(usual * 10**exponent, RATE_MAX)
