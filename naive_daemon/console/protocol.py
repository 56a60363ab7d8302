"""What is said over the console's socket: one request a connection, one JSON line each way, or a line for each event.

A line is `{"version": 1, "body": {"kind": …}}`. A client and a server of different versions refuse each other in a
typed answer. Whatever a daemon shows has no secrets in it any more: `otp/description.py` has taken them out.
"""

from typing import Annotated, Literal, TypeVar

import msgspec

from naive_daemon.account.view import AccountView
from naive_daemon.cache.database import CacheHealth
from naive_daemon.execution.messages import JournalHealth
from naive_daemon.market.flow import DEPTH_MAX, SHOWN_MAX
from naive_daemon.otp import (
    BUSIEST_MAX,
    SUSPEND_DEFAULT_S,
    SUSPEND_MAX_S,
    TRACE_COUNT_DEFAULT,
    TRACE_COUNT_MAX,
    TRACE_TIME_DEFAULT_S,
    TRACE_TIME_MAX_S,
    TREE_DEPTH_MAX,
    ActorView,
    LoadOrder,
    SystemHealth,
    SystemLoad,
    TraceEnding,
    TraceEvent,
    Tree,
)
from naive_daemon.redflow import GraphView
from naive_daemon.trading.symbol_record import SymbolView

VERSION = 1
SOCKET_NAME = "console.sock"
REQUEST_BYTES_MAX = 16 * 1024
ANSWER_BYTES_MAX = 64 * 1024 * 1024
INTERVAL_MAX_S = 10.0
RECONCILE_TIMEOUT_S = 60.0
"""So long may an exchange take to tell what the daemon asks it, one order after the other."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class AskTree(msgspec.Struct, frozen=True, tag_field="kind", tag="tree"):
    """Show the tree, or that below one actor; answered by TreeShown."""

    name: Name | None = None
    depth: Annotated[int, msgspec.Meta(ge=1, le=TREE_DEPTH_MAX)] = TREE_DEPTH_MAX


class AskLoad(msgspec.Struct, frozen=True, tag_field="kind", tag="load"):
    """Measure for `interval_s` who has the work; answered by LoadShown after that time."""

    interval_s: Annotated[float, msgspec.Meta(gt=0, le=INTERVAL_MAX_S)] = 1.0
    order: LoadOrder = "rate"
    count: Annotated[int, msgspec.Meta(ge=1, le=BUSIEST_MAX)] = 20


class AskHealth(msgspec.Struct, frozen=True, tag_field="kind", tag="health"):
    """Say how the runtime is; answered by HealthShown."""


class AskCondition(msgspec.Struct, frozen=True, tag_field="kind", tag="condition"):
    """Say what the daemon does without, and what its symbols do; answered by ConditionShown."""


class AskActor(msgspec.Struct, frozen=True, tag_field="kind", tag="actor"):
    """Show one actor in detail; answered by ActorShown."""

    name: Name


class AskTrace(msgspec.Struct, frozen=True, tag_field="kind", tag="trace"):
    """Show an actor's messages as they come; answered by any number of Traced, then TraceEnded."""

    name: Name
    count: Annotated[int, msgspec.Meta(ge=1, le=TRACE_COUNT_MAX)] = TRACE_COUNT_DEFAULT
    time_s: Annotated[float, msgspec.Meta(gt=0, le=TRACE_TIME_MAX_S)] = TRACE_TIME_DEFAULT_S


class SuspendActor(msgspec.Struct, frozen=True, tag_field="kind", tag="suspend"):
    """Let an actor handle nothing for a while; answered by Told."""

    name: Name
    for_s: Annotated[float, msgspec.Meta(gt=0, le=SUSPEND_MAX_S)] = SUSPEND_DEFAULT_S


class ResumeActor(msgspec.Struct, frozen=True, tag_field="kind", tag="resume"):
    """Let a suspended actor go on; answered by Told."""

    name: Name


class AskReconcile(msgspec.Struct, frozen=True, tag_field="kind", tag="reconcile"):
    """Compare journal and exchange now, for the daemon's account or the one named; answered by Reconciled."""

    account: Name | None = None


class AskAccount(msgspec.Struct, frozen=True, tag_field="kind", tag="account"):
    """Show what the daemon's account has, or the one named; answered by AccountShown."""

    account: Name | None = None


class AskFlow(msgspec.Struct, frozen=True, tag_field="kind", tag="flow"):
    """Show what works share, of all symbols or of one, so many levels deep; answered by FlowShown.

    Fewer levels are shown where there would be more than `shown_max` clusters.
    """

    symbol: Name | None = None
    depth: Annotated[int, msgspec.Meta(ge=1, le=DEPTH_MAX)] = DEPTH_MAX
    shown_max: Annotated[int, msgspec.Meta(ge=1, le=SHOWN_MAX)] = SHOWN_MAX


Request = (
    AskTree
    | AskLoad
    | AskHealth
    | AskCondition
    | AskActor
    | AskTrace
    | SuspendActor
    | ResumeActor
    | AskReconcile
    | AskAccount
    | AskFlow
)


class TreeShown(msgspec.Struct, frozen=True, tag_field="kind", tag="tree"):
    """The tree."""

    tree: Tree


class LoadShown(msgspec.Struct, frozen=True, tag_field="kind", tag="load"):
    """Who has the work; `rss_bytes`: resident memory of the daemon's process."""

    load: SystemLoad
    rss_bytes: int


class HealthShown(msgspec.Struct, frozen=True, tag_field="kind", tag="health"):
    """How the runtime is; `rss_bytes`: resident memory of the daemon's process, `pid` its number."""

    health: SystemHealth
    rss_bytes: int
    pid: int


class ConditionShown(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="condition"):
    """How journal and cache are (None: being started, or not there), and all symbols that the daemon knows."""

    pid: int
    journal: JournalHealth | None
    cache: CacheHealth | None
    symbols: tuple[SymbolView, ...]


class ActorShown(msgspec.Struct, frozen=True, tag_field="kind", tag="actor"):
    """One actor in detail."""

    view: ActorView


class Traced(msgspec.Struct, frozen=True, tag_field="kind", tag="traced"):
    """One message of a traced actor."""

    event: TraceEvent


class TraceEnded(msgspec.Struct, frozen=True, tag_field="kind", tag="trace ended"):
    """A trace is over, and why."""

    ending: TraceEnding


class Told(msgspec.Struct, frozen=True, tag_field="kind", tag="told"):
    """An actor was told to rest or to go on. `is_busy`: it is in a handler, and does so as soon as it comes back."""

    name: str
    number: int
    is_busy: bool


class DifferenceShown(msgspec.Struct, frozen=True):
    """One order of which journal and exchange did not say the same, and what each said."""

    kind: str
    symbol: str
    order: str
    journal: str
    exchange: str


class Reconciled(msgspec.Struct, frozen=True, tag_field="kind", tag="reconciled"):
    """Journal and exchange were compared: live orders on both sides, orders of others, orphans that were adopted."""

    account: str
    differences: tuple[DifferenceShown, ...]
    live_here: int
    live_there: int
    foreign: int
    orphans: int


class AccountShown(msgspec.Struct, frozen=True, tag_field="kind", tag="account"):
    """What an account has now."""

    view: AccountView


class FlowShown(msgspec.Struct, frozen=True, tag_field="kind", tag="flow"):
    """The graph of all works, or of one symbol's; a cluster's data is a ClusterShown, or nothing."""

    graph: GraphView


class Refused(msgspec.Struct, frozen=True, tag_field="kind", tag="refused"):
    """Why there is no answer; `nearest`: names that may have been meant, or numbers of those that bear the name."""

    why: Literal[
        "unknown actor", "actor ended", "actor busy", "traced already", "top actor", "must not rest",
        "unknown account", "account silent", "unknown symbol", "flow silent",
        "not reconciled", "bad request", "too many", "version",
    ]  # fmt: skip
    message: str
    nearest: tuple[str, ...] = ()


Answer = (
    TreeShown
    | LoadShown
    | HealthShown
    | ConditionShown
    | ActorShown
    | Traced
    | TraceEnded
    | Told
    | Reconciled
    | AccountShown
    | FlowShown
    | Refused
)


def is_last(answer: Answer) -> bool:
    """Say whether nothing follows after an answer, by what it is: all but the messages of a trace."""
    return not isinstance(answer, Traced)


Body = TypeVar("Body")


class _Line(msgspec.Struct, frozen=True):
    version: int
    body: msgspec.Raw


class VersionMismatchError(ValueError):
    """The other side speaks another version."""


class BadLineError(ValueError):
    """A line is no JSON, or not what was expected."""


def encode(body: Request | Answer) -> bytes:
    """Give the line of a request or an answer."""
    return msgspec.json.encode(_Line(VERSION, msgspec.Raw(msgspec.json.encode(body)))) + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a request; raises VersionMismatchError, BadLineError."""
    return _decode(line, _REQUESTS)


def decode_answer(line: bytes) -> Answer:
    """Read an answer; raises VersionMismatchError, BadLineError."""
    return _decode(line, _ANSWERS)


def _decode(line: bytes, decoder: "msgspec.json.Decoder[Body]") -> Body:
    try:
        outer = _LINES.decode(line)
        if outer.version != VERSION:
            raise VersionMismatchError(f"version {outer.version} is spoken there, version {VERSION} here")
        return decoder.decode(outer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLineError(str(error)) from None


_LINES: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)
_REQUESTS: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_ANSWERS: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
