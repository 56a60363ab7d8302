"""A graph of three levels as tests use it: bots by their symbol, their settings, and their account."""

from typing import Any

import msgspec

from naive_daemon.redflow import Cluster, Creator, RedFlow, Source, initiate


class Bot(msgspec.Struct, frozen=True):
    """Who trades what, and how."""

    symbol: str
    settings: str = "s"
    account: str = "a"


Told = tuple[Any, ...]


class Graph:
    """The levels, and what their callbacks were told.

    That is ("add", level, source, cluster, is_new_cluster) and ("detach", level, cluster).
    """

    def __init__(self, *, stays: bool = False) -> None:
        self.told: list[Told] = []
        self.stream = self.level("stream", _by_symbol, stays=stays)
        self.decision = self.level("decision", _by_settings)
        self.account = self.level("account", _by_account)
        initiate((self.stream, [(self.decision, [self.account])]))

    def level(self, name: str, mapper: Any, *, stays: bool = False) -> RedFlow[Bot, Any]:
        """Make a level whose callbacks are told of."""
        return RedFlow(
            name,
            mapper,
            on_source_add=lambda source, cluster, is_new: self.told.append(
                ("add", name, source.id, cluster.clustering_id, is_new)
            ),
            on_cluster_detach=lambda cluster: self.told.append(("detach", name, cluster.clustering_id)),
            stays=stays,
        )

    def start(self, *bots: Bot) -> "Graph":
        """Initialise, then add the bots; their ids are b0, b1 and so on."""
        self.stream.init_flow()
        self.stream.add_sources(source_of(number, bot) for number, bot in enumerate(bots))
        return self


def source_of(number: int, bot: Bot) -> Source[Bot]:
    """Make a source b<number>."""
    return Source(f"b{number}", bot)


def shape(flow: RedFlow[Any, Any], parent: Cluster[Any, Any] | None = None) -> dict[Any, Any]:
    """Give what is in a level below `parent`: for each cluster its sources, and the same of the levels below it."""
    return {
        cluster.clustering_id: (
            sorted(cluster.sources),
            {name: shape(child, cluster) for name, child in flow.children.items()},
        )
        for cluster in flow.niche(parent).values()
    }


def ids(clusters: Any) -> list[tuple[str, Any]]:
    """Give level and id of each."""
    return [(cluster.flow.name, cluster.clustering_id) for cluster in clusters]


def by(field: str) -> Any:
    """Give a mapper that clusters by one field of a bot."""

    def mapper(source: Source[Bot], creator: Creator[Bot, Any], parent: Any) -> None:
        creator.create_or_get(getattr(source.data, field))

    return mapper


_by_symbol, _by_settings, _by_account = by("symbol"), by("settings"), by("account")


def fails_for(account: str) -> Any:
    """Give a mapper that clusters by account, and raises for this one."""

    def mapper(source: Source[Bot], creator: Creator[Bot, Any], parent: Any) -> None:
        creator.create_or_get(source.data.account)
        if source.data.account == account:
            raise ValueError("bad data")

    return mapper
