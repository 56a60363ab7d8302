"""The works of a leader: always the settings that its cycles and the next one have, each once, whatever changes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.work import Work
from naive_daemon.trading.works import Works

SETTINGS = [TradeSettings(chunks=chunks) for chunks in (1, 2, 3, 4)]


def work_of(settings: TradeSettings) -> Work:
    return Work(exchange="paper", symbol="AAAQ", account="main", strategy="naive", signature=str(settings.chunks))


class Desk:
    """The streams' owner, as far as one leader can tell: it refuses to add or to remove the same thing twice."""

    def __init__(self) -> None:
        self.works: dict[str, Work] = {}

    def take(self, works: Works) -> None:
        added, removed = works.changes()
        for work in added:
            assert work.signature not in self.works
            self.works[work.signature] = work
        for _, _, signature in removed:
            del self.works[signature]


class Leader:
    """Draws what happens to a leader: cycles that begin and end, settings that change, drains."""

    def __init__(self) -> None:
        self.slots: list[TradeSettings] = []
        self.present: TradeSettings | None = None

    @property
    def signatures(self) -> set[str]:
        present = [] if self.present is None else [self.present]
        return {str(each.chunks) for each in [*self.slots, *present]}

    def step(self, works: Works, step: tuple[str, int]) -> None:
        what, number = step
        if what == "want":
            self.present = [None, *SETTINGS][number % 5]
            works.want(self.present)
        elif what == "begin":
            self.slots.append(SETTINGS[number % 4])
            works.hold(self.slots[-1])
        elif self.slots:
            works.release(self.slots.pop(number % len(self.slots)))


STEPS = st.lists(st.tuples(st.sampled_from(["want", "begin", "end"]), st.integers(0, 19)), max_size=6)


@given(st.lists(STEPS, max_size=12))
def test_there_is_a_work_for_each_distinct_set_of_settings_and_no_other(turns: list[list[tuple[str, int]]]) -> None:
    """Whatever happens between two looks."""
    works, desk, leader = Works(work_of), Desk(), Leader()
    for steps in turns:
        for step in steps:
            leader.step(works, step)
        desk.take(works)
        assert set(desk.works) == leader.signatures
        assert {work.signature for work in works.told} == leader.signatures
        assert works.changes() == ((), ())
        assert all(work == work_of(SETTINGS[int(signature) - 1]) for signature, work in desk.works.items())


def test_a_work_that_can_not_be_made_leaves_everything_as_it_was() -> None:
    def refuse(settings: TradeSettings) -> Work:
        if settings.strategy == "bad":
            raise ValueError("no such strategy")
        return work_of(settings)

    works = Works(refuse)
    works.want(SETTINGS[0])
    assert works.changes() == ((work_of(SETTINGS[0]),), ())
    works.want(msgspec.structs.replace(SETTINGS[0], strategy="bad"))
    with pytest.raises(ValueError, match="no such strategy"):
        works.changes()
    assert works.told == (work_of(SETTINGS[0]),)
    works.want(SETTINGS[1])
    assert works.changes() == ((work_of(SETTINGS[1]),), (work_of(SETTINGS[0]).id,))
