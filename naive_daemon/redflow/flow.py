"""One level of a graph: a mapper, its clusters, and levels below it by name. The graph is a tree of levels.

A graph belongs to whoever made it, an actor's state for example: it has no lock, and nothing runs by itself.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic

from naive_daemon.redflow.cluster import Cluster, ClusterData, Niches
from naive_daemon.redflow.collection import SourceCollection
from naive_daemon.redflow.creator import Creator
from naive_daemon.redflow.errors import ClusterError, LinkError
from naive_daemon.redflow.executors import Execution, Result, run
from naive_daemon.redflow.source import Source, SourceData
from naive_daemon.redflow.view import GraphView, graph_of

Mapper = Callable[[Source[SourceData], Creator[SourceData, ClusterData], Any], None]
"""Called with (source, creator, parent cluster); puts the source into clusters by `creator.create_or_get(id)`."""
OnSourceAdd = Callable[[Source[SourceData], Cluster[SourceData, ClusterData], bool], object]
"""Called with (source, cluster, is_new_cluster)."""
OnClusterDetach = Callable[[Cluster[SourceData, ClusterData]], object]


class RedFlow(Generic[SourceData, ClusterData]):
    """One level; what it is given and asks about sources concerns the whole graph.

    `on_source_add` is called when a source has come into a cluster, once for each cluster, parents before children;
    is_new_cluster with the first. `on_cluster_detach` is called once for each cluster that was told to be new and has
    left the graph. With `stays`, the level's clusters stay when they are empty, until they are released.
    """

    def __init__(
        self,
        name: str,
        mapper: Mapper[SourceData, ClusterData],
        *,
        on_source_add: OnSourceAdd[SourceData, ClusterData] | None = None,
        on_cluster_detach: OnClusterDetach[SourceData, ClusterData] | None = None,
        stays: bool = False,
    ) -> None:
        _refuse_name(name)
        self.name = name
        self.mapper = mapper
        self.on_source_add = on_source_add
        self.on_cluster_detach = on_cluster_detach
        self.stays = stays
        self.parent: RedFlow[SourceData, Any] | None = None
        self.depth = 0
        self.count = 0
        """How many clusters the level has."""
        self.top: Niches[SourceData] = {}
        """The one niche of a first level, as a cluster holds its own. Written by the collection only."""
        self.collection: SourceCollection[SourceData] = SourceCollection(self)
        self._children: dict[str, RedFlow[SourceData, Any]] = {}
        self.children: Mapping[str, RedFlow[SourceData, Any]] = MappingProxyType(self._children)
        """The levels below by their names, in the order in which they were linked."""

    # Levels ---------------------------------------------------------------------------------------------------------

    def link_child(self, name: str, child: RedFlow[SourceData, Any]) -> None:
        """Put a level, with all that is linked below it, under this one; `name` is its name from now on.

        In a graph that is initialised its sources are clustered at once. Raises LinkError for a second parent, a
        cycle, a name that is taken or is none, and a child with sources or clusters of its own; what a mapper or
        callback raises, with the child not linked.
        """
        self._refuse_child(name, child)
        for collection in (self.collection, child.collection):
            collection.refuse_in_mapper()
            collection.refuse_while_adding()
        former_name, child.name, child.parent = child.name, name, self
        self._children[name] = child
        below = child.levels()
        for flow in below:
            flow.depth += self.depth + 1
            flow.collection = self.collection
        if self.collection.is_initialised:
            try:
                self.collection.cluster_levels(below)
            except BaseException:
                self.collection.clear_levels(below, then=lambda: self._cut(child, former_name))
                raise

    def link_to_parent(self, name: str, parent: RedFlow[SourceData, Any]) -> None:
        """Put this level under `parent`, as `parent.link_child` does."""
        parent.link_child(name, self)

    def unlink_child(self, name: str) -> tuple[Cluster[SourceData, Any], ...]:
        """Make a level, with all below it, a graph of its own without sources, not initialised.

        Gives the clusters that were detached by that, children before parents. Raises LinkError when there is none.
        """
        child = self.child(name)
        self.collection.refuse_in_mapper()
        self.collection.refuse_while_adding()
        return self.collection.clear_levels(child.levels(), then=lambda: self._cut(child, name))

    def child(self, name: str) -> RedFlow[SourceData, Any]:
        """Find a level below by its name; raises LinkError."""
        child = self._children.get(name)
        if child is None:
            known = ", ".join(self._children) or "none"
            raise LinkError(f"no level {name!r} is linked below {self.name!r}; there are: {known}")
        return child

    def levels(self) -> list[RedFlow[SourceData, Any]]:
        """List this level and all below it, each level before those below it."""
        found: list[RedFlow[SourceData, Any]] = [self]
        for flow in found:  # grows
            found.extend(flow.children.values())
        return found

    # Sources --------------------------------------------------------------------------------------------------------

    def init_flow(self) -> None:
        """Cluster all sources of the graph, level by level; done again, it changes nothing.

        Raises what a mapper or callback raises, with no cluster anywhere and the graph not initialised.
        """
        if self.collection.is_initialised:
            return
        self.collection.refuse_in_mapper()
        self.collection.is_initialised = True
        levels = self.collection.root.levels()
        try:
            self.collection.cluster_levels(levels)
        except BaseException:
            self.collection.clear_levels(levels, then=self.collection.forget_initialisation)
            raise

    def add_sources(self, sources: Iterable[Source[SourceData]]) -> None:
        """Add sources to the graph, one after another; where it is initialised, each is clustered at every level.

        Raises SourceError for an id that is there already, with nothing added. When a mapper or callback raises,
        MapperError or CallbackError: that source is out again, those before it are in, those after it are not.
        """
        self.collection.add(sources)

    def remove_source(self, source: Source[SourceData] | Hashable) -> tuple[Cluster[SourceData, Any], ...]:
        """Take a source out at every level; gives the clusters that were detached, children before parents.

        Raises SourceError when it is not there; CallbackError when on_cluster_detach raised, and all is done.
        """
        return self.collection.remove(source)

    def find(self, id: Hashable) -> Source[SourceData]:  # noqa: A002 (what it is)
        """Find a source of the graph by its id; raises SourceError."""
        return self.collection.find(id)

    @property
    def sources(self) -> Mapping[Hashable, Source[SourceData]]:
        """All sources of the graph by their ids; a live view."""
        return MappingProxyType(self.collection.sources)

    # Clusters -------------------------------------------------------------------------------------------------------

    @property
    def clusters(self) -> tuple[Cluster[SourceData, ClusterData], ...]:
        """All clusters of the level, by their parents, in the order in which they came."""
        return tuple(self.each())

    def niche(
        self, parent_cluster: Cluster[SourceData, Any] | None = None
    ) -> Mapping[Hashable, Cluster[SourceData, ClusterData]]:
        """Give the level's clusters below one cluster of the level above, by their ids; a live view.

        The first level has one niche, below None. Raises ClusterError for a cluster that this level is not below.
        """
        if self.parent is None:
            if parent_cluster is not None:
                raise ClusterError(f"level {self.name!r} is the first, and is not below {parent_cluster!r}")
            return MappingProxyType(self.top.get(self, {}))
        if parent_cluster is None or parent_cluster.flow is not self.parent:
            raise ClusterError(f"level {self.name!r} is below {self.parent.name!r}, and not below {parent_cluster!r}")
        return MappingProxyType(parent_cluster.below.get(self, {}))

    def find_cluster(self, *ids: Hashable) -> Cluster[SourceData, ClusterData]:
        """Find a cluster of this level by the ids of all clusters from the first level down to it.

        Raises ClusterError.
        """
        path = [self]
        while path[0].parent is not None:
            path.insert(0, path[0].parent)
        cluster: Cluster[SourceData, Any] | None = None
        for flow, clustering_id in zip(path, ids, strict=False):
            cluster = flow.niche(cluster).get(clustering_id)
            if cluster is None:
                break
        if cluster is None or len(ids) != len(path):
            raise ClusterError(f"level {self.name!r} has no cluster {' / '.join(map(repr, ids))}")
        return cluster

    def each(self) -> Iterator[Cluster[SourceData, ClusterData]]:
        """Iterate over the clusters of the level; nothing may change meanwhile."""
        if self.parent is None:
            yield from self.top.get(self, {}).values()
        else:
            for cluster in self.parent.each():
                niche = cluster.below.get(self)
                if niche is not None:
                    yield from niche.values()

    # Executions -----------------------------------------------------------------------------------------------------

    def exec(self, fn: Execution[Result]) -> list[Result]:
        """Run `fn(cluster, parent_cluster, executors, flow, ctx)` on each cluster of the level; gives its results.

        It may add and remove sources: it runs on what is there now, less what is detached before its turn.
        """
        return run(self.each(), fn)

    def exec_on_cluster(self, cluster: Cluster[SourceData, ClusterData], fn: Execution[Result]) -> list[Result]:
        """Run `fn` on one cluster of the level; not on one that was detached. Raises ClusterError for another's."""
        if cluster.flow is not self:
            raise ClusterError(f"{cluster!r} is not of level {self.name!r}")
        return run((cluster,), fn)

    def exec_on_parent(self, parent_cluster: Cluster[SourceData, Any], fn: Execution[Result]) -> list[Result]:
        """Run `fn` on the level's clusters below one cluster of the level above."""
        return run(self.niche(parent_cluster).values(), fn)

    def graph(
        self, *, depth: int | None = None, show: Callable[[Cluster[Any, Any]], object] | None = None
    ) -> GraphView:
        """Give this level's clusters and all below them as data; see `graph_of`."""
        return graph_of(self, depth=depth, show=show)

    def __repr__(self) -> str:
        return f"<RedFlow {self.name}: {self.count} clusters>"

    def _cut(self, child: RedFlow[SourceData, Any], name: str) -> None:
        """Take a level off, with all below it; `name` is its name from now on."""
        del self._children[child.name]
        child.name, child.parent = name, None
        own: SourceCollection[SourceData] = SourceCollection(child)
        for flow in child.levels():
            flow.depth -= self.depth + 1
            flow.collection = own

    def _refuse_child(self, name: str, child: RedFlow[SourceData, Any]) -> None:
        _refuse_name(name)
        if name in self._children:
            raise LinkError(f"a level {name!r} is linked below {self.name!r} already")
        if child.parent is not None:
            raise LinkError(f"level {child.name!r} is below {child.parent.name!r} already; a level has one parent")
        if child is self.collection.root:
            raise LinkError(f"level {child.name!r} is above {self.name!r} or is the same: levels form no circle")
        if child.collection.sources or child.top:
            raise LinkError(f"level {child.name!r} has sources or clusters of its own; those of a graph are shared")


def _refuse_name(name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise LinkError(f"{name!r} can not be the name of a level: it is called as executors.<name>")
