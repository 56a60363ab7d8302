"""RedFlow: group what needs the same resource, run each resource once, at many levels, while elements come and go.

Knows nothing of trading, and imports nothing of it. Start at `flow.py` (a level), `cluster.py` and `source.py`;
`collection.py` adds and removes. `docs/redflow.md` has the concepts and an example.
"""

from naive_daemon.redflow.cluster import Cluster
from naive_daemon.redflow.creator import Creator
from naive_daemon.redflow.errors import (
    CallbackError,
    ClusterError,
    LinkError,
    MapperError,
    RedFlowError,
    SignatureError,
    SourceError,
)
from naive_daemon.redflow.executors import Execution, Executor, Executors
from naive_daemon.redflow.flow import Mapper, OnClusterDetach, OnSourceAdd, RedFlow
from naive_daemon.redflow.initiate import Nested, initiate
from naive_daemon.redflow.signature import canonical, signature
from naive_daemon.redflow.source import Source
from naive_daemon.redflow.view import ClusterView, GraphView, LevelView, graph_of, print_graph

__all__ = [
    "CallbackError",
    "Cluster",
    "ClusterError",
    "ClusterView",
    "Creator",
    "Execution",
    "Executor",
    "Executors",
    "GraphView",
    "LevelView",
    "LinkError",
    "Mapper",
    "MapperError",
    "Nested",
    "OnClusterDetach",
    "OnSourceAdd",
    "RedFlow",
    "RedFlowError",
    "SignatureError",
    "Source",
    "SourceError",
    "canonical",
    "graph_of",
    "initiate",
    "print_graph",
    "signature",
]
