"""What a supervision tree must look like: a sequential interpreter of the rules of OTP, numbered as in docs/otp.md.

It has no actors: a process is a record, a supervisor a record with a list of slots, and one thing happens after the
other. It knows nothing of the runtime, so that it is a second opinion. Where the rules leave the order of two things
open, and what comes of it differs, the scenario is refused with `UnorderedError`.
"""

from tests.otp.model_record import (
    ANY_ANSWER,
    REASON_OF,
    Answer,
    Asked,
    Process,
    Retry,
    Slot,
    Supervisor,
    count_children,
    is_restarted,
    living,
    which_children,
)
from tests.otp.model_script import (
    Ask,
    CountChildren,
    DeleteChild,
    Disturb,
    Dynamic,
    Node,
    Pass,
    Path,
    Quit,
    Request,
    RestartChild,
    StartChild,
    Static,
    Step,
    Strike,
    TerminateChild,
    WhichChildren,
)
from tests.otp.model_starting import Starting


class Model(Starting):
    """Runs a scenario step by step. Read `log`, `answers`, `ended` and `supervisors()` after each."""

    def __init__(self, tree: Static | Dynamic) -> None:
        super().__init__()
        self.top = Supervisor(node=tree, path=(tree.id,), number=1, keeper=None)
        if self._run_init(self.top):
            self._serve(self.top)
        else:
            self.ended = "shutdown"
            self.seen["the top fails to start"] += 1
        self._come_to_rest()

    # See -----------------------------------------------------------------------------------------------------------

    def supervisors(self) -> list[Supervisor]:
        """Give those that live, parents first."""
        return [one for one in self.processes() if isinstance(one, Supervisor)]

    def processes(self) -> list[Process]:
        """Give those that live, parents first."""
        return list(living(self.top))

    def find(self, path: Path) -> Supervisor | None:
        """Find a living supervisor."""
        return next((supervisor for supervisor in self.supervisors() if supervisor.path == path), None)

    def started_below(self, path: Path) -> set[str]:
        """Give the ids of all that was ever started below a path."""
        return {started[-1] for started in self._starts if started[:-1] == path}

    # Do ------------------------------------------------------------------------------------------------------------

    def step(self, number: int, step: Step) -> None:
        """Let one thing happen, and all that follows from it. What meets nobody alive does nothing."""
        match step:
            case Pass(seconds=seconds):
                self.now_s += seconds
            case Quit(reason=reason):
                if self.top.is_alive:
                    self._end(self.top, reason)
            case Ask(at=at, request=request):
                supervisor = self.find(at)
                if supervisor is not None:
                    supervisor.messages.append(Asked(number, request))
                    self._serve(supervisor)
            case Strike():
                self._strike(step)
            case Disturb():
                pass  # rules 26 and 27
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        """Wait for what still stops beside the rest."""
        self.now_s = max(self.now_s, self._latest_s)
        self._is_burst = False

    def _strike(self, step: Strike) -> None:
        supervisor = self.find(step.at)
        if not step.at:
            victims: list[Process] = [self.top] if self.top.is_alive else []
        elif supervisor is None:
            return
        else:
            slots = [supervisor.slot(child_id) for child_id in step.ids]
            victims = [slot.process for slot in slots if slot is not None and slot.process is not None]
        self._is_burst = len(victims) > 1
        if self._is_burst:
            self.seen["several at the same moment"] += 1
        for victim, way in zip(victims, step.ways, strict=False):
            self._perish(victim, REASON_OF[way])
        if supervisor is not None:
            self._serve(supervisor)

    # What reaches a supervisor -------------------------------------------------------------------------------------

    def _serve(self, supervisor: Supervisor) -> None:
        """Handle all that waits, and then what the supervisor's end means to its parent."""
        while supervisor.is_alive and (supervisor.signals or supervisor.messages):
            if supervisor.signals:
                self._take_signal(supervisor, supervisor.signals.popleft())
            else:
                self._take_message(supervisor, supervisor.messages.popleft())
        if not supervisor.is_alive and supervisor.keeper is not None:
            self._serve(supervisor.keeper)

    def _take_signal(self, supervisor: Supervisor, signal: Process | Quit) -> None:
        if isinstance(signal, Quit):
            self.seen["stopped in the restart loop"] += any(isinstance(one, Retry) for one in supervisor.messages)
            self._end(supervisor, signal.reason)
            return
        slot = next((slot for slot in supervisor.slots if slot.process is signal), None)
        if slot is None:  # rule 27
            return
        slot.process = None
        if is_restarted(slot.node, signal.reason):
            self._restart(supervisor, slot, gave_up=signal.gave_up)
            return
        # Rule 7; and what restarts nothing by hand has no use for the spec of rule 31.
        if slot.node.restart == "temporary" or isinstance(supervisor.node, Dynamic):
            supervisor.slots.remove(slot)
        if self._ends_with(supervisor, slot):
            self.seen["auto-shutdown"] += 1
            self.seen["auto-shutdown of a significant supervisor"] += isinstance(signal, Supervisor)
            self._end(supervisor, "shutdown")

    @staticmethod
    def _ends_with(supervisor: Supervisor, slot: Slot) -> bool:
        """Say whether the end of a child is that of its supervisor (rules 53-57)."""
        node = supervisor.node
        if isinstance(node, Dynamic) or not slot.node.significant or node.auto_shutdown == "never":
            return False
        rest = [other for other in supervisor.slots if other.node.significant and other.state != "stopped"]
        return node.auto_shutdown == "any_significant" or not rest

    def _take_message(self, supervisor: Supervisor, message: Asked | Retry) -> None:
        if isinstance(message, Asked):
            answer = self._answer(supervisor, message.request)
            self.answers[message.tag] = answer if message.is_foretold else ANY_ANSWER
        elif message.slot.retry is message:
            self._restart(supervisor, message.slot)

    # Restarts ------------------------------------------------------------------------------------------------------

    def _restart(self, supervisor: Supervisor, slot: Slot, *, gave_up: bool = False) -> None:
        """Charge, then start again what the strategy says (rules 33-51)."""
        node = supervisor.node
        kept = [time_s for time_s in supervisor.restarts if time_s >= self.now_s - node.period_s]
        self.seen["a restart that has aged out"] += len(kept) < len(supervisor.restarts) >= node.max_restarts > 0
        supervisor.restarts = [self.now_s, *kept]
        slot.retry = None
        if len(supervisor.restarts) > node.max_restarts:
            supervisor.gave_up = True
            self.seen["give up"] += 1
            self.seen["give-up cascade"] += gave_up
            self._end(supervisor, "shutdown")
            return
        self.seen["a supervisor is started again"] += isinstance(slot.node, Static)
        if isinstance(node, Static) and node.strategy != "one_for_one":
            self._restart_group(supervisor, slot)
            return
        outcome = self._start(supervisor, slot)
        if outcome == "failed":
            self._try_again(supervisor, slot)
        elif outcome == "ignored":
            self.seen["an ignored restart"] += 1
            if isinstance(node, Dynamic):  # rule 46
                supervisor.slots.remove(slot)

    def _restart_group(self, supervisor: Supervisor, slot: Slot) -> None:
        is_rest = isinstance(supervisor.node, Static) and supervisor.node.strategy == "rest_for_one"
        first = supervisor.slots.index(slot) if is_rest else 0
        for other in reversed(supervisor.slots[first:]):
            self._stop(other)
        before, affected = supervisor.slots[:first], supervisor.slots[first:]
        affected = [other for other in affected if other.node.restart != "temporary"]  # rule 37
        supervisor.slots = before + affected
        for other in affected:
            if self._start(supervisor, other) == "failed":
                self.seen["group restart with a failing sibling"] += other is not slot
                self._try_again(supervisor, other)
                return

    def _try_again(self, supervisor: Supervisor, slot: Slot) -> None:
        self.seen["a failed restart"] += 1
        slot.retry = Retry(slot)
        supervisor.messages.append(slot.retry)

    # Requests ------------------------------------------------------------------------------------------------------

    def _answer(self, supervisor: Supervisor, request: Request) -> Answer:
        match request:
            case WhichChildren():
                return which_children(supervisor)
            case CountChildren():
                return count_children(supervisor)
            case StartChild(child=child):
                return self._start_child(supervisor, child)
        slot = supervisor.slot(request.id)
        if slot is None:
            return "not_found"
        match request:
            case TerminateChild():
                return self._terminate_child(supervisor, slot)
            case RestartChild():
                return slot.state if slot.state != "stopped" else self._start(supervisor, slot)
            case DeleteChild():
                if slot.state != "stopped":
                    return slot.state
                supervisor.slots.remove(slot)
        return "done"

    def _start_child(self, supervisor: Supervisor, child: Node) -> Answer:
        """Start one more (rules 4, 40, 58, 59, 79, 80)."""
        node = supervisor.node
        if isinstance(node, Dynamic):
            if child.significant:
                return "invalid"
            if node.max_children is not None and len(supervisor.slots) >= node.max_children:
                return "max_children"
        else:
            if child.significant and (node.auto_shutdown == "never" or child.restart == "permanent"):
                return "invalid"
            present = supervisor.slot(child.id)
            if present is not None:
                return "already_started" if present.state == "running" else "already_present"
        slot = Slot(child)
        outcome = self._start(supervisor, slot)
        is_kept = child.restart != "temporary" and isinstance(node, Static)
        if outcome == "started" or (outcome == "ignored" and is_kept):
            supervisor.slots.append(slot)
        return outcome

    def _terminate_child(self, supervisor: Supervisor, slot: Slot) -> Answer:
        """Stop one, or the attempts to start it (rules 7, 23, 44, 60, 82)."""
        self.seen["terminate_child cancels a restart"] += slot.retry is not None
        self._stop(slot)
        if slot.node.restart == "temporary" or isinstance(supervisor.node, Dynamic):
            supervisor.slots.remove(slot)
        return "done"
