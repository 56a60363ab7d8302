"""What a mapper is given: it puts the source of the moment into clusters, as many as it likes, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from naive_daemon.redflow.cluster import Cluster, ClusterData, Niches
from naive_daemon.redflow.errors import MapperError
from naive_daemon.redflow.source import Source, SourceData

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from naive_daemon.redflow.flow import RedFlow


_Look: TypeAlias = tuple[Cluster[Any, Any], Any, bool]
"""A cluster, and what its data was and whether it stayed."""


class Creator(Generic[SourceData, ClusterData]):
    """Finds or makes clusters in one niche for one source, while the mapper of its level runs.

    A graph has one, as no mapper runs inside another. `changes`: what mappers have made of clusters that others are in,
    where it is to be noted.
    """

    __slots__ = ("_flow", "_found", "_looks", "_niches", "_parent", "_source", "changes")

    def __init__(self) -> None:
        self.changes: list[Change] | None = None
        self._looks: list[_Look] = []
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
            _join(source, cluster)
            self._found.append(cluster)
            if not is_new:
                self._looks.append((cluster, cluster.data, cluster.stays))
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
            if self._looks:
                self._look_again()
        if answer is not None:
            raise MapperError(
                f"level {flow.name!r}, {source!r}: the mapper returned {answer!r}; it calls creator.create_or_get(id)"
            )
        return found

    def _look_again(self) -> None:
        for cluster, data, stays in self._looks:
            if (cluster.data is not data or cluster.stays is not stays) and self.changes is not None:
                self.changes.append(Change(cluster, data, stays=stays))
        self._looks.clear()

    def _create(self, key: Hashable, flow: RedFlow[SourceData, ClusterData]) -> Cluster[SourceData, ClusterData]:
        hash(key)
        cluster = Cluster(key, flow, self._parent, self._source.number)
        self._niches.setdefault(flow, {})[key] = cluster
        flow.count += 1
        return cluster


class Change:
    """What a mapper has made of a cluster that others are in, too."""

    __slots__ = ("_after", "_before", "_cluster")

    def __init__(self, cluster: Cluster[Any, Any], data: Any, *, stays: bool) -> None:
        self._cluster = cluster
        self._before = data, stays
        self._after = cluster.data, cluster.stays

    def take_back(self) -> None:
        """Make the cluster what it was, unless somebody else has changed it since."""
        cluster = self._cluster
        if cluster.data is self._after[0] and cluster.stays is self._after[1]:
            cluster.data, cluster.stays = self._before


def take_back(changes: Sequence[Change]) -> None:
    """Take changes back, the last first."""
    for change in reversed(changes):
        change.take_back()


def _join(source: Source[SourceData], cluster: Cluster[SourceData, Any]) -> None:
    """Have a source know that it is in a cluster, below which it is in none yet."""
    known, parent = source.memberships, cluster.parent
    if known is (() if parent is None else parent.path):
        source.memberships = cluster.path
    elif isinstance(known, list):
        known.append(cluster)
    else:
        source.memberships = [*known, cluster]
