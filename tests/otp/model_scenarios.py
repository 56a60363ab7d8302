"""Draws scenarios: trees whose children fail often enough, and steps that meet somebody who is alive."""

import string
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from tests.otp.model import Model
from tests.otp.model_record import Supervisor
from tests.otp.model_script import (
    Ask,
    CountChildren,
    DeleteChild,
    Disturb,
    Dynamic,
    Leaf,
    Node,
    Pass,
    Path,
    Quit,
    Request,
    RestartChild,
    Scenario,
    Start,
    StartChild,
    Static,
    Step,
    Strike,
    TerminateChild,
    Way,
    WhichChildren,
)
from tests.otp.model_starting import UnorderedError

STEPS_MAX = 10
CHILDREN_MAX = 4
DEPTH_MAX = 3
FRESH_IDS = string.ascii_lowercase[CHILDREN_MAX:]
"""Ids of children that are started on request; those of a tree come before."""

ENDS_OF_SUPERVISORS: tuple[Way, Way] = ("kill", "crash")


class Scenarios:
    """Draws one scenario. In virtual time also what takes time; `in_order` also what happens at the same moment."""

    def __init__(self, draw: st.DrawFn, *, virtual: bool, in_order: bool) -> None:
        self._draw = draw
        self._virtual = virtual
        self._in_order = in_order
        self._last: Path | None = None
        """The supervisor that was met last: to meet it again is what exceeds intensities."""
        self._is_at_edge = False
        """Whether time has just passed to the edge of that supervisor's window of restarts."""

    def scenario(self) -> Scenario:
        tree = self._supervisor("top", 0, is_top=True)
        model = Model(tree)
        steps: list[Step] = []
        for number in range(self._pick(1, 2, 4, 6, STEPS_MAX)):
            if model.ended is not None:
                break
            steps.append(self._step(model))
            model.step(number, steps[-1])
        return Scenario(tree=tree, steps=tuple(steps))

    # The tree ------------------------------------------------------------------------------------------------------

    def _pick(self, *values: Any) -> Any:
        """Draw one; simple ones first, since failures shrink to these, and repeated for weight."""
        return self._draw(st.sampled_from(values))

    def _supervisor(self, node_id: str, depth: int, *, is_top: bool = False, **fields: Any) -> Static | Dynamic:
        flags: dict[str, Any] = {
            "max_restarts": self._pick(1, 0, 2, 3, 5) if is_top else self._pick(0, 1, 0, 2, 3),
            "period_s": self._pick(5.0, 0.5, 2.0) if self._virtual else 1_000.0,
        }
        if self._pick(False, False, False, True):
            return Dynamic(id=node_id, max_children=self._pick(None, None, 0, 1, 2), **flags, **fields)
        auto_shutdown = self._pick("never", "any_significant", "all_significant")
        children = tuple(
            self._node(string.ascii_lowercase[place], depth + 1, auto_shutdown, is_below_top=is_top)
            for place in range(self._draw(st.integers(0 if depth else 1, CHILDREN_MAX)))
        )
        strategy = self._pick("one_for_one", "rest_for_one", "one_for_all")
        return Static(id=node_id, strategy=strategy, auto_shutdown=auto_shutdown, children=children, **flags, **fields)

    def _node(
        self, node_id: str, depth: int, auto_shutdown: str, *, is_below_top: bool = False, in_dynamic: bool = False
    ) -> Node:
        fields: dict[str, Any] = {"restart": self._pick(*["permanent"] * 3, "transient", "temporary")}
        if auto_shutdown != "never" and fields["restart"] != "permanent":
            fields["significant"] = self._pick(True, True, False)
        is_leaf = depth >= DEPTH_MAX or self._pick(True, False)
        starts = [
            self._start(node_id, number, is_leaf=is_leaf, is_below_top=is_below_top, in_dynamic=in_dynamic)
            for number in range(self._pick(0, 0, 2, 3, 4))
        ]
        fields["starts"] = tuple(starts)
        if not is_leaf:
            return self._supervisor(node_id, depth, **fields)
        brutal_kill = self._pick(False, False, False, True)
        stubborn_s = self._pick(None, None, None, 0.0, 0.5, 1.5) if self._virtual and not brutal_kill else None
        return Leaf(id=node_id, brutal_kill=brutal_kill, stubborn_s=stubborn_s, **fields)

    def _start(self, node_id: str, number: int, *, is_leaf: bool, is_below_top: bool, in_dynamic: bool) -> Start:
        """Draw what a start does: the first mostly succeeds, later ones mostly fail."""
        does = (
            self._pick(*["ok"] * 20, "ignore", "ignore", "raise", "crash")
            if number == 0
            else self._pick("ok", "raise", "raise", "crash", "crash", "ignore")
        )
        if is_leaf and is_below_top and self._virtual and does == "ok":
            does = self._pick("ok", "ok", "dies")
        if does == "dies":
            return Start(does=does)
        has_asks = (does == "raise" or not in_dynamic) and (number > 0 or is_below_top)
        count = self._pick(0, 0, 1, 2) if has_asks else 0
        asks: list[Request | Quit] = [
            self._ask_at_start(node_id, is_raised=does == "raise", in_dynamic=in_dynamic) for _ in range(count)
        ]
        if does == "raise" and is_below_top and number > 0 and self._pick(False, False, True):
            asks.insert(0, Quit(reason=self._pick("shutdown", "normal", "odd")))
        return Start(does=does, asks=tuple(asks))

    def _ask_at_start(self, node_id: str, *, is_raised: bool, in_dynamic: bool) -> Request:
        """Draw a request whose place among the supervisor's other work is certain."""
        looks: list[Request] = [WhichChildren(), CountChildren()] if is_raised else []
        if in_dynamic:
            own: list[Request] = [TerminateChild(id=node_id), *looks]
            return self._draw(st.sampled_from(own))
        child_id = self._pick(node_id, *string.ascii_lowercase[:CHILDREN_MAX])
        kinds: list[Request] = [TerminateChild(id=child_id), RestartChild(id=child_id), DeleteChild(id=child_id)]
        more = StartChild(child=Leaf(id=self._pick(child_id, *FRESH_IDS[:2])))
        return self._draw(st.sampled_from([*kinds, *looks, more]))

    # What happens --------------------------------------------------------------------------------------------------

    def _step(self, model: Model) -> Step:
        supervisors = model.supervisors()
        again = [supervisor for supervisor in supervisors if supervisor.path == self._last]
        is_again = bool(again) and (self._is_at_edge or self._pick(True, False))
        supervisor = again[0] if is_again else self._draw(st.sampled_from(supervisors))
        kind = self._pick(*["strike"] * 6, *["ask"] * 4, "pass", "disturb", "top")
        if self._is_at_edge:
            kind = "strike"
        elif kind == "strike" and self._virtual and supervisor.restarts and self._pick(True, False):
            kind = "edge"
        self._last, self._is_at_edge = supervisor.path, kind == "edge"
        if kind == "strike":
            step = self._strike(supervisor)
            if step is not None:
                return step
        if kind == "edge":
            edge_s = supervisor.restarts[-1] + supervisor.node.period_s + self._pick(0.5, 0.0, -0.5)
            return Pass(seconds=max(0.0, edge_s - model.now_s))
        if kind == "pass" and self._virtual:
            return Pass(seconds=self._pick(5.5, 2.0, 0.5))
        if kind == "disturb":
            return Disturb(at=supervisor.path)
        if kind == "top" and self._pick(False, False, True):
            quits: list[Step] = [Quit(reason="shutdown"), Quit(reason="normal"), Quit(reason="odd")]
            killed, crashed = (Strike(at=(), ids=("top",), ways=(way,)) for way in ENDS_OF_SUPERVISORS)
            return self._draw(st.sampled_from([*quits, killed, crashed]))
        return Ask(at=supervisor.path, request=self._request(model, supervisor))

    def _strike(self, supervisor: Supervisor) -> Strike | None:
        running = {slot.node.id: slot.node for slot in supervisor.slots if slot.state == "running"}
        if not running:
            return None
        most = 3 if self._in_order else 1
        ids = self._draw(st.lists(st.sampled_from(sorted(running)), min_size=1, max_size=most, unique=True))
        is_kill = self._pick(False, False, True)
        ways: list[Way] = []
        for child_id in ids:
            own_ways = ("crash", "normal", "shutdown", "detail") if isinstance(running[child_id], Leaf) else ("crash",)
            ways.append("kill" if is_kill else self._pick(*own_ways))
        return Strike(at=supervisor.path, ids=tuple(ids), ways=tuple(ways))

    def _request(self, model: Model, supervisor: Supervisor) -> Request:
        ids = [slot.node.id for slot in supervisor.slots]
        is_dynamic = isinstance(supervisor.node, Dynamic)
        if self._pick(False, True, is_dynamic) or not ids:
            return StartChild(child=self._child_to_start(model, supervisor))
        child_id = self._pick(*ids)
        kinds = [TerminateChild(id=child_id)]
        if is_dynamic:
            return kinds[0]
        more: list[Request] = [RestartChild(id=child_id), DeleteChild(id=child_id), DeleteChild(id="nobody")]
        return self._draw(st.sampled_from([*kinds, *more]))

    def _child_to_start(self, model: Model, supervisor: Supervisor) -> Node:
        """Draw a child for a supervisor that has it not yet, or for a static one perhaps has."""
        node = supervisor.node
        taken = model.started_below(supervisor.path)
        fresh = next(letter for letter in FRESH_IDS if letter not in taken)
        is_top = supervisor.keeper is None
        if isinstance(node, Dynamic):
            return self._node(
                fresh, len(supervisor.path), self._pick(*["never"] * 7, "invalid"), in_dynamic=True, is_below_top=is_top
            )
        child_id = self._pick(fresh, *sorted(taken))
        auto_shutdown = self._pick(*[node.auto_shutdown] * 7, "invalid")
        return self._node(child_id, len(supervisor.path), auto_shutdown, is_below_top=is_top)


@st.composite
def scenarios(draw: st.DrawFn, *, virtual: bool = True, in_order: bool = True) -> Scenario:
    """Give a scenario in which all that is compared is ordered by the rules."""
    try:
        return Scenarios(draw, virtual=virtual, in_order=in_order).scenario()
    except UnorderedError:
        reject()
