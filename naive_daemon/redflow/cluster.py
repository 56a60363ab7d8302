"""A cluster: the sources of one level that need the same, inside one cluster of the level above."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from naive_daemon.redflow.executors import Executors
from naive_daemon.redflow.source import Source, SourceData

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from naive_daemon.redflow.flow import RedFlow

ClusterData = TypeVar("ClusterData")
Niches: TypeAlias = "dict[RedFlow[SourceData, Any], dict[Hashable, Cluster[SourceData, Any]]]"


class Cluster(Generic[SourceData, ClusterData]):
    """Sources that share what `data` describes and `ctx` holds: resources live in `ctx`, for who runs them.

    `data` is None until the mapper sets it. A cluster that was detached keeps its id, data, ctx and parent, so that
    its resources can be closed; it has no sources any more, and nothing of the graph refers to it.
    """

    __slots__ = (
        "__weakref__",
        "below",
        "clustering_id",
        "ctx",
        "data",
        "depth",
        "flow",
        "is_attached",
        "is_told",
        "made_by",
        "members",
        "parent",
        "path",
        "stays",
    )

    def __init__(
        self,
        clustering_id: Hashable,
        flow: RedFlow[SourceData, ClusterData],
        parent: Cluster[SourceData, Any] | None,
        made_by: int,
    ) -> None:
        self.clustering_id = clustering_id
        self.data: ClusterData = None  # type: ignore[assignment]  # until the mapper says what it is
        self.ctx: dict[str, Any] = {}
        self.parent = parent
        self.path: tuple[Cluster[SourceData, Any], ...] = (self,) if parent is None else (*parent.path, self)
        """The clusters from the first level down to it, itself last; none once it is detached."""
        self.flow = flow
        self.depth = flow.depth
        self.stays = flow.stays
        self.is_attached = True
        self.made_by = made_by
        """The number of the source that it was made for."""
        self.is_told = False
        """Whether its coming was told to on_source_add, so that its going is told to on_cluster_detach."""
        self.members: dict[Hashable, Source[SourceData]] = {}
        self.below: Niches[SourceData] = {}
        """Its niches, by the levels below; none that is empty. Both are written by the collection only."""

    @property
    def sources(self) -> Mapping[Hashable, Source[SourceData]]:
        """Its sources by their ids, in the order in which they came; a live view."""
        return MappingProxyType(self.members)

    @property
    def executors(self) -> Executors[SourceData]:
        """Run something on what is below: `cluster.executors.decision.exec(fn)`."""
        return Executors(self)

    def keep(self) -> None:
        """Let it stay when its last source leaves; whatever it is in stays with it."""
        self.stays = True

    def release(self) -> tuple[Cluster[SourceData, Any], ...]:
        """Let it go with its last source again: at once when it is empty. Gives what was detached, children first."""
        return self.flow.collection.release(self)

    @property
    def is_idle(self) -> bool:
        """Whether nothing holds it in the graph: no source, no mark, and nothing below."""
        return not self.members and not self.stays and not self.below

    def __repr__(self) -> str:
        return f"<Cluster {self.flow.name} {self.clustering_id!r}>"
