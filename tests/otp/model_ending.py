"""How processes end in the model: by themselves, struck, stopped, or with who was above them."""

from collections import Counter, defaultdict
from typing import Any

from tests.otp.model_record import (
    ANY_ANSWER,
    ANY_REASON,
    LOOKS,
    Answer,
    Asked,
    Entry,
    Instance,
    Process,
    Slot,
    Supervisor,
)
from tests.otp.model_script import Dynamic, Leaf


class Ending:
    """Time, what was written down, and the rules 18-25 and 66-67."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.log: defaultdict[Instance, list[list[Entry]]] = defaultdict(list)
        """What each supervisor's children did: groups in order, the order within a group left open."""
        self.answers: dict[Any, Answer] = {}
        self.seen: Counter[str] = Counter()
        """How often the situations arose that tests should reach."""
        self.ended: str | None = None
        """The kind of reason with which the top ended."""
        self._latest_s = 0.0

    def _perish(self, process: Process, reason: str) -> None:
        """End a process with nobody's leave; its supervisor will learn it."""
        self._die(process, reason)
        if isinstance(process, Supervisor):
            self._orphan(process, reason)
        if process.keeper is not None:
            process.keeper.signals.append(process)

    def _orphan(self, supervisor: Supervisor, reason: str) -> None:
        """End the children of a dead supervisor, through their links, beside everything else (rules 25, 66, 67)."""
        ends: list[Entry] = []
        seen = reason if reason == "killed" else ANY_REASON
        for slot in supervisor.slots:
            child = slot.process
            if child is None or not child.is_alive:
                continue
            if isinstance(child, Supervisor):
                self._beside(child)
            self._die(child, reason, silent=True)
            ends.append(("end", slot.node.id, child.number, seen))
        if ends:
            self.log[supervisor.instance].append(ends)

    def _beside(self, supervisor: Supervisor) -> None:
        """Stop a supervisor's children while everything else goes on."""
        now_s = self.now_s
        self._stop_children(supervisor)
        self._latest_s = max(self._latest_s, self.now_s)
        self.now_s = now_s

    def _die(self, process: Process, reason: str, *, silent: bool = False) -> None:
        process.is_alive = False
        process.reason = reason
        if not silent:
            self._write(process, reason)
        if isinstance(process, Supervisor):
            for message in process.messages:
                if isinstance(message, Asked):
                    is_look = isinstance(message.request, LOOKS)  # perhaps it is served while the supervisor stops
                    self.answers[message.tag] = ANY_ANSWER if is_look else ("died", reason)
            process.messages.clear()
            process.signals.clear()

    def _write(self, process: Process, reason: str) -> None:
        if process.keeper is None:
            self.ended = reason
        else:
            self.log[process.keeper.instance].append([("end", process.node.id, process.number, reason)])

    def _stop(self, slot: Slot) -> None:
        """Stop a child deliberately, and wait for it (rules 19-23)."""
        child, slot.process, slot.retry = slot.process, None, None
        if child is None or not child.is_alive:
            return
        reason = "shutdown"
        if isinstance(child, Supervisor):
            self._stop_children(child)
        elif isinstance(child.node, Leaf):
            if child.node.brutal_kill:
                reason = "killed"
            elif child.node.stubborn_s is not None:
                self.now_s += child.node.stubborn_s
                reason = "killed"
        self._die(child, reason)

    def _stop_children(self, supervisor: Supervisor) -> None:
        """Stop all, one at a time in reverse order, or those of a dynamic supervisor side by side (rule 18)."""
        began_s = latest_s = self.now_s
        for slot in reversed(supervisor.slots):
            if isinstance(supervisor.node, Dynamic):
                self.now_s = began_s
            self._stop(slot)
            latest_s = max(latest_s, self.now_s)
        self.now_s = latest_s

    def _end(self, supervisor: Supervisor, reason: str) -> None:
        """Let a supervisor end by itself, its children first."""
        self._stop_children(supervisor)
        self._die(supervisor, reason)
        if supervisor.keeper is not None:
            supervisor.keeper.signals.append(supervisor)
