"""A seed's schedule: the faults of its simulated run, each at its share of the time."""

from collections.abc import Iterable, Sequence

import msgspec

from tests.simulation.odds import Fault

DEATHS = ("death", "death before", "death after", "stop in order")


class Due(msgspec.Struct, frozen=True):
    """A fault, and when it is due: in seconds of the schedule."""

    at_s: float
    fault: Fault


class Schedule(msgspec.Struct, frozen=True):
    """What shall befall, in order of time; `left_out` are deaths that would follow too close on each other."""

    dues: list[Due]
    left_out: list[Fault]


def make_schedule(faults: Iterable[Fault], seconds: float, deaths_max: int) -> Schedule:
    """Spread a run's faults over so many seconds; of its deaths, which take longest, so many are kept at most."""
    in_order = sorted(faults, key=lambda fault: fault.at_s)
    deaths = [fault for fault in in_order if fault.kind in DEATHS]
    kept = set(_spread(deaths, deaths_max))
    left_out = [fault for fault in deaths if fault not in kept]
    whole_s = in_order[-1].at_s if in_order else 0.0
    scale = seconds / whole_s if whole_s else 0.0
    dues = [Due(fault.at_s * scale, fault) for fault in in_order if fault.kind not in DEATHS or fault in kept]
    return Schedule(dues, left_out)


def _spread(faults: Sequence[Fault], most: int) -> list[Fault]:
    """Choose so many at most, from the beginning to the end alike."""
    if len(faults) <= most:
        return list(faults)
    return [faults[number * len(faults) // most] for number in range(most)]
