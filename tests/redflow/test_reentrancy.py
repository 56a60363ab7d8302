"""Callbacks that change the graph they are called from, and callbacks that raise."""

from typing import Any

import pytest

from naive_daemon.redflow import CallbackError, Cluster, LinkError, MapperError, RedFlow, Source, SourceError, initiate
from tests.redflow.bots import Bot, Graph, by, ids, shape, source_of

BTC, ETH, XRP = "BTCUSDT", "ETHUSDT", "XRPUSDT"


def _on_add(graph: Graph, flow: RedFlow[Bot, Any], name: str, do: Any) -> None:
    """Do something, once, when the source of this name has come into a cluster of the level."""
    tell = flow.on_source_add
    assert tell is not None

    def callback(source: Source[Bot], cluster: Cluster[Bot, Any], is_new: bool) -> None:
        tell(source, cluster, is_new)
        if source.id == name:
            flow.on_source_add = tell
            do()

    flow.on_source_add = callback


def test_a_callback_adds_a_source_which_comes_down_at_once() -> None:
    graph = Graph()
    _on_add(graph, graph.decision, "b0", lambda: graph.stream.add_sources([source_of(9, Bot(BTC, "s", "z"))]))
    graph.start(Bot(BTC))
    assert [told[1:3] for told in graph.told] == [
        ("stream", "b0"),
        ("decision", "b0"),
        ("stream", "b9"),
        ("decision", "b9"),
        ("account", "b9"),
        ("account", "b0"),
    ]
    assert shape(graph.stream) == shape(Graph().start(Bot(BTC)).stream) | shape(graph.stream)
    assert ids(graph.stream.find("b9").clusters) == [("stream", BTC), ("decision", "s"), ("account", "z")]
    assert ids(graph.stream.find("b0").clusters) == [("stream", BTC), ("decision", "s"), ("account", "a")]


def test_a_callback_removes_the_source_that_comes_which_goes_no_deeper() -> None:
    graph = Graph()
    _on_add(graph, graph.decision, "b0", lambda: graph.stream.remove_source("b0"))
    graph.start(Bot(BTC), Bot(ETH))
    assert ("add", "account", "b0", "a", True) not in graph.told
    assert graph.told[2:4] == [("detach", "decision", "s"), ("detach", "stream", BTC)]
    assert shape(graph.stream) == shape(Graph().start(Bot(ETH)).stream) | {ETH: shape(graph.stream)[ETH]}
    assert list(graph.stream.sources) == ["b1"]


def test_a_callback_removes_the_source_that_comes_and_adds_it_again() -> None:
    graph = Graph()
    source = source_of(0, Bot(BTC))

    def again() -> None:
        graph.stream.remove_source(source)
        graph.stream.add_sources([source])

    _on_add(graph, graph.decision, "b0", again)
    graph.start()
    graph.stream.add_sources([source])
    assert ids(source.clusters) == [("stream", BTC), ("decision", "s"), ("account", "a")]
    assert shape(graph.stream) == shape(Graph().start(Bot(BTC)).stream)


def test_a_callback_removes_another_source_and_what_that_was_alone_in() -> None:
    graph = Graph().start(Bot(BTC), Bot(ETH))
    _on_add(graph, graph.stream, "b7", lambda: graph.stream.remove_source("b0"))
    graph.stream.add_sources([source_of(7, Bot(ETH, "t"))])
    assert sorted(shape(graph.stream)) == [ETH]
    assert sorted(graph.stream.sources) == ["b1", "b7"]


def test_a_callback_adds_what_stands_in_the_same_batch_still_to_come() -> None:
    graph = Graph()
    _on_add(graph, graph.stream, "b0", lambda: graph.stream.add_sources([source_of(1, Bot(XRP))]))
    with pytest.raises(SourceError, match="a callback has added a source with the id 'b1'"):
        graph.start(Bot(BTC), Bot(ETH), Bot(ETH))
    assert shape(graph.stream).keys() == {BTC, XRP}
    assert sorted(graph.stream.sources) == ["b0", "b1"]


def test_two_clusters_of_one_source_of_which_another_comes_first_into_the_second() -> None:
    told: list[tuple[Any, ...]] = []

    def both(source: Source[str], creator: Any, parent: Any) -> None:
        for name in source.data:
            creator.create_or_get(name)

    def add(source: Source[str], cluster: Cluster[str, Any], is_new: bool) -> None:
        told.append((source.id, cluster.clustering_id, is_new))
        if (source.id, cluster.clustering_id) == (1, "a"):
            flow.add_sources([Source(2, "b")])

    flow: RedFlow[str, Any] = RedFlow("level", both, on_source_add=add)
    flow.init_flow()
    flow.add_sources([Source(1, "ab")])
    assert told == [(1, "a", True), (2, "b", True), (1, "b", False)]  # the first that is told is told that it is new


@pytest.mark.parametrize("is_initialised", [False, True])
def test_a_source_that_goes_when_it_came_into_the_first_of_its_clusters_is_not_told_of_the_second(
    is_initialised: bool,
) -> None:
    told: list[Any] = []

    def both(source: Source[str], creator: Any, parent: Any) -> None:
        for name in source.data:
            creator.create_or_get(name)

    def add(source: Source[str], cluster: Cluster[str, Any], is_new: bool) -> None:
        told.append(cluster.clustering_id)
        if source.id == 1:
            flow.remove_source(source)

    flow: RedFlow[str, Any] = RedFlow("level", both, on_source_add=add, stays=True)
    if is_initialised:
        flow.init_flow()
    flow.add_sources([Source(1, "ab"), Source(2, "c")])
    flow.init_flow()
    assert told == ["a", "c"]
    assert shape(flow) == {"a": ([], {}), "c": ([2], {})}  # and what was never told of does not stay


@pytest.mark.parametrize("late", [False, True])
def test_callbacks_change_the_sources_while_all_are_clustered(late: bool) -> None:
    """At initialisation, and when a level is linked: one goes, one goes and comes again, one comes."""
    graph = Graph()
    again = source_of(2, Bot(BTC, "s", "c"))

    def change() -> None:
        graph.stream.remove_source("b1")
        graph.stream.remove_source(again)
        graph.stream.add_sources([source_of(9, Bot(ETH, "s", "d")), again])

    if late:
        graph.stream.unlink_child("decision")
        graph.stream.init_flow()
    graph.stream.add_sources([source_of(0, Bot(BTC, "s", "a")), source_of(1, Bot(BTC, "s", "b")), again])
    _on_add(graph, graph.decision, "b0", change)
    if late:
        graph.stream.link_child("decision", graph.decision)
    else:
        graph.stream.init_flow()
    expected = Graph().start()
    expected.stream.add_sources([source_of(0, Bot(BTC, "s", "a")), source_of(9, Bot(ETH, "s", "d"))])
    expected.stream.add_sources([source_of(2, Bot(BTC, "s", "c"))])
    assert shape(graph.stream) == shape(expected.stream)
    assert [ids(source.clusters) for source in graph.stream.sources.values()] == [
        ids(source.clusters) for source in expected.stream.sources.values()
    ]
    added = [told[1:] for told in graph.told if told[0] == "add" and told[2] == "b2"]
    assert added[-3:] == [
        ("stream", "b2", BTC, False),
        ("decision", "b2", "s", False),
        ("account", "b2", "c", True),
    ]
    assert [told for told in graph.told if told[:3] == ("add", "account", "b2")] == [
        ("add", "account", "b2", "c", True)
    ]


def test_a_detached_cluster_comes_again_as_another_one_from_its_own_callback() -> None:
    graph = Graph().start(Bot(BTC))
    old = graph.stream.find_cluster(BTC)
    seen: list[Any] = []

    def again(cluster: Cluster[Bot, Any]) -> None:
        seen.append(cluster)
        if cluster.flow is graph.account:
            assert (list(graph.stream.sources), graph.stream.count) == ([], 0)  # the whole graph is as it shall be
            graph.stream.add_sources([source_of(5, Bot(BTC))])

    for flow in graph.stream.levels():
        flow.on_cluster_detach = again
    graph.stream.remove_source("b0")
    assert ids(seen) == [("account", "a"), ("decision", "s"), ("stream", BTC)]
    assert (seen[-1], old.is_attached, graph.stream.find_cluster(BTC) is old) == (old, False, False)
    assert shape(graph.stream).keys() == {BTC}


def test_levels_stay_while_a_source_is_on_its_way() -> None:
    graph = Graph()
    refused: list[Any] = []

    def change() -> None:
        for do in (
            lambda: graph.stream.unlink_child("decision"),
            lambda: graph.stream.link_child("other", RedFlow("other", by("symbol"))),
            lambda: graph.account.link_child("other", RedFlow("other", by("symbol"))),
        ):
            with pytest.raises(LinkError, match="while a source is being added"):
                do()
            refused.append(do)

    _on_add(graph, graph.decision, "b0", change)
    graph.start(Bot(BTC))
    assert len(refused) == 3
    assert shape(graph.stream) == shape(Graph().start(Bot(BTC)).stream)


def test_a_mapper_that_changes_its_graph_is_refused() -> None:
    for change in (
        lambda flow: flow.add_sources([source_of(9, Bot(ETH))]),
        lambda flow: flow.remove_source("b0"),
        lambda flow: flow.unlink_child("decision"),
        lambda flow: flow.link_child("other", RedFlow("other", by("symbol"))),
        lambda flow: flow.find_cluster(BTC).release(),
    ):
        graph = Graph().start(Bot(BTC))
        graph.decision.mapper = lambda source, creator, parent, graph=graph, change=change: change(graph.stream)
        before = shape(graph.stream)
        with pytest.raises(MapperError, match="changes nothing else"):
            graph.stream.add_sources([source_of(1, Bot(BTC))])
        assert shape(graph.stream) == before


def test_on_source_add_that_raises_takes_the_source_out_again() -> None:
    graph = Graph().start(Bot(BTC))
    before = shape(graph.stream)

    def fail() -> None:
        raise ValueError("no feed")

    _on_add(graph, graph.decision, "b1", fail)
    graph.told.clear()
    with pytest.raises(CallbackError, match=r"level 'decision', <Source 'b1'>: on_source_add raised ValueError"):
        graph.stream.add_sources([source_of(1, Bot(ETH)), source_of(2, Bot(XRP))])
    assert (shape(graph.stream), list(graph.stream.sources)) == (before, ["b0"])
    assert graph.told[-2:] == [("detach", "decision", "s"), ("detach", "stream", ETH)]


def test_an_exit_in_a_callback_is_not_wrapped_and_takes_the_source_out_all_the_same() -> None:
    graph = Graph().start(Bot(BTC))

    def leave() -> None:
        raise SystemExit(3)

    _on_add(graph, graph.account, "b1", leave)
    with pytest.raises(SystemExit):
        graph.stream.add_sources([source_of(1, Bot(ETH))])
    assert shape(graph.stream).keys() == {BTC}


def test_on_cluster_detach_that_raises_stops_no_other() -> None:
    graph = Graph().start(Bot(BTC), Bot(ETH))
    told: list[Any] = []

    def fail(cluster: Cluster[Bot, Any]) -> None:
        told.append((cluster.flow.name, cluster.clustering_id))
        raise OSError(cluster.flow.name)

    for flow in graph.stream.levels():
        flow.on_cluster_detach = fail
    with pytest.raises(CallbackError, match=r"level 'account', cluster 'a': .* raised .*; and 2 more") as raised:
        graph.stream.remove_source("b0")
    assert told == [("account", "a"), ("decision", "s"), ("stream", BTC)]
    assert shape(graph.stream).keys() == {ETH}
    all_failed = raised.value.__cause__
    assert isinstance(all_failed, ExceptionGroup)
    assert [str(failed.__cause__) for failed in all_failed.exceptions] == ["account", "decision", "stream"]
    graph.decision.on_cluster_detach = None
    with pytest.raises(CallbackError, match=r"level 'account', cluster 'a': on_cluster_detach raised OSError\(.*\)$"):
        graph.decision.unlink_child("account")
    graph.decision.on_cluster_detach = fail
    with pytest.raises(CallbackError):
        graph.stream.unlink_child("decision")
    assert (list(graph.stream.children), graph.decision.parent, graph.account.count) == ([], None, 0)


def test_an_exit_in_on_cluster_detach_comes_when_all_were_told() -> None:
    graph = Graph().start(Bot(BTC))

    def leave(cluster: Cluster[Bot, Any]) -> None:
        raise SystemExit(3)

    graph.account.on_cluster_detach = leave
    with pytest.raises(SystemExit):
        graph.stream.remove_source("b0")
    assert graph.told[-2:] == [("detach", "decision", "s"), ("detach", "stream", BTC)]
    assert shape(graph.stream) == {}


def test_nested_operations_that_fail_leave_those_around_them_whole() -> None:
    graph = Graph()

    def nested() -> None:
        with pytest.raises(SourceError):
            graph.stream.add_sources([source_of(0, Bot(BTC))])
        with pytest.raises(SourceError):
            graph.stream.remove_source("nobody")
        graph.decision.on_source_add, told = None, graph.decision.on_source_add
        graph.account.mapper = lambda source, creator, parent: 1
        with pytest.raises(MapperError, match="returned 1"):
            graph.stream.add_sources([source_of(4, Bot(BTC))])
        graph.account.mapper, graph.decision.on_source_add = by("account"), told

    _on_add(graph, graph.decision, "b0", nested)
    graph.start(Bot(BTC))
    assert shape(graph.stream) == shape(Graph().start(Bot(BTC)).stream)


def test_a_nested_list_that_fails_links_nothing() -> None:
    top, first, second = (RedFlow(name, by("symbol")) for name in ("top", "first", "second"))
    circle: list[Any] = [first]
    circle.append([circle])
    for nested in ((top, [first, (second, [first])]), (top, [first, first]), (top, [(first, [top])]), (top, [circle])):
        with pytest.raises(LinkError):
            initiate(nested)
        assert [flow.parent for flow in (top, first, second)] == [None] * 3
        assert [list(flow.children) for flow in (top, first, second)] == [[]] * 3
