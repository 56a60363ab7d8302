"""A scenario on the real runtime: the tree of its script as actors, which write down what the model foretells."""

from collections import Counter, defaultdict
from functools import partial
from typing import Any

from naive_daemon import otp
from naive_daemon.otp.messages import ExitSignal
from naive_daemon.otp.timers import NS_PER_S
from tests.otp.laboratory import BoomError, Laboratory, Outcome, Worker, throw
from tests.otp.model_record import Entry, Instance
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
    Start,
    StartChild,
    Static,
    Step,
    Strike,
    TerminateChild,
    Way,
    WhichChildren,
)

CHILD_ID = "child"
"""The id of every child of a dynamic supervisor, which ignores it."""

LEAVING = {"normal": otp.NORMAL, "shutdown": otp.SHUTDOWN, "detail": otp.shutdown("detail")}


class Member(otp.Actor):
    """What all actors of a stage do: tell it that they run, and do what it tells them."""

    stage: "Stage"
    instance: Instance

    def acknowledge_start(self, info: object = None) -> None:
        self.stage.running[self.instance[0]] = self.ref
        super().acknowledge_start(info)

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else super().on_receive(message)

    def on_terminate(self, reason: otp.ExitReason) -> None:
        super().on_terminate(reason)
        self.stage.write_end(self.instance, reason)


class LeafMember(Member, Worker):
    """A worker."""


class StubbornMember(LeafMember):
    """Does not heed the parent's wish that it end; ends with the parent all the same."""

    def _on_parent_exit(self, reason: otp.ExitReason) -> None:
        if reason.kind != "shutdown":
            self.exit(reason)


class StaticMember(Member, otp.Supervisor):
    """A supervisor."""


class DynamicMember(Member, otp.DynamicSupervisor):
    """A dynamic supervisor."""


class Stage:
    """Plays a script in a laboratory."""

    def __init__(self, lab: Laboratory, tree: Static | Dynamic) -> None:
        self.lab = lab
        self.tree = tree
        self.log: defaultdict[Instance, list[Entry]] = defaultdict(list)
        self.answers: dict[Any, Any] = {}
        self.running: dict[Path, otp.Ref] = {}
        """The incarnation of each child whose start succeeded last."""
        self.refs: dict[Instance, otp.Ref] = {}
        self._starts: Counter[Path] = Counter()
        self._ends: dict[Instance, otp.ExitReason] = {}
        self._keepers: dict[Instance, Instance] = {}
        self._stranger = lab.start(Worker("stranger", []))

    # Start ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the tree; not with `ActorSystem.start`, in which virtual time could not pass."""
        top = self._member(self.tree, ((self.tree.id,), 1), None)
        top.attach(self.lab.system, None, None)
        top.begin(None)

    def close(self) -> None:
        """Kill what is left of the tree."""
        for ref in list(self.refs.values()):
            otp.send_exit(ref, otp.KILL)
        self.lab.settle()

    def _member(self, node: Node, instance: Instance, outcome: Outcome) -> Member:
        """Make the actor of a node, unstarted."""
        member: Member
        if isinstance(node, Leaf) or outcome is not None:  # a supervisor's failing init is that of any actor
            is_stubborn = isinstance(node, Leaf) and node.stubborn_s is not None
            member = (StubbornMember if is_stubborn else LeafMember)(instance, [], outcome)
        elif isinstance(node, Static):
            member = StaticMember(
                [self._spec(child, instance) for child in node.children],
                strategy=otp.Strategy(node.strategy),
                max_restarts=node.max_restarts,
                period_s=node.period_s,
                auto_shutdown=otp.AutoShutdown(node.auto_shutdown),
            )
        elif isinstance(node, Dynamic):
            member = DynamicMember(
                max_restarts=node.max_restarts, period_s=node.period_s, max_children=node.max_children
            )
        else:
            raise TypeError(f"{node} is no kind of node")
        member.stage, member.instance = self, instance
        self.refs[instance] = member.ref
        return member

    def _spec(self, node: Node, keeper: Instance) -> otp.ChildSpec:
        shutdown_s = None
        if isinstance(node, Leaf):
            shutdown_s = otp.BRUTAL_KILL if node.brutal_kill else node.stubborn_s
        return otp.ChildSpec(
            id=CHILD_ID if keeper in self.refs and is_dynamic(self.refs[keeper]) else node.id,
            start=partial(self._start, node, keeper),
            restart=otp.Restart(node.restart),
            shutdown_s=shutdown_s,
            type=otp.ChildType.WORKER if isinstance(node, Leaf) else otp.ChildType.SUPERVISOR,
            significant=node.significant,
        )

    def _start(self, node: Node, keeper: Instance) -> otp.Actor:
        """Be the start function of a child."""
        path = (*keeper[0], node.id)
        self._starts[path] += 1
        number = self._starts[path]
        self.log[keeper].append(("start", node.id, number, ""))
        start = node.starts[number - 1] if number <= len(node.starts) else Start()
        for place, request in enumerate(start.asks):
            self._ask(self.refs[keeper], request, (path, number, place))
        if start.does == "raise":
            throw(BoomError("start"))
        outcomes: dict[str, Outcome] = {
            "ok": None,
            "ignore": otp.IGNORE,
            "crash": BoomError("init"),
            "dies": otp.Continue(lambda _: throw(BoomError("continuation"))),
        }
        instance = (path, number)
        self._keepers[instance] = keeper
        member = self._member(node, instance, outcomes[start.does])
        self.lab.system.on_down(member.ref, lambda down: self.write_end(instance, down.reason))
        return member

    def write_end(self, instance: Instance, reason: otp.ExitReason) -> None:
        """Write an end down as soon as it is known, before the supervisor knows; a second reason stands out."""
        keeper = self._keepers.get(instance)
        known = self._ends.get(instance)
        if keeper is None or known == reason:  # the top, or known from its own clean-up
            return
        self._ends[instance] = reason
        kind = reason.kind if known is None else f"{known}, then {reason}"
        self.log[keeper].append(("end", instance[0][-1], instance[1], kind))

    # Play ----------------------------------------------------------------------------------------------------------

    def play(self, number: int, step: Step) -> None:
        """Set off a step, without waiting for what comes of it."""
        match step:
            case Pass() | Quit():
                if isinstance(step, Quit):
                    otp.send_exit(self.refs[(self.tree.id,), 1], otp.ExitReason(step.reason))
            case Ask(at=at, request=request):
                self._ask(self.running[at], request, number)
            case Strike(at=at, ids=ids, ways=ways):
                for child_id, way in zip(ids, ways, strict=True):
                    self._strike(self.running[(*at, child_id)], way)
            case Disturb(at=at):
                otp.send_exit(self.running[at], otp.SHUTDOWN, self._stranger)
                self.running[at].tell("what is this?")

    def _strike(self, ref: otp.Ref, way: Way) -> None:
        if way == "kill":
            self.write_end(self._instance_of(ref), otp.KILLED)  # its supervisor knows before this thread goes on
            otp.send_exit(ref, otp.KILL)
        elif way == "crash":
            ref.tell(lambda _: throw(BoomError("struck")))
        else:
            ref.tell(lambda actor: actor.exit(LEAVING[way]))

    def _ask(self, supervisor: otp.Ref, request: Request | Quit, tag: Any) -> None:
        """Send a request; its answer is written down under its tag, in the model's words."""
        if isinstance(request, Quit):
            # As from outside of all actors, though the supervisor's own start asks for it.
            supervisor.actor_inbox.put_signal(ExitSignal(None, otp.ExitReason(request.reason)))
            return

        def write(answer: Any) -> None:
            self.answers.setdefault(tag, in_words(supervisor, answer))

        # As every asker does: watch, and then send. So the end of who is asked is an answer, too.
        self.lab.system.on_down(supervisor, lambda down: write(down.reason))
        supervisor.tell(otp.Call(self._request(supervisor, request), write, write))

    def _request(self, supervisor: otp.Ref, request: Request) -> Any:
        keeper = self._instance_of(supervisor)
        match request:
            case StartChild(child=child):
                return otp.StartChild(self._spec(child, keeper))
            case TerminateChild(id=child_id):
                ref = self.running.get((*keeper[0], child_id))
                return otp.TerminateChild(ref if is_dynamic(supervisor) and ref is not None else child_id)
            case RestartChild(id=child_id):
                return otp.RestartChild(child_id)
            case DeleteChild(id=child_id):
                return otp.DeleteChild(child_id)
            case WhichChildren():
                return otp.WhichChildren()
            case CountChildren():
                return otp.CountChildren()

    def _instance_of(self, wanted: otp.Ref) -> Instance:
        return next(instance for instance, ref in self.refs.items() if ref is wanted)

    def rest(self, now_s: float) -> None:
        """Wait until everything has come to rest; in virtual time, that is at `now_s`."""
        self.lab.settle()
        if isinstance(self.lab.system, otp.SimulatedSystem):
            self.lab.system.advance_to(round(now_s * NS_PER_S))


def is_dynamic(ref: otp.Ref) -> bool:
    """Say whether somebody is a dynamic supervisor, or was one."""
    return issubclass(ref.actor_class, DynamicMember)


def in_words(supervisor: otp.Ref, answer: Any) -> Any:
    match answer:
        case otp.ChildStarted():
            return "started"
        case otp.ChildIgnored():
            return "ignored"
        case otp.Done():
            return "done"
        case otp.SupervisorError(kind=kind):
            return kind
        case otp.ExitReason(kind=kind):
            return ("died", kind)
        case otp.ChildCounts():
            return (answer.specs, answer.active, answer.supervisors, answer.workers)
        case tuple() if is_dynamic(supervisor):
            return sorted((info.state.value, info.type) for info in answer)
        case tuple():
            return [(info.id, info.state.value, info.type) for info in answer]
    return answer
