"""What a mapper is given: it puts the source of the moment into clusters, as many as it likes, or none."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic

from naive_daemon.redflow.cluster import Cluster, ClusterData, Niches
from naive_daemon.redflow.errors import MapperError
from naive_daemon.redflow.source import Source, SourceData

if TYPE_CHECKING:
    from collections.abc import Hashable

    from naive_daemon.redflow.flow import RedFlow


_by_depth = attrgetter("depth")


class Creator(Generic[SourceData, ClusterData]):
    """Finds or makes clusters in one niche for one source, while the mapper of its level runs.

    A graph has one, as no mapper runs inside another.
    """

    __slots__ = ("_flow", "_found", "_niches", "_parent", "_source")

    def __init__(self) -> None:
        self._flow: RedFlow[SourceData, ClusterData] | None = None
        self._source: Source[SourceData]
        self._parent: Cluster[SourceData, Any] | None
        self._niches: Niches[SourceData]
        self._found: list[Cluster[SourceData, Any]]

    @property
    def is_open(self) -> bool:
        """Whether a mapper is running."""
        return self._flow is not None

    def create_or_get(self, id: Hashable) -> tuple[bool, Cluster[SourceData, ClusterData]]:  # noqa: A002 (what it is)
        """Put the source into the cluster with this id; gives whether that is new, and the cluster.

        Raises MapperError for an id that can not be hashed, and when no mapper is running.
        """
        flow = self._flow
        if flow is None:
            raise MapperError("a creator serves while its mapper runs, and not afterwards")
        niche = self._niches.get(flow)
        try:
            cluster = niche.get(id) if niche else None
            is_new = cluster is None
            if cluster is None:
                cluster = self._create(id, flow)
        except TypeError as error:
            raise MapperError(f"{id!r} can not be the id of a cluster: {error}") from error
        source = self._source
        if source.id not in cluster.members:
            cluster.members[source.id] = source
            source.memberships = _joined(source.memberships, cluster)
            self._found.append(cluster)
        return is_new, cluster

    def map(
        self,
        flow: RedFlow[SourceData, Any],
        source: Source[SourceData],
        parent: Cluster[SourceData, Any] | None,
    ) -> list[Cluster[SourceData, Any]]:
        """Let a level's mapper place the source below `parent`; gives the clusters that it chose, in that order.

        Raises MapperError, with the source in whatever the mapper had chosen by then.
        """
        found: list[Cluster[SourceData, Any]] = []
        self._flow, self._source, self._parent, self._found = flow, source, parent, found
        self._niches = flow.top if parent is None else parent.below
        try:
            answer: object = flow.mapper(source, self, parent)
        except Exception as error:
            raise MapperError(f"level {flow.name!r}, {source!r}: the mapper raised {error!r}") from error
        finally:
            self._flow = None
            del self._source, self._parent, self._niches, self._found
        if answer is not None:
            raise MapperError(
                f"level {flow.name!r}, {source!r}: the mapper returned {answer!r}; it calls creator.create_or_get(id)"
            )
        return found

    def _create(self, key: Hashable, flow: RedFlow[SourceData, ClusterData]) -> Cluster[SourceData, ClusterData]:
        hash(key)
        cluster = Cluster(key, flow, self._parent, self._source.number)
        self._niches.setdefault(flow, {})[key] = cluster
        flow.count += 1
        return cluster


def _joined(
    memberships: tuple[Cluster[SourceData, Any], ...], cluster: Cluster[SourceData, Any]
) -> tuple[Cluster[SourceData, Any], ...]:
    parent = cluster.parent
    if memberships is (() if parent is None else parent.path):
        return cluster.path
    return tuple(sorted((*memberships, cluster), key=_by_depth))
