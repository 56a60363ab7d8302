"""Who acts in the golden program, and the deeds that they do one after another, each at its own pace."""

import itertools
from typing import Any, ClassVar

import msgspec

from naive_daemon.otp import (
    DEFERRED,
    KILL,
    NORMAL,
    SHUTDOWN,
    Actor,
    ChildSpec,
    Continue,
    CountChildren,
    Deferred,
    DeleteChild,
    ExitReason,
    GetChildSpec,
    Ignore,
    Ref,
    Restart,
    RestartChild,
    StartChild,
    Task,
    TerminateChild,
    WhichChildren,
    send_exit,
    shutdown,
    task_spec,
)
from naive_daemon.otp.mailbox_policy import KeepNewest, MailboxPolicy, SlowDown
from tests.otp.golden_values import Parcel, values

MEMBERS = 9
TOPIC = "news"


class Question(msgspec.Struct, frozen=True):
    number: int


class Deed(msgspec.Struct, frozen=True):
    pass


class Member(Actor):
    """Does a deed now and then, and takes whatever comes of those of others."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.seat = number
        self.deeds = 0
        self.late: Any = None

    def init(self) -> Continue | Ignore | Deferred | None:
        self.subscribe(TOPIC)
        self.pause()
        return Continue("on my way") if self.seat % 2 else None

    def pause(self) -> None:
        self.send_after(0.1 + 0.01 * (self.seat % 3), Deed())

    def on_receive(self, message: Any) -> Any:
        match message:
            case Deed():
                self.pause()
                self.deeds += 1
                deed = DEEDS[(self.seat * 5 + self.deeds + self.number) % len(DEEDS)]
                deed(self)
            case Question(number) if number % 3 == 0:
                self.late = self.caller()
                self.send_after(0.3, ("answer", number))
                return DEFERRED
            case Question(number) if number % 7 == 0:
                raise LookupError(number)
            case Question(number):
                return Parcel(number)
            case "answer", number:
                self.late.reply(number)
        return None

    def on_idle(self) -> None:
        self.system.pubsub.publish(TOPIC, ("idle", self.seat))

    def on_congested(self, ref: Ref) -> None:
        self.system.pubsub.publish(TOPIC, ("slow", ref))

    def on_terminate(self, reason: ExitReason) -> None:
        self.system.pubsub.publish(TOPIC, ("bye", self.seat, reason))

    def other(self, distance: int) -> Ref | None:
        return self.system.whereis(("member", (self.seat + distance) % MEMBERS))

    def tell_all(self, answer: Any) -> None:
        self.system.pubsub.publish(TOPIC, answer)

    def ask(self, name: Any, message: Any, timeout_s: float = 1.0) -> None:
        self.request(self.system.whereis(name), message, self.tell_all, timeout_s)


class Trapping(Member):
    """Gets exits as messages."""

    traps_exit = True


class Batching(Member):
    """Takes what has gathered at once."""

    batches = True

    def on_batch(self, messages: list[Any]) -> None:
        for message in messages:
            self.on_receive(message)


class Stubborn(Member):
    """Ends by a kill only."""

    def _on_parent_exit(self, reason: ExitReason) -> None:
        self.system.pubsub.publish(TOPIC, ("no", reason))


class Narrow(Actor):
    """Has room for three messages before it tells the sender to slow down."""

    mailbox: ClassVar[MailboxPolicy] = SlowDown(3, 1_000)

    def on_receive(self, message: Any) -> Any:
        return None


class Newest(Narrow):
    """Keeps the newest of each kind."""

    mailbox: ClassVar[MailboxPolicy] = KeepNewest(lambda message: type(message).__name__, 3)


class Slow(Actor):
    """Has started half a second after it began, but for the very first start, for which the clock does not move."""

    def init(self) -> Deferred:
        if self.system.clock.now_ns() == 0:
            self.ref.tell("ready")
        else:
            self.send_after(0.5, "ready")
        return DEFERRED

    def on_receive(self, message: Any) -> None:
        if message == "ready":
            self.acknowledge_start({"at": self.system.clock.now_ns()})


# Deeds ------------------------------------------------------------------------------------------------------------


def send_parcels(member: Member) -> None:
    other, contents = member.other(1), values(member)
    if other is not None:
        for number in range(3):
            content = contents[(3 * member.number + 17 * member.deeds + number) % len(contents)]
            other.tell(Parcel(content, frozenset({"b", "a"})))


def bind(member: Member) -> None:
    other = member.other(1)
    if other is not None:
        member.link(other)
        member.monitor(other)


def unbind(member: Member) -> None:
    for ref in member.linked():
        member.unlink(ref)
    for number in tuple(member._monitored)[:1]:
        member.demonitor(number)


def end(member: Member) -> None:
    member.exit((NORMAL, SHUTDOWN, shutdown({"why": member.seat}), ExitReason("odd", 7))[member.number % 4])


def crash(member: Member) -> None:
    raise (ZeroDivisionError, SystemExit, RuntimeError)[member.number % 3]


def send_away(member: Member) -> None:
    other = member.other(2)
    if other is not None:
        send_exit(other, (NORMAL, SHUTDOWN, KILL, ExitReason("odd"))[member.number % 4], member.ref)


def ask(member: Member) -> None:
    number = member.number + member.deeds
    member.ask(("member", (member.seat + 1) % MEMBERS), Question(number), timeout_s=0.2)
    member.ask("nobody", Question(number))


def flood(member: Member) -> None:
    for name in ("narrow", "newest"):
        ref = member.system.whereis(name)
        for number in range(6):
            if ref is not None:
                ref.tell(number)


def start_guest(member: Member) -> None:
    kind, shutdown_s = (Batching, None) if member.number % 2 else (Stubborn, 0.05)
    spec = member_spec(MEMBERS, kind, restart=Restart.TEMPORARY, name=None, shutdown_s=shutdown_s)
    member.ask("visitors", StartChild(spec))
    member.ask("guests", StartChild(task_spec("task", say_hello)))


def say_hello(task: Task) -> None:
    task.system.pubsub.publish(TOPIC, task.ref)


def end_guest(member: Member) -> None:
    def choose(infos: Any) -> None:
        if isinstance(infos, tuple) and infos:
            member.ask("visitors", TerminateChild(infos[-1].ref))

    member.request(member.system.whereis("visitors"), WhichChildren(), choose)


def change_group(member: Member) -> None:
    requests = (TerminateChild(member.seat), RestartChild(7), TerminateChild(7), DeleteChild(7), GetChildSpec(7))
    for group in ("all", "rest", "one"):
        member.ask(group, requests[member.number % len(requests)])


def look_around(member: Member) -> None:
    for group, question in itertools.product(("all", "visitors"), (WhichChildren(), CountChildren())):
        member.ask(group, question)


def wait_in_silence(member: Member) -> None:
    member.unsubscribe(TOPIC)
    member.idle_after(0.05)
    member.register(("alias", member.seat % 2))


def change_mind(member: Member) -> None:
    member.send_after(0.5, "never").cancel()
    member.unregister(("alias", member.seat % 2))


DEEDS = (
    send_parcels, bind, ask, look_around, flood, wait_in_silence, send_parcels, start_guest, crash, change_mind,
    change_group, end_guest, bind, ask, send_parcels, send_away, unbind, end,
)  # fmt: skip


def member_spec(number: int, kind: type[Member] = Member, **fields: Any) -> ChildSpec:
    """Give the spec of a member, by default one that others find by its name."""
    fields.setdefault("name", ("member", number))
    return ChildSpec(id=number, start=lambda *_: kind(number), **fields)
