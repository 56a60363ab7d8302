"""Takes sources and clusters out of a graph. First the whole graph is as it shall be, then callbacks are told."""

from __future__ import annotations

from contextlib import ExitStack
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from naive_daemon.redflow.errors import CallbackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from naive_daemon.redflow.cluster import Cluster
    from naive_daemon.redflow.flow import RedFlow
    from naive_daemon.redflow.source import Source

_by_depth = attrgetter("depth")


def take_out(source: Source[Any], undone: int = 0) -> list[Cluster[Any, Any]]:
    """Take a source out of all its clusters, the deepest first; gives those that are detached by that.

    `undone`: the number of a source whose coming is undone. What was made for it does not stay without another one, and
    neither does what it leaves before that was told.
    """
    clusters, source.memberships = source.memberships, ()
    if isinstance(clusters, list):
        clusters.sort(key=_by_depth)
    detached = []
    for cluster in reversed(clusters):
        del cluster.members[source.id]
        if not cluster.members and (cluster.made_by == undone or not cluster.is_told):
            cluster.stays = False
        if cluster.is_idle:
            detach(cluster)
            detached.append(cluster)
    return detached


def detach(cluster: Cluster[Any, Any]) -> None:
    """Take one cluster out of its niche, and the niche out of its parent when that was the last."""
    flow, parent = cluster.flow, cluster.parent
    cluster.is_attached = False
    cluster.path = ()  # which has itself in it
    flow.count -= 1
    niches = flow.top if parent is None else parent.below
    niche = niches[flow]
    del niche[cluster.clustering_id]
    if not niche:
        del niches[flow]


def detach_idle(cluster: Cluster[Any, Any] | None) -> list[Cluster[Any, Any]]:
    """Detach a cluster that nothing holds, then those above it that only it has held."""
    detached = []
    while cluster is not None and cluster.is_attached and cluster.is_idle:
        detach(cluster)
        detached.append(cluster)
        cluster = cluster.parent
    return detached


def detach_levels(flows: Sequence[RedFlow[Any, Any]], sources: Iterable[Source[Any]]) -> list[Cluster[Any, Any]]:
    """Detach all clusters of these levels (one and all below it, parents first), and what only they have held."""
    detached = []
    parents = [] if flows[0].parent is None else list(flows[0].parent.each())
    for flow in reversed(flows):
        for cluster in list(flow.each()):
            cluster.members.clear()
            detach(cluster)
            detached.append(cluster)
    for source in sources:
        source.memberships = tuple(cluster for cluster in source.memberships if cluster.is_attached)
    for parent in parents:
        detached += detach_idle(parent)
    return detached


def tell_detached(detached: Sequence[Cluster[Any, Any]]) -> None:
    """Tell of each, in this order; all of them are told, also when a callback raises: CallbackError, when all is done.

    A cluster whose coming was not told is not told of, either.
    """
    failed: list[CallbackError] = []
    with ExitStack() as stack:  # which also goes on to the end when a callback exits
        for cluster in reversed(detached):
            callback = cluster.flow.on_cluster_detach
            if cluster.is_told and callback is not None:
                stack.callback(_tell, callback, cluster, failed)
    if failed:
        raise _taken_together(failed)


def _tell(
    callback: Callable[[Cluster[Any, Any]], object], cluster: Cluster[Any, Any], failed: list[CallbackError]
) -> None:
    try:
        callback(cluster)
    except Exception as error:  # noqa: BLE001 (raised when all have been told)
        failed.append(_failure(cluster, error))


def _failure(cluster: Cluster[Any, Any], error: Exception) -> CallbackError:
    failure = CallbackError(
        f"level {cluster.flow.name!r}, cluster {cluster.clustering_id!r}: on_cluster_detach raised {error!r}"
    )
    failure.__cause__ = error
    return failure


def _taken_together(failed: list[CallbackError]) -> CallbackError:
    """Give one error for all, and empty the list: an error's frames see it, and would hold what the error holds."""
    if len(failed) == 1:
        return failed.pop()
    together = CallbackError(f"{failed[0]}; and {len(failed) - 1} more")
    together.__cause__ = ExceptionGroup("all that failed", failed)
    failed.clear()
    return together
