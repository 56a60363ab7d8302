"""Runs functions on clusters: on those that are there when it begins, less those that are detached meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from naive_daemon.redflow.errors import LinkError
from naive_daemon.redflow.source import SourceData

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from naive_daemon.redflow.cluster import Cluster
    from naive_daemon.redflow.flow import RedFlow

Result = TypeVar("Result")

Execution = Callable[[Any, Any, Any, Any, dict[str, Any]], Result]
"""Called with (cluster, parent cluster, executors, flow, ctx)."""


def run(clusters: Iterable[Cluster[Any, Any]], fn: Execution[Result]) -> list[Result]:
    """Run `fn` on each that is still attached when its turn comes; what it raises ends the execution."""
    return [
        fn(cluster, cluster.parent, cluster.executors, cluster.flow, cluster.ctx)
        for cluster in tuple(clusters)
        if cluster.is_attached
    ]


class Executor(Generic[SourceData]):
    """Runs on the clusters of one level below one cluster."""

    __slots__ = ("_cluster", "_flow")

    def __init__(self, flow: RedFlow[SourceData, Any], cluster: Cluster[SourceData, Any]) -> None:
        self._flow = flow
        self._cluster = cluster

    def exec(self, fn: Execution[Result]) -> list[Result]:
        """Run `fn` on each of them; gives what it returned, in the order in which the clusters came."""
        return self._flow.exec_on_parent(self._cluster, fn)


class Executors(Generic[SourceData]):
    """The executors of a cluster, by the names of the levels below: `executors.decision`, `executors["decision"]`."""

    __slots__ = ("_cluster",)

    def __init__(self, cluster: Cluster[SourceData, Any]) -> None:
        self._cluster = cluster

    def __getitem__(self, name: str) -> Executor[SourceData]:
        return Executor(self._cluster.flow.child(name), self._cluster)

    def __getattr__(self, name: str) -> Executor[SourceData]:
        try:
            return self[name]
        except LinkError as error:
            raise AttributeError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._cluster.flow.children))
