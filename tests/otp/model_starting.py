"""How processes start in the model, and what is sent meanwhile."""

from collections import Counter
from typing import Any

from tests.otp.model_ending import Ending
from tests.otp.model_record import LOOKS, Asked, Instance, Process, Slot, Supervisor, is_look
from tests.otp.model_script import Dynamic, Leaf, Node, Path, Quit, Start, Static


class UnorderedError(Exception):
    """What follows depends on an order that the rules leave open."""


class Starting(Ending):
    """The rules 5 and 10-17."""

    def __init__(self) -> None:
        super().__init__()
        self._starts: Counter[Path] = Counter()
        self._is_burst = False
        """Whether several children of one supervisor have ended at the same moment."""

    def _start(self, supervisor: Supervisor, slot: Slot) -> str:
        """Start a child and wait for its init (rules 5, 12); gives started, ignored or failed."""
        node, path = slot.node, (*supervisor.path, slot.node.id)
        self._starts[path] += 1
        number = self._starts[path]
        start = node.starts[number - 1] if number <= len(node.starts) else Start()
        self._check_order(supervisor, node, start)
        self.log[supervisor.instance].append([("start", node.id, number, "")])
        self._take_asks(supervisor, start, (path, number))
        common: dict[str, Any] = {"node": node, "path": path, "number": number, "keeper": supervisor}
        child = Process(**common) if isinstance(node, Leaf) else Supervisor(**common)
        match start.does:
            case "raise":
                return "failed"
            case "crash":
                self._die(child, "crash")
                return "failed"
            case "ignore":
                self._die(child, "normal")
                return "ignored"
        if isinstance(child, Supervisor) and not self._run_init(child):
            return "failed"
        slot.process = child
        if start.does == "dies":
            self._perish(child, "crash")
        return "started"

    def _check_order(self, supervisor: Supervisor, node: Node, start: Start) -> None:
        if start.does == "dies" and (supervisor.messages or start.asks):
            raise UnorderedError("an exit and a message come at the same moment")
        is_at_once = isinstance(node, Leaf) and start.does in ("ok", "raise")
        if self._is_burst and isinstance(supervisor.node, Dynamic) and not is_at_once:
            raise UnorderedError("a dynamic supervisor does not wait for one start before the next")

    def _take_asks(self, supervisor: Supervisor, start: Start, tag: Instance) -> None:
        for place, request in enumerate(start.asks):
            if not isinstance(request, Quit):
                # Lists and counts are served at once, also while the supervisor waits for what was asked before.
                is_first = not supervisor.signals and all(is_look(other) for other in supervisor.messages)
                is_foretold = is_first or not isinstance(request, LOOKS)
                supervisor.messages.append(Asked((*tag, place), request, is_foretold))
            elif supervisor.is_starting or supervisor.signals or supervisor.messages:
                raise UnorderedError("an end is asked for while something else goes on")
            else:
                supervisor.signals.append(request)

    def _run_init(self, supervisor: Supervisor) -> bool:
        """Start the children in order; on a failure, stop those before it and end (rules 10-17)."""
        node = supervisor.node
        for child in node.children if isinstance(node, Static) else ():
            slot = Slot(child)
            outcome = self._start(supervisor, slot)
            if outcome == "failed":
                self.seen["a failed init"] += 1
                self._stop_children(supervisor)
                self._die(supervisor, "shutdown")
                return False
            if outcome == "started" or child.restart != "temporary":
                supervisor.slots.append(slot)
        supervisor.is_starting = False
        if supervisor.keeper is not None and (supervisor.signals or supervisor.messages):
            raise UnorderedError("a supervisor and its parent are busy at the same time")
        return True
