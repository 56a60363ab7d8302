"""Erlang/OTP supervision on pykka actors. Knows nothing of trading, and imports nothing of it.

Start at `actor.py` (a process), `supervisor.py` and `dynamic_supervisor.py` (who restarts it), `system.py` (where it
runs). "OTP rule n" in docstrings numbers the rules of Erlang/OTP's documented behaviour that this package keeps.
"""

from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.call import Call
from naive_daemon.otp.child_spec import BRUTAL_KILL, INFINITY, ChildSpec, ChildType, Restart
from naive_daemon.otp.deadlock import DeadlockError
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
from naive_daemon.otp.flags import AutoShutdown, Strategy
from naive_daemon.otp.intensity import Intensity
from naive_daemon.otp.messages import DEFERRED, IGNORE, Continue, Deferred, Down, Exited, Ignore, RequestFailed
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
from naive_daemon.otp.simulation import SimulatedSystem
from naive_daemon.otp.supervisor import Supervisor
from naive_daemon.otp.supervisor_process import SupervisorProcess
from naive_daemon.otp.system import ActorSystem
from naive_daemon.otp.task import Task, task_spec
from naive_daemon.otp.timers import Timer, TooManyTimersError

__all__ = [
    "BRUTAL_KILL",
    "DEFERRED",
    "IGNORE",
    "INFINITY",
    "KILL",
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "Actor",
    "ActorDiedError",
    "ActorExit",
    "ActorSystem",
    "AutoShutdown",
    "Call",
    "ChildCounts",
    "ChildIgnored",
    "ChildInfo",
    "ChildSpec",
    "ChildStarted",
    "ChildState",
    "ChildType",
    "Continue",
    "CountChildren",
    "DeadlockError",
    "Deferred",
    "DeleteChild",
    "Done",
    "Down",
    "DuplicateRegistry",
    "DynamicSupervisor",
    "Entry",
    "ExitReason",
    "Exited",
    "FailedToStartChild",
    "GetChildSpec",
    "Ignore",
    "Intensity",
    "PubSub",
    "Ref",
    "Registry",
    "RequestFailed",
    "Restart",
    "RestartChild",
    "SimulatedSystem",
    "StartChild",
    "StartFailedError",
    "Strategy",
    "Supervisor",
    "SupervisorError",
    "SupervisorProcess",
    "Task",
    "TerminateChild",
    "Timer",
    "TooManyTimersError",
    "WhichChildren",
    "crash",
    "send_exit",
    "shutdown",
    "task_spec",
]
