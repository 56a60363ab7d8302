"""A graph as data, and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from naive_daemon.redflow.cluster import Cluster
    from naive_daemon.redflow.flow import RedFlow


class ClusterView(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster: its level, id and data, how many sources it has, whether it stays, and the clusters below it.

    `hidden`: how many clusters are below it that are not shown, at all levels together.
    """

    level: str
    id: Any
    data: Any = None
    sources: int = 0
    stays: bool = False
    hidden: int = 0
    clusters: tuple[ClusterView, ...] = ()


class LevelView(msgspec.Struct, frozen=True, kw_only=True):
    """One level: its name, how many clusters it has, and the levels below it."""

    name: str
    clusters: int
    levels: tuple[LevelView, ...] = ()


class GraphView(msgspec.Struct, frozen=True, kw_only=True):
    """What a graph is at one moment: levels, how many sources, and the clusters as a tree."""

    level: LevelView
    sources: int
    clusters: tuple[ClusterView, ...] = ()


def graph_of(
    flow: RedFlow[Any, Any],
    clusters: Iterable[Cluster[Any, Any]] | None = None,
    *,
    depth: int | None = None,
    show: Callable[[Cluster[Any, Any]], object] | None = None,
) -> GraphView:
    """Give a level's clusters (or those `clusters` of it) with what is below them, so many levels deep (all).

    `show` gives what stands as a cluster's data, which is its data otherwise.
    """
    return GraphView(
        level=_level(flow),
        sources=len(flow.sources),
        clusters=tuple(
            _cluster(cluster, depth, show or _data) for cluster in (flow.clusters if clusters is None else clusters)
        ),
    )


def print_graph(view: GraphView) -> str:
    """Draw a graph as text: a line for each cluster with level, id, number of sources, and data."""
    lines = [line for cluster in view.clusters for line in _draw(cluster, "", "")]
    lines.append(f"{_count(view.sources, 'source')}; {_levels(view.level)}")
    return "\n".join(lines)


def _level(flow: RedFlow[Any, Any]) -> LevelView:
    return LevelView(name=flow.name, clusters=flow.count, levels=tuple(map(_level, flow.children.values())))


def _cluster(cluster: Cluster[Any, Any], depth: int | None, show: Callable[[Cluster[Any, Any]], object]) -> ClusterView:
    below = [child for niche in cluster.below.values() for child in niche.values()]
    is_shown = depth is None or depth > 1
    return ClusterView(
        level=cluster.flow.name,
        id=cluster.clustering_id,
        data=show(cluster),
        sources=len(cluster.members),
        stays=cluster.stays,
        hidden=0 if is_shown else sum(map(_size, below)),
        clusters=tuple(_cluster(child, None if depth is None else depth - 1, show) for child in below)
        if is_shown
        else (),
    )


def _size(cluster: Cluster[Any, Any]) -> int:
    return 1 + sum(_size(child) for niche in cluster.below.values() for child in niche.values())


def _data(cluster: Cluster[Any, Any]) -> object:
    return cluster.data


def _draw(cluster: ClusterView, lead: str, lead_below: str) -> Iterator[str]:
    yield f"{lead}{cluster.level} {' · '.join(_words(cluster))}"
    for number, child in enumerate(cluster.clusters, start=1):
        is_last = number == len(cluster.clusters)
        yield from _draw(child, lead_below + ("└─ " if is_last else "├─ "), lead_below + ("   " if is_last else "│  "))


def _words(cluster: ClusterView) -> Iterator[str]:
    yield _text(cluster.id)
    yield _count(cluster.sources, "source")
    if cluster.stays:
        yield "stays"
    if cluster.data is not None:
        yield _text(cluster.data)
    if cluster.hidden:
        yield f"{_count(cluster.hidden, 'cluster')} below"


def _levels(level: LevelView) -> str:
    below = ", ".join(map(_levels, level.levels))
    return f"{level.name} {level.clusters}" + (f" ({below})" if below else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(value: object) -> str:
    """Write on one line, whatever it is."""
    text = str(value)
    return text if text.isprintable() and text else repr(text)
