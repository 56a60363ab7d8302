"""What a graph is given and can not take: one clear error, and nothing is changed."""

from typing import Any

import pytest

from naive_daemon.redflow import ClusterError, Creator, LinkError, MapperError, RedFlow, Source, SourceError, initiate
from tests.redflow.bots import Bot, Graph, by, shape, source_of

BTC, ETH = "BTCUSDT", "ETHUSDT"


@pytest.mark.parametrize("name", ["", "a b", "1", "_a", "__init__", "class", "a.b", "a-b"])
def test_a_name_that_can_not_be_called_by_executors(name: str) -> None:
    with pytest.raises(LinkError, match=r"executors\.<name>"):
        RedFlow(name, by("symbol"))
    with pytest.raises(LinkError, match=r"executors\.<name>"):
        RedFlow("a", by("symbol")).link_child(name, RedFlow("b", by("symbol")))


def test_levels_that_are_not_there_or_are_twice() -> None:
    graph = Graph().start(Bot(BTC))
    with pytest.raises(LinkError, match="a level 'decision' is linked below 'stream' already"):
        graph.stream.link_child("decision", RedFlow("x", by("symbol")))
    for look in (
        graph.stream.unlink_child,
        graph.stream.child,
        lambda name: graph.stream.find_cluster(BTC).executors[name],
    ):
        with pytest.raises(LinkError, match="no level 'candles' is linked below 'stream'; there are: decision"):
            look("candles")
    with pytest.raises(AttributeError, match="there are: decision"):
        graph.stream.find_cluster(BTC).executors.candles  # noqa: B018 - looking is what is refused
    other = RedFlow("other", by("symbol"))
    other.add_sources([source_of(5, Bot(BTC))])
    with pytest.raises(LinkError, match="has sources or clusters of its own"):
        graph.stream.link_child("other", other)


@pytest.mark.parametrize("nested", [None, [], "stream", [[]], ["stream", []], [RedFlow("a", by("symbol")), 1]])
def test_a_nested_list_of_something_else(nested: Any) -> None:
    with pytest.raises(LinkError, match="was expected"):
        initiate(nested)


def test_ids_that_can_not_be_hashed() -> None:
    with pytest.raises(SourceError, match=r"\['x'\] can not be the id of a source"):
        Source(["x"], 1)  # type: ignore[arg-type]  # what is tested
    graph = Graph().start()
    for bad in ([], ({},)):
        graph.decision.mapper = lambda source, creator, parent, bad=bad: creator.create_or_get(bad) and None
        for _ in range(2):
            with pytest.raises(MapperError, match="can not be the id of a cluster"):
                graph.stream.add_sources([source_of(0, Bot(BTC))])
            assert (shape(graph.stream), dict(graph.stream.sources)) == ({}, {})
    with pytest.raises(SourceError, match=r"no source with the id \[\]"):
        graph.stream.find([])  # type: ignore[arg-type]  # what is tested


def test_the_same_id_twice_adds_nothing() -> None:
    graph = Graph().start(Bot(BTC))
    before = shape(graph.stream)
    for batch in ([source_of(1, Bot(ETH)), source_of(0, Bot(ETH))], [source_of(1, Bot(ETH)), source_of(1, Bot(BTC))]):
        with pytest.raises(SourceError, match=f"there is a source with the id '{batch[1].id}' already"):
            graph.stream.add_sources(batch)
        assert (shape(graph.stream), list(graph.stream.sources)) == (before, ["b0"])


def test_a_source_is_in_one_graph_and_removed_from_that_one() -> None:
    graph, other = Graph().start(Bot(BTC)), Graph().start()
    with pytest.raises(SourceError, match="<Source 'b0'> is in another graph already"):
        other.stream.add_sources([graph.stream.find("b0")])
    other.stream.add_sources([source_of(0, Bot(BTC))])
    with pytest.raises(SourceError, match="another source has its id"):
        other.stream.remove_source(graph.stream.find("b0"))
    assert (shape(graph.stream), list(other.stream.sources)) == (shape(other.stream), ["b0"])


@pytest.mark.parametrize("answer", [1, "id", [], (True, None), False])
def test_a_mapper_that_returns_something(answer: Any) -> None:
    graph = Graph().start(Bot(BTC))
    before = shape(graph.stream)
    graph.decision.mapper = lambda source, creator, parent: answer
    with pytest.raises(MapperError, match="level 'decision', <Source 'b1'>: the mapper returned"):
        graph.stream.add_sources([source_of(1, Bot(ETH))])
    assert shape(graph.stream) == before


def test_a_creator_that_is_kept_serves_no_longer() -> None:
    kept: list[Creator[Bot, Any]] = []
    flow: RedFlow[Bot, Any] = RedFlow("level", lambda source, creator, parent: kept.append(creator))
    flow.init_flow()
    flow.add_sources([source_of(0, Bot(BTC))])
    with pytest.raises(MapperError, match="while its mapper runs"):
        kept[0].create_or_get("x")
    assert flow.count == 0


def test_clusters_of_other_levels() -> None:
    graph = Graph().start(Bot(BTC))
    stream, account = graph.stream.find_cluster(BTC), graph.account.find_cluster(BTC, "s", "a")
    for ask in (
        lambda: graph.account.niche(stream),
        lambda: graph.stream.niche(account),
        lambda: graph.decision.niche(None),
        lambda: graph.account.exec_on_parent(stream, lambda *_: None),
        lambda: graph.account.exec_on_cluster(stream, lambda *_: None),
        lambda: graph.account.find_cluster(BTC, "s"),
        lambda: graph.account.find_cluster(BTC, "s", "a", "more"),
        lambda: graph.account.find_cluster(BTC, "t", "a"),
        graph.account.find_cluster,
    ):
        with pytest.raises(ClusterError, match=r"level '\w+'"):
            ask()
    assert dict(graph.decision.niche(stream)) == {"s": graph.decision.find_cluster(BTC, "s")}
