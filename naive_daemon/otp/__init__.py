"""Erlang/OTP supervision on pykka actors. Knows nothing of trading, and imports nothing of it.

Start at `actor.py` (a process), `supervisor.py` and `dynamic_supervisor.py` (who restarts it), `system.py` (where it
runs). "OTP rule n" in docstrings numbers the rules of Erlang/OTP's documented behaviour that this package keeps.
"""

from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.actor_trace import COUNT_DEFAULT as TRACE_COUNT_DEFAULT
from naive_daemon.otp.actor_trace import COUNT_MAX as TRACE_COUNT_MAX
from naive_daemon.otp.actor_trace import TIME_DEFAULT_S as TRACE_TIME_DEFAULT_S
from naive_daemon.otp.actor_trace import TIME_MAX_S as TRACE_TIME_MAX_S
from naive_daemon.otp.actor_trace import ActorTrace, AlreadyTracedError, TraceEvent
from naive_daemon.otp.actor_trace import Ending as TraceEnding
from naive_daemon.otp.actor_view import (
    LOOK_TIMEOUT_S,
    SUSPEND_DEFAULT_S,
    SUSPEND_MAX_S,
    ActorView,
    resume,
    suspend,
    view,
)
from naive_daemon.otp.call import Call
from naive_daemon.otp.census import PLACES_MAX as CENSUS_PLACES_MAX
from naive_daemon.otp.census import Census, CensusTaker
from naive_daemon.otp.child_spec import BRUTAL_KILL, INFINITY, ChildSpec, ChildType, Restart
from naive_daemon.otp.clock import Clock, MovableClock
from naive_daemon.otp.crash_report import tell_reason
from naive_daemon.otp.deadlock import DeadlockError, LivelockError
from naive_daemon.otp.description import describe
from naive_daemon.otp.dynamic_supervisor import DynamicSupervisor
from naive_daemon.otp.exit import (
    KILL,
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    ActorDiedError,
    ActorExit,
    ExitReason,
    StartFailedError,
    crash,
    shutdown,
)
from naive_daemon.otp.faults import (
    Busy,
    Crash,
    Delay,
    Drop,
    Fault,
    Faults,
    InjectedError,
    Kill,
    RandomFaults,
    Reorder,
    Step,
)
from naive_daemon.otp.flags import AutoShutdown, Strategy
from naive_daemon.otp.garbage import rare_collections
from naive_daemon.otp.inspection import DEPTH_MAX as TREE_DEPTH_MAX
from naive_daemon.otp.inspection import Node, NodeState, NotFoundError, Place, Tree, find, node_of, tree
from naive_daemon.otp.intensity import Intensity
from naive_daemon.otp.load import BUSIEST_MAX, LoadMeter, SystemHealth, SystemLoad, health
from naive_daemon.otp.load import Order as LoadOrder
from naive_daemon.otp.mailbox_policy import KeepNewest, SlowDown
from naive_daemon.otp.messages import DEFERRED, IGNORE, Continue, Deferred, Down, Exited, Ignore, RequestFailed
from naive_daemon.otp.pool import PoolHealth, StuckActor
from naive_daemon.otp.pubsub import PubSub
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.registry import DuplicateRegistry, Entry, Registry
from naive_daemon.otp.requests import (
    ChildCounts,
    ChildIgnored,
    ChildInfo,
    ChildStarted,
    ChildState,
    CountChildren,
    DeleteChild,
    Done,
    FailedToStartChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    SupervisorError,
    TerminateChild,
    WhichChildren,
)
from naive_daemon.otp.secret import HIDDEN, hide_secrets, names_secret
from naive_daemon.otp.simulation import SimulatedSystem
from naive_daemon.otp.supervisor import Supervisor
from naive_daemon.otp.supervisor_process import SupervisorProcess
from naive_daemon.otp.suspension import SuspensionRefusedError
from naive_daemon.otp.system import ActorSystem
from naive_daemon.otp.task import Task, task_spec
from naive_daemon.otp.timers import Timer, TooManyTimersError
from naive_daemon.otp.trace import Replay, ReplayDivergedError, ReplayStopped, TraceFile, TraceSink, TraceTail

__all__ = [
    "BRUTAL_KILL",
    "BUSIEST_MAX",
    "CENSUS_PLACES_MAX",
    "DEFERRED",
    "HIDDEN",
    "IGNORE",
    "INFINITY",
    "KILL",
    "KILLED",
    "LOOK_TIMEOUT_S",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "SUSPEND_DEFAULT_S",
    "SUSPEND_MAX_S",
    "TRACE_COUNT_DEFAULT",
    "TRACE_COUNT_MAX",
    "TRACE_TIME_DEFAULT_S",
    "TRACE_TIME_MAX_S",
    "TREE_DEPTH_MAX",
    "Actor",
    "ActorDiedError",
    "ActorExit",
    "ActorSystem",
    "ActorTrace",
    "ActorView",
    "AlreadyTracedError",
    "AutoShutdown",
    "Busy",
    "Call",
    "Census",
    "CensusTaker",
    "ChildCounts",
    "ChildIgnored",
    "ChildInfo",
    "ChildSpec",
    "ChildStarted",
    "ChildState",
    "ChildType",
    "Clock",
    "Continue",
    "CountChildren",
    "Crash",
    "DeadlockError",
    "Deferred",
    "Delay",
    "DeleteChild",
    "Done",
    "Down",
    "Drop",
    "DuplicateRegistry",
    "DynamicSupervisor",
    "Entry",
    "ExitReason",
    "Exited",
    "FailedToStartChild",
    "Fault",
    "Faults",
    "GetChildSpec",
    "Ignore",
    "InjectedError",
    "Intensity",
    "KeepNewest",
    "Kill",
    "LivelockError",
    "LoadMeter",
    "LoadOrder",
    "MovableClock",
    "Node",
    "NodeState",
    "NotFoundError",
    "Place",
    "PoolHealth",
    "PubSub",
    "RandomFaults",
    "Ref",
    "Registry",
    "Reorder",
    "Replay",
    "ReplayDivergedError",
    "ReplayStopped",
    "RequestFailed",
    "Restart",
    "RestartChild",
    "SimulatedSystem",
    "SlowDown",
    "StartChild",
    "StartFailedError",
    "Step",
    "Strategy",
    "StuckActor",
    "Supervisor",
    "SupervisorError",
    "SupervisorProcess",
    "SuspensionRefusedError",
    "SystemHealth",
    "SystemLoad",
    "Task",
    "TerminateChild",
    "Timer",
    "TooManyTimersError",
    "TraceEnding",
    "TraceEvent",
    "TraceFile",
    "TraceSink",
    "TraceTail",
    "Tree",
    "WhichChildren",
    "crash",
    "describe",
    "find",
    "health",
    "hide_secrets",
    "names_secret",
    "node_of",
    "rare_collections",
    "resume",
    "send_exit",
    "shutdown",
    "suspend",
    "task_spec",
    "tell_reason",
    "tree",
    "view",
]
