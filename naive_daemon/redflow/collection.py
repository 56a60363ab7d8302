"""The sources of a graph, which all its levels share: adds them to clusters, and takes them out.

Callbacks may add and remove sources. Each operation is complete in itself and done at once; whoever was in the middle
of another goes on with what is there then. Levels are linked and unlinked between additions only, and a mapper
changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from naive_daemon.redflow.creator import Change, Creator, take_back
from naive_daemon.redflow.detaching import detach_idle, detach_levels, take_out, tell_detached
from naive_daemon.redflow.errors import CallbackError, LinkError, MapperError, SourceError
from naive_daemon.redflow.source import Source, SourceData

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from naive_daemon.redflow.cluster import Cluster
    from naive_daemon.redflow.flow import RedFlow


class SourceCollection(Generic[SourceData]):
    """All sources of one graph by their ids, in the order in which they came."""

    __slots__ = ("_count_given", "_creator", "_running", "is_initialised", "root", "sources")

    def __init__(self, root: RedFlow[SourceData, Any]) -> None:
        self.root = root
        self.sources: dict[Hashable, Source[SourceData]] = {}
        self.is_initialised = False
        self._creator: Creator[SourceData, Any] = Creator()
        self._count_given = 0
        self._running = 0

    def find(self, id: Hashable) -> Source[SourceData]:  # noqa: A002 (what it is)
        """Find a source by its id; raises SourceError."""
        try:
            return self.sources[id]
        except (KeyError, TypeError) as error:
            raise SourceError(f"there is no source with the id {id!r}") from error

    def add(self, sources: Iterable[Source[SourceData]]) -> None:
        """Add each, and cluster it down the whole graph before the next one.

        Raises SourceError, with nothing added, when one of them can not be; MapperError or CallbackError with those
        before that one added.
        """
        self.refuse_in_mapper()
        batch = list(sources)
        self._refuse_known(batch)
        for source in batch:
            self._add(source)

    def remove(self, source: Source[SourceData] | Hashable) -> tuple[Cluster[SourceData, Any], ...]:
        """Take a source out at every level; gives the clusters that were detached, children before parents."""
        self.refuse_in_mapper()
        found = self.find(source.id if isinstance(source, Source) else source)
        if isinstance(source, Source) and source is not found:
            raise SourceError(f"{source!r} is not in this graph: another source has its id")
        return tuple(self._remove(found))

    def release(self, cluster: Cluster[SourceData, Any]) -> tuple[Cluster[SourceData, Any], ...]:
        """Take the mark from a cluster, and detach what nothing holds then."""
        self.refuse_in_mapper()
        cluster.stays = False
        detached = detach_idle(cluster)
        tell_detached(detached)
        return tuple(detached)

    def cluster_levels(self, flows: Sequence[RedFlow[SourceData, Any]]) -> None:
        """Cluster all sources at these levels, which are new (parents first), one level after another.

        Raises MapperError or CallbackError; the levels are to be cleared then.
        """
        self._running += 1
        try:
            self._cluster_levels(flows)
        finally:
            self._running -= 1

    def clear_levels(
        self, flows: Sequence[RedFlow[SourceData, Any]], then: Callable[[], object]
    ) -> tuple[Cluster[SourceData, Any], ...]:
        """Detach all that is at these levels (parents first), bottom up; do `then`, before callbacks are told of it."""
        detached = detach_levels(flows, self.sources.values())
        then()
        tell_detached(detached)
        return tuple(detached)

    def forget_initialisation(self) -> None:
        """Go back to where sources are collected, and not clustered."""
        self.is_initialised = False

    def refuse_in_mapper(self) -> None:
        """Raise MapperError when a mapper is running."""
        if self._creator.is_open:
            raise MapperError("a mapper calls creator.create_or_get(id) and changes nothing else of its graph")

    def refuse_while_adding(self) -> None:
        """Raise LinkError when a source is on its way down the graph."""
        if self._running:
            raise LinkError("levels are not linked, unlinked or initialised while a source is being added")

    def _add(self, source: Source[SourceData]) -> None:
        if source.id in self.sources:
            raise SourceError(f"a callback has added a source with the id {source.id!r} meanwhile")
        self._count_given += 1
        number = source.number = self._count_given
        self.sources[source.id] = source
        if not self.is_initialised:
            return
        self._running += 1
        changes: list[Change] = []
        outer, self._creator.changes = self._creator.changes, changes  # a callback of another may be adding this one
        try:
            self._cluster(source, number)
        except BaseException:
            if source.number == number:
                take_back(changes)
                self._remove(source, undone=number)
            raise
        finally:
            self._creator.changes = outer
            self._running -= 1

    def _remove(self, source: Source[SourceData], undone: int = 0) -> list[Cluster[SourceData, Any]]:
        del self.sources[source.id]
        source.number = 0
        detached = take_out(source, undone)
        if detached:
            tell_detached(detached)
        return detached

    def _cluster(self, source: Source[SourceData], number: int) -> None:
        """Cluster a source level by level; it has another number when a callback has removed it meanwhile."""
        places: list[tuple[RedFlow[SourceData, Any], Cluster[SourceData, Any] | None]] = [(self.root, None)]
        for flow, parent in places:  # grows as the source comes down
            below = flow.children.values()
            for cluster in self._creator.map(flow, source, parent):
                if flow.on_source_add is None:
                    cluster.is_told = True
                else:
                    _announce(flow.on_source_add, source, cluster)
                    if source.number != number:
                        return
                for child in below:
                    places.append((child, cluster))  # noqa: PERF401 (on the path of each source that comes)

    def _cluster_levels(self, flows: Sequence[RedFlow[SourceData, Any]]) -> None:
        """Cluster who was there at the beginning; who comes meanwhile, by a callback, is clustered by that."""
        last = self._count_given
        for flow in flows:
            for source, parent in self._places(flow):
                number = source.number
                if not 0 < number <= last:
                    continue
                for cluster in self._creator.map(flow, source, parent):
                    if flow.on_source_add is None:
                        cluster.is_told = True
                    elif source.number == number:
                        _announce(flow.on_source_add, source, cluster)

    def _places(
        self, flow: RedFlow[SourceData, Any]
    ) -> list[tuple[Source[SourceData], Cluster[SourceData, Any] | None]]:
        if flow.parent is None:
            return [(source, None) for source in self.sources.values()]
        return [(source, cluster) for cluster in flow.parent.each() for source in cluster.members.values()]

    def _refuse_known(self, batch: Sequence[Source[SourceData]]) -> None:
        seen: set[Hashable] = set()
        for source in batch:
            if source.id in self.sources or source.id in seen:
                raise SourceError(f"there is a source with the id {source.id!r} already")
            if source.number:
                raise SourceError(f"{source!r} is in another graph already")
            seen.add(source.id)


def _announce(
    callback: Callable[[Source[SourceData], Cluster[SourceData, Any], bool], object],
    source: Source[SourceData],
    cluster: Cluster[SourceData, Any],
) -> None:
    is_new, cluster.is_told = not cluster.is_told, True
    try:
        callback(source, cluster, is_new)
    except Exception as error:
        raise CallbackError(f"level {cluster.flow.name!r}, {source!r}: on_source_add raised {error!r}") from error
